/**
 * What the actors of one open store share: the published view, the visible
 * sequence, the status, and the counters.
 *
 * The view and the status change by transaction, since several actors change or
 * wait for them. The sequences are plain numbers, written in stretches that
 * never yield, by the Wal and its backlog alone (I3).
 */
import { Context, Effect, Exit, PubSub, TxRef } from "effect"
import type { Take } from "effect"
import { levelCount } from "../compaction/Strategy.ts"
import type { EngineEvent } from "../EngineEvent.ts"
import { StoreClosed, StoreReadOnly } from "../StoreError.ts"
import type { ResolvedOptions } from "../StoreOptions.ts"
import type { ActorStats } from "../StoreStats.ts"
import type { BlockCache } from "../table/BlockCache.ts"
import type { ReadPolicy } from "../table/ReadPolicy.ts"
import type { ArenaPool } from "./ArenaPool.ts"
import type { Fence } from "./Fence.ts"
import type { OpenFiles } from "./OpenFiles.ts"
import { IntakeRates } from "./Pacing.ts"
import type { ReadView } from "./ReadView.ts"
import { SnapshotRegistry } from "./SnapshotRegistry.ts"
import type { SyncedDirectory } from "./SyncedDirectory.ts"

/** Whether writes and reads are taken. Each field is set once. */
export interface EngineStatus {
  /** Set by fail-stop (I12), or by the option. Reads go on. */
  readonly readOnly?: StoreReadOnly
  /** Set when the store's scope begins to close. */
  readonly closed?: StoreClosed
}

/** How many events a slow listener may be behind before it misses the oldest. */
const eventBacklog = 1024

export class Counters {
  groups = 0
  records = 0
  /** Of records. */
  logBytes = 0
  /** Of groups in the log's files, with their headers and padding. */
  logFileBytes = 0
  syncs = 0
  largestGroup = 0
  rotations = 0
  flushes = 0
  compactions = 0
  compactionBytesRead = 0
  compactionBytesWritten = 0
  tablesMoved = 0
  tablesDropped = 0
  /** Bytes of tables written into each level, by flushes and merges. */
  readonly levelBytesWritten = new Float64Array(levelCount)
  /** Keys that were looked up. */
  gets = 0
  /** Chunks of scans. */
  chunks = 0
  /** Tables of each level in which a lookup had to look into a block. */
  readonly levelReads = new Float64Array(levelCount)
  stalls = 0
  stallMilliseconds = 0
  slowdowns = 0
  slowdownMilliseconds = 0
  workerRestarts = 0
}

export interface RecoveryFigures {
  readonly segments: number
  readonly records: number
  readonly discardedBytes: number
  readonly milliseconds: number
}

export interface EngineStateShape {
  readonly options: ResolvedOptions
  readonly directory: SyncedDirectory
  readonly view: TxRef.TxRef<ReadView>
  readonly status: TxRef.TxRef<EngineStatus>
  readonly snapshots: SnapshotRegistry
  readonly arenas: ArenaPool
  readonly cache: BlockCache
  readonly files: OpenFiles
  readonly readPolicy: ReadPolicy
  /** For the writing side, which a read-only store does not have. */
  readonly ownership: Fence
  readonly counters: Counters
  readonly intake: IntakeRates
  readonly recovery: RecoveryFigures
  /** Highest sequence that readers see. */
  visible: number
  /** Highest sequence given to a record. */
  assigned: number
  /** What listeners are told, and the end. */
  readonly events: PubSub.PubSub<Take.Take<EngineEvent>>
  readonly emit: (event: EngineEvent) => void
  /** Nothing happens any more: listeners come to their end, now and later. */
  readonly endEvents: Effect.Effect<void>
  /** Each running actor's figures. */
  readonly actors: Array<() => ActorStats>
  /** Called in the stretch in which writes stop, with the error for those who wait. */
  readonly onWritesStopped: Array<(error: StoreReadOnly) => void>
  /** Called when a flush or a merge has made room. */
  readonly onRelief: Array<() => void>
  /** Stops writes for good (I12). Later calls change nothing. */
  readonly stopWrites: (reason: string) => Effect.Effect<StoreReadOnly>
  /** From here on the public face answers `StoreClosed`; the actors go on until they have drained. */
  readonly close: Effect.Effect<StoreClosed>
  /** For durations: a time that nobody sets. Whole milliseconds. */
  readonly milliseconds: () => number
}

export class EngineState extends Context.Service<EngineState, EngineStateShape>()("effect-lsm/engine/EngineState") {}

/** At a full backlog `publishUnsafe` refuses the event, where `publish` drops the oldest to make room for it. */
const publish = (events: EngineStateShape["events"], event: EngineEvent): void => {
  if (!PubSub.publishUnsafe(events, [event])) Effect.runSync(PubSub.publish(events, [event]))
}

/** The state of a store that recovery has just brought up. */
export const makeEngineState = (parts: {
  readonly options: ResolvedOptions
  readonly directory: SyncedDirectory
  readonly view: ReadView
  readonly arenas: ArenaPool
  readonly cache: BlockCache
  readonly files: OpenFiles
  readonly readPolicy: ReadPolicy
  /** Undefined in a store that is opened read-only. */
  readonly fence: Fence | undefined
  readonly recovery: RecoveryFigures
  readonly lastSequence: number
  /** The highest sequence ever seen, discarded ones included; new ones start above it. */
  readonly highestSequence: number
}): Effect.Effect<EngineStateShape> =>
  Effect.gen(function*() {
    const events = yield* PubSub.sliding<Take.Take<EngineEvent>>(eventBacklog)
    const clock = yield* Effect.clockWith(Effect.succeed)
    const { options } = parts
    const status = TxRef.makeUnsafe<EngineStatus>(
      options.readOnly
        ? {
          readOnly: new StoreReadOnly({
            cause: "option",
            reason: `the option readOnly is set for ${options.directory}`
          })
        }
        : {}
    )
    const onWritesStopped: Array<(error: StoreReadOnly) => void> = []
    const emit = (event: EngineEvent): void => publish(events, event)
    const stopWrites = (reason: string): Effect.Effect<StoreReadOnly> =>
      Effect.uninterruptible(Effect.suspend(() => {
        const error = new StoreReadOnly({ cause: "failure", reason })
        return Effect.map(
          Effect.tx(
            TxRef.modify(
              status,
              (current) =>
                current.readOnly === undefined ? [error, { ...current, readOnly: error }] : [current.readOnly, current]
            )
          ),
          (inForce) => {
            if (inForce === error) {
              for (const listener of onWritesStopped) listener(error)
              emit({ _tag: "WritesStopped", error })
            }
            return inForce
          }
        )
      }))
    const close = Effect.suspend(() => {
      const error = new StoreClosed({ directory: options.directory })
      return Effect.tx(
        TxRef.modify(
          status,
          (current) => current.closed === undefined ? [error, { ...current, closed: error }] : [current.closed, current]
        )
      )
    })
    return {
      options,
      directory: parts.directory,
      view: TxRef.makeUnsafe(parts.view.adopt()),
      status,
      snapshots: new SnapshotRegistry(),
      arenas: parts.arenas,
      cache: parts.cache,
      files: parts.files,
      readPolicy: parts.readPolicy,
      get ownership() {
        if (parts.fence === undefined) throw new Error("A store that only reads owns no directory.")
        return parts.fence
      },
      counters: new Counters(),
      intake: new IntakeRates(),
      recovery: parts.recovery,
      visible: parts.lastSequence,
      assigned: parts.highestSequence,
      events,
      emit,
      endEvents: Effect.asVoid(PubSub.end(events, Exit.void)),
      actors: [],
      onWritesStopped,
      onRelief: [],
      stopWrites,
      close,
      milliseconds: () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
    }
  })
