/** Tables in memory, made with the real writer, the model that they are checked against, and arbitrary contents. */
import { Arbitrary, Effect, Schema } from "effect"
import type { ReadFile } from "../../src/disk/Disk.ts"
import { compareBytes } from "../../src/record/Bytes.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"
import type { TableError } from "../../src/StoreError.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import type { Compression } from "../../src/table/Compression.ts"
import { ReadPolicy } from "../../src/table/ReadPolicy.ts"
import type { ReadMode } from "../../src/table/ReadPolicy.ts"
import type { TableMeta } from "../../src/table/TableMeta.ts"
import { TableReader, TableResult, TableStatus } from "../../src/table/TableReader.ts"
import { TableWriter } from "../../src/table/TableWriter.ts"
import { attempt } from "../../src/testing/shape/TableEntries.ts"
import type { TableEntry as Entry } from "../../src/testing/shape/TableEntries.ts"

import { countedFile } from "../disk/countedFile.ts"
import type { CountedFile } from "../disk/countedFile.ts"

export type { TableError } from "../../src/StoreError.ts"
export { attempt, move, readVersions } from "../../src/testing/shape/TableEntries.ts"
export type { TableEntry as Entry } from "../../src/testing/shape/TableEntries.ts"

export const compareEntries = (a: Entry, b: Entry): number => compareBytes(a.key, b.key) || b.sequence - a.sequence

/** An entry as a string, so that lists of them compare readably. */
export const show = (entry: Entry): string =>
  `${Buffer.from(entry.key).toString("hex")}@${entry.sequence}${entry.kind === RecordKind.delete ? "-" : "="}${
    Buffer.from(entry.value).toString("hex")
  }`

export interface TableBytes {
  readonly meta: TableMeta
  readonly bytes: Uint8Array
}

export interface WriteOptions {
  readonly file?: number
  readonly generation?: number
  readonly blockSize?: number
  readonly filterBitsPerKey?: number
  readonly compression?: Compression
}

/** Writes sorted entries. */
export const writeTable = (entries: ReadonlyArray<Entry>, options: WriteOptions = {}): TableBytes => {
  const writer = new TableWriter({
    file: options.file ?? 7,
    generation: options.generation ?? 1,
    level: 1,
    blockSize: options.blockSize ?? 128,
    filterBitsPerKey: options.filterBitsPerKey ?? 10,
    compression: options.compression ?? "none"
  })
  const chunks: Array<Uint8Array> = []
  for (const { key, kind, sequence, value } of entries) {
    writer.add(key, 0, key.length, sequence, kind, value, 0, value.length)
    if (sequence % 3 === 0) chunks.push(...writer.take())
  }
  const meta = writer.finish()
  chunks.push(...writer.take())
  return { meta, bytes: new Uint8Array(Buffer.concat(chunks)) }
}

export const readFile = (bytes: Uint8Array): CountedFile => countedFile("memory/000007.table", bytes)

export interface ReadOptions {
  readonly mode?: ReadMode
  readonly cache?: BlockCache
  readonly file?: ReadFile
}

export const openTable = (table: TableBytes, options: ReadOptions = {}) =>
  TableReader.open(options.file ?? readFile(table.bytes), table.meta, options.cache ?? new BlockCache(1 << 20), {
    policy: new ReadPolicy(options.mode ?? "sync")
  })

/** The ways in which blocks come to a reader. */
export const readings: ReadonlyArray<{ readonly name: string; readonly mode: ReadMode; readonly cacheSize: number }> = [
  { name: "synchronously, cached", mode: "sync", cacheSize: 1 << 20 },
  { name: "synchronously, uncached", mode: "sync", cacheSize: 0 },
  { name: "asynchronously, cached", mode: "async", cacheSize: 1 << 20 },
  { name: "asynchronously, every block loaded", mode: "async", cacheSize: 0 },
  { name: "asynchronously, with a cache of two blocks", mode: "async", cacheSize: 800 }
]

/** The value of a key, or why it has none. */
export const lookup = (
  reader: TableReader,
  key: Uint8Array,
  sequence: number,
  out: TableResult = new TableResult()
): Effect.Effect<string, TableError> =>
  Effect.gen(function*() {
    let status = yield* attempt(() => reader.get(key, sequence, out))
    while (status === TableStatus.needsLoad) {
      yield* reader.load(out)
      status = yield* attempt(() => reader.get(key, sequence, out))
    }
    if (status === TableStatus.absent) return "absent"
    const value = status === TableStatus.deleted
      ? new Uint8Array(0)
      : out.valueBuffer.slice(out.valueOffset, out.valueOffset + out.valueLength)
    const kind = status === TableStatus.deleted ? RecordKind.delete : RecordKind.put
    return show({ key, sequence: out.sequence, kind, value })
  })

/** What `lookup` should say. */
export const expectedLookup = (entries: ReadonlyArray<Entry>, key: Uint8Array, sequence: number): string => {
  const found = entries.find((entry) => compareBytes(entry.key, key) === 0 && entry.sequence <= sequence)
  return found === undefined ? "absent" : show(found)
}

const byte = Schema.Literals([0, 1, 0x61, 0xff])

/** Keys that are often equal, often prefixes of each other, and sometimes longer than one varint byte can say. */
export const keyArbitrary = Arbitrary.map(
  Arbitrary.schema(Schema.Struct({
    prefix: Schema.Literals([0, 0, 0, 7, 200]),
    bytes: Schema.Array(byte).check(Schema.isMaxLength(4))
  })),
  ({ bytes, prefix }): Uint8Array => {
    const key = new Uint8Array(prefix + bytes.length).fill(0x70)
    key.set(bytes, prefix)
    return key
  }
)

const recordArbitrary = Arbitrary.all({
  key: keyArbitrary,
  isDelete: Arbitrary.schema(Schema.Literals([false, false, false, true])),
  valueLength: Arbitrary.schema(Schema.Literals([0, 0, 1, 5, 30, 140, 300])),
  gap: Arbitrary.schema(Schema.Literals([1, 1, 2, 100, 70_000, 20_000_000, 0x1_0000_0001, 0x2000_0000_0000]))
})

/** Records in commit order: sequences rise, by small steps and large ones. */
export const historyArbitrary: Arbitrary.Arbitrary<ReadonlyArray<Entry>> = Arbitrary.map(
  Arbitrary.array(recordArbitrary, { maxLength: 150 }),
  (records) => {
    let sequence = 0
    return records.map(({ gap, isDelete, key, valueLength }) => {
      sequence += gap
      return isDelete
        ? { key, sequence, kind: RecordKind.delete, value: new Uint8Array(0) }
        : { key, sequence, kind: RecordKind.put, value: new Uint8Array(valueLength).fill(sequence % 251) }
    })
  }
)

/** From one entry or so a block to the whole table in one block of many restarts. */
export const blockSizeArbitrary = Arbitrary.schema(Schema.Literals([128, 128, 700, 4096]))

/** The contents of a table. */
export const entriesArbitrary = Arbitrary.map(historyArbitrary, (history) => history.toSorted(compareEntries))

export const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Bytes without repetitions worth a match, the same for a seed. */
export const noise = (length: number, seed = 1): Uint8Array => {
  let state = seed
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 0x19_660d) + 0x3c6e_f35f) >>> 0
    return state >>> 24
  })
}

/** Bytes of which every second fifty are alike. */
export const halfCompressible = (length: number, seed = 1): Uint8Array => {
  const bytes = noise(length, seed)
  for (let at = 50; at < length; at += 100) bytes.fill(0x61, at, at + 50)
  return bytes
}

export const put = (key: string, sequence: number, value = ""): Entry => ({
  key: ascii(key),
  sequence,
  kind: RecordKind.put,
  value: ascii(value)
})

export const tombstone = (key: string, sequence: number): Entry => ({
  key: ascii(key),
  sequence,
  kind: RecordKind.delete,
  value: new Uint8Array(0)
})
