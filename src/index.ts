/**
 * effect-lsm: an embedded, durable, ordered key-value store for Effect backends.
 */
export { Compaction } from "./Compaction.ts"
export type {
  CompactionPick,
  CompactionStrategy,
  FifoOptions,
  LevelledOptions,
  SizeTieredOptions,
  TreeShape
} from "./Compaction.ts"
export { Disk } from "./disk/Disk.ts"
export type { AppendFile, AppendOptions, Claim, PathKind, ReadFile } from "./disk/Disk.ts"
export type { Commit } from "./engine/CommitRequest.ts"
export type { EngineEvent } from "./EngineEvent.ts"
export { LsmStore } from "./LsmStore.ts"
export type { WriteOptions } from "./LsmStore.ts"
export type { Entry, KeyRange, ReadOptions, ScanOptions, Snapshot, SnapshotScanOptions } from "./Snapshot.ts"
export {
  DiskError,
  InvalidArgument,
  StoreClosed,
  StoreCorrupted,
  StoreFenced,
  StoreLocked,
  StoreReadOnly,
  TransactionConflict,
  UnsupportedFormat
} from "./StoreError.ts"
export type { ReadError, StoreOpenError, WriteError } from "./StoreError.ts"
export type { Durability, EngineOptions, StoreOptions } from "./StoreOptions.ts"
export type { ActorState, ActorStats, Amplification, Delays, LevelStats, StoreStats } from "./StoreStats.ts"
export { WriteBatch } from "./WriteBatch.ts"
