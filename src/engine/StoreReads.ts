/**
 * The reading half of the public face: point reads, scans and snapshots over one
 * engine. None of them waits for a writer (I1, I8).
 */
import type { Effect, Scope, Stream } from "effect"
import type { Entry, ScanOptions, Snapshot } from "../Snapshot.ts"
import type { ReadError } from "../StoreError.ts"
import type { EngineStateShape } from "./EngineState.ts"
import { takeSnapshot } from "./PinnedSnapshot.ts"
import type { SnapshotReads } from "./PinnedSnapshot.ts"
import { makePointReads } from "./PointReads.ts"
import type { PointReads } from "./PointReads.ts"
import { makeScan } from "./Scan.ts"

export interface StoreReads extends PointReads {
  readonly scan: (options?: ScanOptions) => Stream.Stream<Entry, ReadError>
  readonly snapshot: Effect.Effect<Snapshot, ReadError, Scope.Scope>
}

export const makeStoreReads = (engine: EngineStateShape): StoreReads => {
  const points = makePointReads(engine)
  const reads: SnapshotReads = {
    get: (key, snapshot) => points.get(key, { snapshot }),
    getMany: (keys, snapshot) => points.getMany(keys, { snapshot }),
    has: (key, snapshot) => points.has(key, { snapshot }),
    scan: (options, snapshot) => scan(options, snapshot)
  }
  const scan = makeScan(engine)
  return {
    ...points,
    scan: (options) => scan(options, undefined),
    snapshot: takeSnapshot(engine, reads)
  }
}
