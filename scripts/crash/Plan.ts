/** What the parent and the child of a crash test tell each other. */
import { Schema } from "effect"

/** How the tables of a store are compacted. */
export const StrategyName = Schema.Literals(["levelled", "sizeTiered"])
export type StrategyName = typeof StrategyName.Type

/** One run of a child process, from its start to its kill. */
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
  compression: Schema.Array(Schema.Literals(["none", "lz4", "zstd"])),
  /** The file into which it reports when a merge begins and when it has ended. */
  merges: Schema.String,
  /** The store is closed, under its writers' hands, after so many acknowledgements. */
  closeAfter: Schema.Number
})
export type Plan = typeof Plan.Type

/** A plan as a command-line argument. */
export const PlanArgument = Schema.fromJsonString(Plan)

/** What a child prints, each before it does, or may have done, anything that the word stands for. */
export const Phase = Schema.Literals(["opening", "writing", "closing", "closed"])
export type Phase = typeof Phase.Type
