/** What the parent and the child of a crash test tell each other. */
import { Schema } from "effect"

/** How the tables of a store are compacted. */
export const StrategyName = Schema.Literals(["levelled", "sizeTiered"])
export type StrategyName = typeof StrategyName.Type

/** What a child prints, each before it does, or may have done, anything that the word stands for. */
export const Phase = Schema.Literals(["opening", "writing", "closing", "closed"])
export type Phase = typeof Phase.Type

/** How a child comes to its end before it has closed its store: by a signal that nothing handles, or by itself. */
export const Ending = Schema.Literals([
  "SIGKILL",
  "SIGTERM",
  "exit in a timer",
  "exit in a writer",
  "exit in an exit handler",
  "uncaught exception"
])
export type Ending = typeof Ending.Type

/** When and how a child ends: so many milliseconds after it entered the phase. */
export const PlannedEnd = Schema.Struct({
  phase: Phase,
  milliseconds: Schema.Number,
  ending: Ending
})
export type PlannedEnd = typeof PlannedEnd.Type

/** One run of a child process. */
export const Plan = Schema.Struct({
  directory: Schema.String,
  /** The file into which it reports acknowledgements. */
  acks: Schema.String,
  seed: Schema.Number,
  /** Its number; no two that write to one directory have the same. */
  incarnation: Schema.Number,
  fibers: Schema.Number,
  memtableSize: Schema.Number,
  maxImmutables: Schema.Number,
  levels: Schema.Literals(["sync", "buffered", "both"]),
  compaction: StrategyName,
  workers: Schema.Literals([0, 2]),
  /** The first worker thread dies at one in so many of its calls to the disk, later ones more seldom; 0: at none. */
  threadDiesOnceIn: Schema.Number,
  compression: Schema.Array(Schema.Literals(["none", "lz4", "zstd"])),
  /** The file into which it reports what became of its jobs. */
  jobs: Schema.String,
  /** The store is closed, under its writers' hands, after so many acknowledgements. */
  closeAfter: Schema.Number,
  /** Not 0: so often the store is opened, each fiber writes once, and it is closed, instead of all else. */
  shortLives: Schema.Number,
  /** In a takeover: the first process closes when its writes are refused, because the second has taken its store. */
  takeover: Schema.Literals(["none", "first", "second"]),
  end: PlannedEnd
})
export type Plan = typeof Plan.Type

/** A plan as a command-line argument. */
export const PlanArgument = Schema.fromJsonString(Plan)
