/**
 * What a simulation does, as plain data: the same plan makes the same run, byte
 * for byte. A plan is complete by itself, so that it can be kept, shrunk and
 * replayed; chance has its say before, when a seed is drawn into a plan.
 */
import { Schema } from "effect"

const Durability = Schema.Literals(["sync", "buffered", "async"])
const Compression = Schema.Literals(["none", "lz4", "zstd"])

/** Strategies by name, so that a plan is data. */
export const StrategyName = Schema.Literals([
  "smallLevels",
  "smallTiers",
  "oddPicks",
  "levelled",
  "sizeTiered",
  "fifo"
])
export type StrategyName = typeof StrategyName.Type

const atLeast = (least: number) => Schema.Int.check(Schema.isGreaterThanOrEqualTo(least))

export const PlannedOptions = Schema.Struct({
  memtableSize: atLeast(64 * 1024),
  maxImmutables: atLeast(1),
  durability: Durability,
  /** Milliseconds. */
  syncInterval: atLeast(1),
  blockSize: atLeast(512),
  blockCacheSize: Schema.Natural,
  filterBitsPerKey: Schema.Natural,
  compression: Schema.NonEmptyArray(Compression),
  maxOpenFiles: atLeast(8),
  compaction: StrategyName
})
export type PlannedOptions = typeof PlannedOptions.Type

/** Keys are text here; a store sees their UTF-8. */
const Key = Schema.String
const level = { durability: Schema.optionalKey(Durability) }

/** One record of a batch; without a size it deletes. */
export const BatchRecord = Schema.Struct({ key: Key, size: Schema.optionalKey(Schema.Natural) })

const Range = Schema.Struct({
  gt: Schema.optionalKey(Key),
  gte: Schema.optionalKey(Key),
  lt: Schema.optionalKey(Key),
  lte: Schema.optionalKey(Key),
  prefix: Schema.optionalKey(Key)
})

/** Where a read looks: in the snapshot that its fiber holds, if it holds one. */
const through = { throughSnapshot: Schema.optionalKey(Schema.Boolean) }

const common = {
  /** It is made to yield at its n-th step, and interrupted there. */
  interruptAt: Schema.optionalKey(Schema.Natural),
  /** Another fiber interrupts it, wherever it waits, after so many yields of its own. */
  interruptAfter: Schema.optionalKey(Schema.Natural)
}

/** What a fiber does next. Sizes are bytes of values. */
export const Operation = Schema.Union([
  Schema.TaggedStruct("Put", { ...common, key: Key, size: Schema.Natural, ...level }),
  Schema.TaggedStruct("Delete", { ...common, key: Key, ...level }),
  /** Puts and deletes all at once, each by itself. */
  Schema.TaggedStruct("Burst", {
    ...common,
    writes: Schema.Array(Schema.Struct({ key: Key, size: Schema.optionalKey(Schema.Natural), ...level }))
  }),
  Schema.TaggedStruct("Write", { ...common, records: Schema.Array(BatchRecord), ...level }),
  /** Moves money between accounts; the seed says which, and how much. */
  Schema.TaggedStruct("Transfer", { ...common, seed: Schema.Natural, ...level }),
  Schema.TaggedStruct("Get", { ...common, key: Key, ...through }),
  Schema.TaggedStruct("Has", { ...common, key: Key, ...through }),
  Schema.TaggedStruct("GetMany", { ...common, keys: Schema.Array(Key), ...through }),
  /** Reads the keys again and again, with a turn for others in between. */
  Schema.TaggedStruct("Watch", { ...common, keys: Schema.Array(Key), turns: Schema.Natural }),
  Schema.TaggedStruct("Scan", {
    ...common,
    range: Range,
    reverse: Schema.Boolean,
    limit: Schema.optionalKey(Schema.Natural),
    /** It is given up after so many entries. */
    abandonAfter: Schema.optionalKey(Schema.Natural),
    /** Its consumer takes so many milliseconds for each entry. */
    pause: Schema.optionalKey(Schema.Natural),
    ...through
  }),
  /** Adds all accounts up, by a scan and by `getMany`. */
  Schema.TaggedStruct("Audit", { ...common, ...through }),
  /** Held by the fiber until it takes another, releases it, or ends. */
  Schema.TaggedStruct("TakeSnapshot", { ...common }),
  Schema.TaggedStruct("ReleaseSnapshot", { ...common }),
  Schema.TaggedStruct("Sync", { ...common }),
  Schema.TaggedStruct("Flush", { ...common }),
  Schema.TaggedStruct("Compact", { ...common, range: Schema.optionalKey(Range) }),
  Schema.TaggedStruct("Stats", { ...common }),
  Schema.TaggedStruct("Sleep", { ...common, milliseconds: Schema.Natural })
])
export type Operation = typeof Operation.Type

/** `"directory"` is the store's own, `"parent"` the one that holds it. */
export const FileKind = Schema.Literals(["segment", "table", "manifest", "current", "owner", "directory", "parent"])
export type FileKind = typeof FileKind.Type

const DiskOperation = Schema.Literals([
  "createAppend",
  "claim",
  "isHeld",
  "append",
  "sync",
  "openRead",
  "read",
  "readSync",
  "close",
  "kind",
  "list",
  "makeDirectory",
  "rename",
  "remove",
  "syncDirectory",
  "checkWritable",
  "lock"
])

const calls = {
  operations: Schema.Array(DiskOperation),
  files: Schema.Array(FileKind)
}

/** Some kinds of calls to the disk. */
export const Calls = Schema.Struct(calls)
export type Calls = typeof Calls.Type

/** Calls that fail or stall, see `FaultPlan`. In a life they are counted from the end of the opening. */
export const PlannedFault = Schema.Struct({
  ...calls,
  nth: Schema.Natural,
  times: Schema.optionalKey(Schema.Natural),
  code: Schema.optionalKey(Schema.String),
  keep: Schema.optionalKey(Schema.Literals(["none", "some", "all"])),
  /** Milliseconds. */
  stall: Schema.optionalKey(Schema.Natural),
  /** Milliseconds. */
  healAfter: Schema.optionalKey(Schema.Natural)
})
export type PlannedFault = typeof PlannedFault.Type

export const ActorName = Schema.Literals(["Wal", "RotationCoordinator", "Flusher", "Compactor", "Manifest"])
export type ActorName = typeof ActorName.Type

/** A defect in an actor as it begins with its n-th message. */
export const PlannedDefect = Schema.Struct({ actor: ActorName, message: Schema.Natural })
export type PlannedDefect = typeof PlannedDefect.Type

export const CrashMode = Schema.Literals(["synced", "all", "torn", "random"])

/** Before which call to the disk: the n-th since the beginning, of those kinds if any are named. */
const moment = { call: Schema.Natural, of: Schema.optionalKey(Calls) }

const Crash = Schema.TaggedStruct("Crash", { mode: CrashMode, ...moment })
export type Crash = typeof Crash.Type
const Kill = Schema.TaggedStruct("Kill", moment)
export type Kill = typeof Kill.Type

/** How a life, or the opening of a store, ends. */
export const End = Schema.Union([
  Schema.TaggedStruct("Close", {
    /** The store is closed after so many milliseconds whatever its fibers do. */
    after: Schema.optionalKey(Schema.Natural),
    /** The closing fiber is interrupted at its n-th step. */
    interruptAt: Schema.optionalKey(Schema.Natural)
  }),
  Crash,
  Kill
])
export type End = typeof End.Type

/** An opening that does not come to its end, or not undisturbed, or that only reads. */
export const Attempt = Schema.Struct({
  readOnly: Schema.optionalKey(Schema.Boolean),
  seed: Schema.Natural,
  end: End,
  interruptAt: Schema.optionalKey(Schema.Natural),
  fault: Schema.optionalKey(PlannedFault)
})
export type Attempt = typeof Attempt.Type

/** How long calls to the disk take; `"none"` is a yield before and after. */
export const Latency = Schema.Literals(["none", "even", "uneven", "slow syncs", "slow reads", "slow tables", "hiccups"])
export type Latency = typeof Latency.Type

/** A store that takes the directory over at that moment, counted from the life's claim on, while the life goes on. */
export const Rival = Schema.Struct({
  /** The lock is lost; or the directory gets another name, and a new store is made in its place. */
  how: Schema.Literals(["lock lost", "directory moved"]),
  ...moment,
  /** Milliseconds for which that call stalls. */
  stall: Schema.optionalKey(Schema.Natural),
  options: PlannedOptions,
  fibers: Schema.Array(Schema.Array(Operation)),
  /** It closes only after the life has. */
  outlives: Schema.Boolean
})
export type Rival = typeof Rival.Type

/** A store from its opening to its end. */
export const Life = Schema.Struct({
  /** Decides the order of events, and what the disk leaves to chance. */
  seed: Schema.Natural,
  options: PlannedOptions,
  latency: Latency,
  earlyWakeChance: Schema.Number,
  /** Openings before this one that came to nothing. */
  attempts: Schema.Array(Attempt),
  fibers: Schema.Array(Schema.Array(Operation)),
  faults: Schema.Array(PlannedFault),
  defects: Schema.Array(PlannedDefect),
  /** Crashes and kills that only a copy of the disk suffers, which is recovered and looked at by itself. */
  glimpses: Schema.Array(Schema.Union([Crash, Kill])),
  /** It flushes and comes to rest before it closes. */
  settles: Schema.Boolean,
  rival: Schema.optionalKey(Rival),
  end: End
})
export type Life = typeof Life.Type

/** Damage to one file of a store that was closed; the fractions say which file of its kind, and where in it. */
export const Damage = Schema.Struct({
  files: FileKind,
  file: Schema.Number,
  at: Schema.Number,
  kind: Schema.Literals(["flipped bit", "zeros", "truncation", "garbage", "swapped sectors"])
})
export type Damage = typeof Damage.Type

export const Plan = Schema.Struct({
  seed: Schema.Natural,
  lives: Schema.Array(Life),
  /** Each to a copy of what the last life left. */
  damages: Schema.Array(Damage)
})
export type Plan = typeof Plan.Type

/** A plan as text. */
export const PlanJson = Schema.fromJsonString(Plan)
