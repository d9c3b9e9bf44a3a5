/** The commands of the model-based test, small enough to be shrunk well. */
import { Schema } from "effect"
import { oddPicks, smallLevels, smallTiers } from "../../scripts/support/smallStrategies.ts"
import type { StoreOptions } from "../../src/index.ts"
import { bytes } from "./storeHelpers.ts"

/** Few keys, so that most commands meet what others wrote; prefixes of each other, empty, with 0x00 and 0xff. */
export const keys: ReadonlyArray<Uint8Array> = [
  new Uint8Array(0),
  Uint8Array.of(0x00),
  bytes("a"),
  bytes("a\0"),
  bytes("ab"),
  bytes("abc"),
  Uint8Array.of(0x61, 0xff),
  Uint8Array.of(0x61, 0xff, 0xff),
  bytes("b"),
  bytes("b".repeat(300)),
  Uint8Array.of(0xff),
  Uint8Array.of(0xff, 0xff)
]

/** Empty, small, more than one block, most of the smallest memtable, more than it holds. */
export const valueLengths = [0, 1, 20, 5_000, 30_000, 70_000] as const

/** What a store may be opened with next (I10). */
export const openings: ReadonlyArray<Partial<StoreOptions>> = [
  { memtableSize: 64 * 1024, maxImmutables: 1 },
  { memtableSize: 64 * 1024, blockSize: 512, filterBitsPerKey: 0, blockCacheSize: 0 },
  { memtableSize: 1024 * 1024, blockSize: 64 * 1024, filterBitsPerKey: 20, durability: "async" },
  { memtableSize: 64 * 1024, compaction: smallLevels, compression: "none" },
  { memtableSize: 64 * 1024, compaction: smallTiers, compression: ["none", "zstd"] },
  { memtableSize: 64 * 1024, compaction: oddPicks, compression: "none", maxOpenFiles: 8 },
  {}
]

const below = (count: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: count - 1 }))
const Key = below(keys.length)
const Value = Schema.Struct({ fill: below(256), length: Schema.Literals(valueLengths) })
const Level = Schema.Literals(["sync", "buffered", "async"])
const Bound = Schema.optionalKey(Key)

/** A flush of each of some keys: as many tables, which then go their way through the levels. */
const FlushEach = Schema.TaggedStruct("FlushEach", {
  keys: Schema.Array(Key).check(Schema.isMaxLength(8)),
  value: Value
})

export const CommandSchema = Schema.Union([
  Schema.TaggedStruct("Put", { key: Key, value: Value, level: Level }),
  Schema.TaggedStruct("Delete", { key: Key, level: Level }),
  Schema.TaggedStruct("Write", {
    changes: Schema.Array(Schema.Struct({ key: Key, value: Schema.optionalKey(Value) })).check(Schema.isMaxLength(6)),
    level: Level
  }),
  /** As many puts at once, each of its own key: in whatever order they are taken, the end is the same. */
  Schema.TaggedStruct("PutTogether", { count: below(keys.length), value: Value, level: Level }),
  Schema.TaggedStruct("Get", { key: Key }),
  Schema.TaggedStruct("GetMany", { keys: Schema.Array(Key).check(Schema.isMaxLength(6)) }),
  Schema.TaggedStruct("Scan", {
    gt: Bound,
    gte: Bound,
    lt: Bound,
    lte: Bound,
    prefix: Bound,
    reverse: Schema.Boolean,
    limit: Schema.optionalKey(below(5))
  }),
  Schema.TaggedStruct("OpenSnapshot", {}),
  Schema.TaggedStruct("ReadSnapshot", { snapshot: below(4) }),
  Schema.TaggedStruct("CloseSnapshot", { snapshot: below(4) }),
  Schema.TaggedStruct("Flush", {}),
  Schema.TaggedStruct("Compact", { gte: Bound, lt: Bound }),
  FlushEach,
  FlushEach,
  Schema.TaggedStruct("Sync", {}),
  Schema.TaggedStruct("Reopen", { opening: below(openings.length) }),
  Schema.TaggedStruct("Crash", {
    image: Schema.Literals(["killed", "synced", "all", "torn", "random"]),
    opening: below(openings.length)
  })
])
export type Command = typeof CommandSchema.Type
