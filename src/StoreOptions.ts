/**
 * The options of a store, their defaults, and their check.
 */
import { Duration, Effect, Option } from "effect"
import { levelled } from "./compaction/Levelled.ts"
import { levelCount } from "./compaction/Strategy.ts"
import type { CompactionStrategy } from "./compaction/Strategy.ts"
import { type Access, isAccess } from "./disk/Access.ts"
import { InvalidArgument, inWords } from "./StoreError.ts"
import type { Compression } from "./table/Compression.ts"

/**
 * When a write is acknowledged. Whatever is lost is a suffix of the order of commits.
 * - `"sync"`: once on stable storage; it survives a power cut.
 * - `"buffered"`: once handed to the operating system; it survives a killed process.
 * - `"async"`: once in memory and queued for the log; written and synced within `syncInterval`.
 *   A killed process may lose it.
 */
export type Durability = "sync" | "buffered" | "async"

/** Options that shape a store wherever its bytes live. All may change from one opening to the next. */
export interface EngineOptions {
  /** Bytes of memory after which a memtable is rotated, 64 KiB to 4095 MiB. Default 32 MiB. */
  readonly memtableSize?: number | undefined
  /**
   * Memtables that may wait for their flush, 1 to 1024; with as many the next rotation waits, and with it the writers,
   * who are slowed from half of all memtables' bytes on. Default 3.
   *
   * All memtables together take up to `(maxImmutables + 1) * memtableSize` of memory, and keep what they have taken. With
   * fewer, writers who do not wait for a sync are slowed sooner: with 2 a burst of such puts was written at nine tenths of
   * the rate, and with 1 at three quarters.
   */
  readonly maxImmutables?: number | undefined
  /** Level of writes that do not name one. Default `"sync"`. */
  readonly durability?: Durability | undefined
  /** Longest time that an `"async"` write stays unsynced, 1 millisecond to 1 hour; a number is milliseconds. Default 100. */
  readonly syncInterval?: Duration.Input | undefined
  /** Bytes of a table's block, 512 to 4 MiB. Default 4096. Holds for new tables. */
  readonly blockSize?: number | undefined
  /**
   * Bytes of memory for table blocks, with the indexes and filters of open tables counted in; 0: no blocks are kept.
   * Whatever those take, a quarter of it, or 1 MiB if that is more, stays for blocks. Default 32 MiB.
   */
  readonly blockCacheSize?: number | undefined
  /**
   * Filter bits a key on average over all tables, 0 (no filter) to 32: levels with few keys get more, those with many
   * fewer. Default 10. Holds for new tables.
   */
  readonly filterBitsPerKey?: number | undefined
  /**
   * Compression of table blocks: `"none"`, `"lz4"` or `"zstd"`; of an array of 1 to 7 the first is for level 0 and so on,
   * the last for all deeper levels. A block that would not shrink by an eighth is stored as it is. Default `"lz4"` for
   * the last level, 6, where most of the data is, and `"none"` for those above it.
   * Holds for new tables; a table goes to a level of another compression only by being written anew.
   */
  readonly compression?: Compression | ReadonlyArray<Compression> | undefined
  /** Which tables are merged, and when. Default `Compaction.levelled()`. */
  readonly compaction?: CompactionStrategy | undefined
  /**
   * Most table files that are open for reads at once, 8 to 1,000,000; one beyond it is opened again when it is read.
   * What flushes and compactions open is beside it. Default 512.
   */
  readonly maxOpenFiles?: number | undefined
  /**
   * Worker threads for background work: 2, one for flushes and one for compactions, or 0: on the event loop in slices.
   * Default 2 for `NodeLsmStore`; other layers have none, whatever is given.
   */
  readonly workers?: 0 | 2 | undefined
}

/** Options of a store on a disk. */
export interface StoreOptions extends EngineOptions {
  /**
   * The store's directory. Its parent must exist. On disk a relative one is taken from where it is opened, and its path
   * from the root has at most 499 bytes.
   */
  readonly directory: string
  /** Create the directory and the store if there is none. Default true. */
  readonly createIfMissing?: boolean | undefined
  /** Fail if there is a store already. Default false. */
  readonly errorIfExists?: boolean | undefined
  /**
   * Take a shared lock, replay the log into memory, change no file, and fail every
   * write with `StoreReadOnly`. There must be a store. It is `StoreLocked` while a
   * writer has it open; any number of readers may. Default false.
   */
  readonly readOnly?: boolean | undefined
  /**
   * Who may read what the store makes in `NodeLsmStore`: the `"owner"` (files of mode 0600 in a directory of 0700), the
   * owner's `"group"` too (0640, 0750), or `"all"` (0644, 0755); the umask takes away from it. Default `"owner"`. Holds
   * for what is new: an opening changes no mode of what is there. Other layers leave it to their disk, whatever is given.
   */
  readonly access?: Access | undefined
}

/** Options with every default filled in. Durations are milliseconds. */
export interface ResolvedOptions {
  readonly directory: string
  readonly memtableSize: number
  readonly maxImmutables: number
  readonly durability: Durability
  readonly syncInterval: number
  readonly blockSize: number
  readonly blockCacheSize: number
  readonly filterBitsPerKey: number
  /** One a level. */
  readonly compression: ReadonlyArray<Compression>
  readonly compaction: CompactionStrategy
  readonly maxOpenFiles: number
  readonly createIfMissing: boolean
  readonly errorIfExists: boolean
  readonly readOnly: boolean
}

const KiB = 1024
const MiB = 1024 * KiB

const names = new Set([
  "directory",
  "memtableSize",
  "maxImmutables",
  "durability",
  "syncInterval",
  "blockSize",
  "blockCacheSize",
  "filterBitsPerKey",
  "compression",
  "compaction",
  "maxOpenFiles",
  "workers",
  "createIfMissing",
  "errorIfExists",
  "readOnly",
  "access"
])

const invalid = (argument: string, reason: string) => Effect.fail(new InvalidArgument({ argument, reason }))

/** True if `value` is one of the three levels. */
export const isDurability = (value: unknown): value is Durability =>
  value === "sync" || value === "buffered" || value === "async"

/**
 * The last level holds most of the data, and is read least: there LZ4 takes a third off half-compressible values for
 * 2 µs a read that misses the cache. Upper levels are merged again and again, and stay as they are. zstd would take
 * off a twentieth more, at 10 µs a read.
 */
const defaultCompression: ReadonlyArray<Compression> = Array.from(
  { length: levelCount },
  (_, level) => level === levelCount - 1 ? "lz4" : "none"
)

const isCompression = (value: unknown): value is Compression => value === "none" || value === "lz4" || value === "zstd"

/** One a level, or undefined if the option is not one. */
const compressionByLevel = (option: unknown): ReadonlyArray<Compression> | undefined => {
  const given: ReadonlyArray<unknown> = Array.isArray(option) ? option : [option]
  const known = given.filter(isCompression)
  if (known.length !== given.length || known.length === 0 || known.length > levelCount) return undefined
  return Array.from({ length: levelCount }, (_, level) => known[Math.min(level, known.length - 1)]!)
}

const isStrategy = (value: CompactionStrategy): boolean =>
  typeof value === "object" && value !== null && typeof value.name === "string" && typeof value.pick === "function"
  && typeof value.debt === "function" && value.slowdownTables > 0 && value.stopTables > 0 && value.tableSize > 0
  && Number.isInteger(value.bottomLevel) && value.bottomLevel >= 0 && value.bottomLevel < levelCount

/** Fills in the defaults, or fails with the first option that is out of its range. */
export const resolveOptions = Effect.fnUntraced(function*(
  options: StoreOptions
): Effect.fn.Return<ResolvedOptions, InvalidArgument> {
  if (typeof options !== "object" || options === null) {
    return yield* invalid("options", "must be an object with at least a directory")
  }
  for (const name of Object.keys(options)) {
    if (!names.has(name)) return yield* invalid(name, `is not an option; the options are ${[...names].join(", ")}`)
  }
  const { directory }: { readonly directory: unknown } = options
  if (directory instanceof URL || (typeof directory === "string" && directory.startsWith("file:"))) {
    return yield* invalid("directory", "must be a path, not a URL: give it through fileURLToPath of node:url")
  }
  if (typeof options.directory !== "string" || options.directory.length === 0 || options.directory.includes("\0")) {
    return yield* invalid("directory", "must be a path that is not empty")
  }

  const integer = (name: string, value: number | undefined, fallback: number, from: number, to: number) =>
    value === undefined
      ? Effect.succeed(fallback)
      : Number.isInteger(value) && value >= from && value <= to
      ? Effect.succeed(value)
      : invalid(name, `must be a whole number from ${from} to ${to}, not ${inWords(value)}`)
  const flag = (name: string, value: boolean | undefined, fallback: boolean) =>
    value === undefined
      ? Effect.succeed(fallback)
      : typeof value === "boolean"
      ? Effect.succeed(value)
      : invalid(name, `must be true or false, not ${inWords(value)}`)

  const memtableSize = yield* integer("memtableSize", options.memtableSize, 32 * MiB, 64 * KiB, 4095 * MiB)
  const maxImmutables = yield* integer("maxImmutables", options.maxImmutables, 3, 1, 1024)
  const blockSize = yield* integer("blockSize", options.blockSize, 4 * KiB, 512, 4 * MiB)
  const cacheLimit = Number.MAX_SAFE_INTEGER
  const blockCacheSize = yield* integer("blockCacheSize", options.blockCacheSize, 32 * MiB, 0, cacheLimit)
  const filterBitsPerKey = yield* integer("filterBitsPerKey", options.filterBitsPerKey, 10, 0, 32)
  const maxOpenFiles = yield* integer("maxOpenFiles", options.maxOpenFiles, 512, 8, 1_000_000)
  const createIfMissing = yield* flag("createIfMissing", options.createIfMissing, true)
  const errorIfExists = yield* flag("errorIfExists", options.errorIfExists, false)
  const readOnly = yield* flag("readOnly", options.readOnly, false)

  const durability = options.durability ?? "sync"
  if (!isDurability(durability)) {
    return yield* invalid("durability", `must be "sync", "buffered" or "async", not ${inWords(durability)}`)
  }
  const compression = compressionByLevel(options.compression ?? defaultCompression)
  if (compression === undefined) {
    return yield* invalid(
      "compression",
      `must be "none", "lz4", "zstd" or an array of them, not ${inWords(options.compression)}`
    )
  }
  if (options.workers !== undefined && options.workers !== 0 && options.workers !== 2) {
    return yield* invalid("workers", `must be 0 or 2, not ${inWords(options.workers)}`)
  }
  if (options.access !== undefined && !isAccess(options.access)) {
    return yield* invalid("access", `must be "owner", "group" or "all", not ${inWords(options.access)}`)
  }
  const compaction = options.compaction ?? levelled()
  if (!isStrategy(compaction)) {
    return yield* invalid("compaction", "must be a compaction strategy, such as Compaction.levelled()")
  }
  if (compaction.problem !== undefined) return yield* invalid("compaction", compaction.problem)
  const interval = Duration.fromInput(options.syncInterval ?? 100)
  const syncInterval = Option.isSome(interval) ? Duration.toMillis(interval.value) : Number.NaN
  if (!(syncInterval >= 1 && syncInterval <= 3_600_000)) {
    return yield* invalid("syncInterval", "must be a duration from 1 millisecond to 1 hour")
  }
  if (readOnly && errorIfExists) {
    return yield* invalid("errorIfExists", "can't be true with readOnly, which opens only a store that exists")
  }

  return {
    directory: options.directory.length > 1 ? options.directory.replace(/\/+$/, "") || "/" : options.directory,
    memtableSize,
    maxImmutables,
    durability,
    syncInterval,
    blockSize,
    blockCacheSize,
    filterBitsPerKey,
    compression,
    compaction,
    maxOpenFiles,
    createIfMissing,
    errorIfExists,
    readOnly
  }
})
