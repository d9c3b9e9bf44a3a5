/** What a test of takeovers and the processes whose stores are taken over tell each other, line by line. */
import { Schema } from "effect"

const Level = Schema.Literals(["sync", "buffered", "async"])
export type Level = typeof Level.Type

const Options = Schema.Struct({
  readOnly: Schema.optionalKey(Schema.Boolean),
  memtableSize: Schema.optionalKey(Schema.Number),
  maxOpenFiles: Schema.optionalKey(Schema.Number),
  blockCacheSize: Schema.optionalKey(Schema.Number)
})

export const Command = Schema.Union([
  Schema.Struct({
    do: Schema.Literal("open"),
    directory: Schema.String,
    options: Options,
    workers: Schema.Literals([0, 2]),
    /** Before this call to the disk, counted from 0, it stands still until it is let go on; -1: before none. */
    standAt: Schema.Number
  }),
  /** Writes numbers `from` up to `to` of a writer, several at once; with what was refused all others are tried too. */
  Schema.Struct({
    do: Schema.Literal("write"),
    writer: Schema.String,
    from: Schema.Number,
    to: Schema.Number,
    levels: Schema.Array(Level),
    atOnce: Schema.Number
  }),
  Schema.Struct({ do: Schema.Literal("get"), keys: Schema.Array(Schema.String) }),
  Schema.Struct({ do: Schema.Literal("copy"), from: Schema.String, to: Schema.String }),
  Schema.Struct({ do: Schema.Literal("read"), path: Schema.String }),
  Schema.Struct({ do: Schema.Literals(["flush", "compact", "sync", "scan", "listCalls", "close"]) })
])
export type Command = typeof Command.Type
export type Write = Extract<Command, { readonly do: "write" }>
export type OpenOptions = typeof Options.Type

export const CommandLine = Schema.fromJsonString(Command)

/** How a command went: `"done"`, or what it failed with; and for each key that it was about. */
export const Answer = Schema.Struct({ outcome: Schema.String, each: Schema.Array(Schema.String) })
export type Answer = typeof Answer.Type

/** A line from the process. */
export const Report = Schema.Union([
  Schema.Struct({ tell: Schema.Literal("answer"), answer: Answer }),
  Schema.Struct({ tell: Schema.Literal("acknowledged"), key: Schema.String, level: Level }),
  /** It stands still before this call to the disk. */
  Schema.Struct({ tell: Schema.Literal("stands"), call: Schema.String }),
  /** A job is about to begin. */
  Schema.Struct({ tell: Schema.Literal("begins"), job: Schema.Literals(["flush", "merge"]) })
])
export type Report = typeof Report.Type

export const ReportLine = Schema.fromJsonString(Report)

export const keyOf = (writer: string, number: number): string => `${writer}/${String(number).padStart(6, "0")}`

/** The level at which a writer writes a number. */
export const levelOf = ({ levels }: Pick<Write, "levels">, number: number): Level =>
  levels[number % levels.length] ?? "sync"

/** Some hundred bytes that follow from the key, and that say it. */
export const valueOf = (key: string): string => `${key} `.repeat(20 + key.length % 7)
