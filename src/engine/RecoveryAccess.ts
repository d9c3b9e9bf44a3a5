/** What recovery works with, and what it can fail with. */
import type { Disk } from "../disk/Disk.ts"
import type { Jobs } from "../jobs/Jobs.ts"
import type { DiskError, InvalidArgument, StoreCorrupted, StoreFenced, UnsupportedFormat } from "../StoreError.ts"
import type { ResolvedOptions } from "../StoreOptions.ts"
import type { BlockCache } from "../table/BlockCache.ts"
import type { ReadPolicy } from "../table/ReadPolicy.ts"
import type { ArenaPool } from "./ArenaPool.ts"
import type { Fence } from "./Fence.ts"
import type { OpenFiles } from "./OpenFiles.ts"
import type { Retirement } from "./Retirement.ts"
import type { SyncedDirectory } from "./SyncedDirectory.ts"

export interface RecoveryAccess {
  readonly disk: Disk["Service"]
  readonly directory: SyncedDirectory
  /** Undefined in a store that is opened read-only. */
  readonly fence: Fence | undefined
  readonly jobs: Jobs["Service"]
  readonly retirement: Retirement["Service"]
  readonly cache: BlockCache
  readonly files: OpenFiles
  readonly policy: ReadPolicy
  readonly arenas: ArenaPool
  readonly options: ResolvedOptions
}

export type RecoveryError = DiskError | StoreCorrupted | StoreFenced | UnsupportedFormat | InvalidArgument
