/** What a memtable should hold, kept the simple way, and generators of records for both. */
import { Arbitrary, Schema } from "effect"
import type { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import { deleteSize, putSize } from "../../src/record/RecordCodec.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"

export interface TestRecord {
  readonly key: Uint8Array
  /** Absent for a delete. */
  readonly value?: Uint8Array | undefined
}

export interface TestVersion {
  readonly sequence: number
  readonly kind: RecordKind
  readonly value: string
}

/** Hexadecimal text: it orders as the bytes do. */
export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

export const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"))

export const latin = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"))

export class MemtableModel {
  readonly #versions = new Map<string, Array<TestVersion>>()
  #sorted: Array<string> | undefined

  insert(record: TestRecord, sequence: number): void {
    const key = hex(record.key)
    const version: TestVersion = record.value === undefined
      ? { sequence, kind: RecordKind.delete, value: "" }
      : { sequence, kind: RecordKind.put, value: hex(record.value) }
    const versions = this.#versions.get(key)
    if (versions !== undefined) versions.unshift(version)
    else {
      this.#versions.set(key, [version])
      this.#sorted = undefined
    }
  }

  /** In order. */
  get keys(): ReadonlyArray<string> {
    this.#sorted ??= Array.from(this.#versions.keys()).sort()
    return this.#sorted
  }

  /** Newest first. */
  versions(key: string): ReadonlyArray<TestVersion> {
    return this.#versions.get(key) ?? []
  }

  at(key: string, sequence: number): TestVersion | undefined {
    return this.versions(key).find((version) => version.sequence <= sequence)
  }

  atOrAfter(key: string): string | undefined {
    return this.keys.find((other) => other >= key)
  }

  atOrBefore(key: string): string | undefined {
    return this.keys.findLast((other) => other <= key)
  }

  after(key: string): string | undefined {
    return this.keys.find((other) => other > key)
  }

  before(key: string): string | undefined {
    return this.keys.findLast((other) => other < key)
  }
}

export const insertRecord = (memtable: ArenaMemtable, record: TestRecord, sequence: number): void => {
  const value = record.value ?? new Uint8Array(0)
  const source = new Uint8Array(3 + record.key.length + value.length)
  source.set(record.key, 3)
  source.set(value, 3 + record.key.length)
  memtable.insert(
    record.value === undefined ? RecordKind.delete : RecordKind.put,
    source,
    3,
    record.key.length,
    3 + record.key.length,
    value.length,
    sequence
  )
}

/** Bytes of a record as the log has it. */
export const encodedSize = (record: TestRecord): number =>
  record.value === undefined ? deleteSize(record.key.length) : putSize(record.key.length, record.value.length)

export const versionOf = (memtable: ArenaMemtable, ref: number): TestVersion | undefined => {
  if (ref === 0) return undefined
  const offset = memtable.valueOffsetOf(ref)
  return {
    sequence: memtable.sequenceOf(ref),
    kind: memtable.kindOf(ref),
    value: hex(memtable.bytes.subarray(offset, offset + memtable.valueLengthOf(ref)))
  }
}

const bytesOf = (byte: Schema.Codec<number>, maxLength: number): Arbitrary.Arbitrary<Array<number>> =>
  Arbitrary.array(Arbitrary.schema(byte), { maxLength })

const longPrefix = Array.from({ length: 70 }, (_, i) => i % 5)

/** Keys of three families: short over a tiny alphabet, of any bytes, and behind a cut of one long prefix. */
export const arbitraryKey: Arbitrary.Arbitrary<Uint8Array> = Arbitrary.all({
  family: Arbitrary.schema(Schema.Literals(["tiny", "any", "long"])),
  tiny: bytesOf(Schema.Literals([0, 1, 127, 128, 255]), 6),
  any: bytesOf(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })), 3),
  cut: Arbitrary.schema(Schema.Literals([1, 4, 40, 69, 70]))
}).pipe(Arbitrary.map(({ any, cut, family, tiny }) => {
  switch (family) {
    case "tiny":
      return Uint8Array.from(tiny)
    case "any":
      return Uint8Array.from(any)
    case "long":
      return Uint8Array.from([...longPrefix.slice(0, cut), ...tiny.slice(0, 3)])
  }
}))

export const arbitraryRecord: Arbitrary.Arbitrary<TestRecord> = Arbitrary.all({
  key: arbitraryKey,
  isDelete: Arbitrary.schema(Schema.Literals([true, false, false, false])),
  value: bytesOf(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })), 40)
}).pipe(Arbitrary.map(({ isDelete, key, value }) => isDelete ? { key } : { key, value: Uint8Array.from(value) }))

export const arbitraryRecords: Arbitrary.Arbitrary<Array<TestRecord>> = Arbitrary.array(arbitraryRecord, {
  maxLength: 160
})

/** Runs of a property over whole lists of records, whose size is what finds faults. */
export const propertyOptions = { arbitrary: { runs: 150, size: 160 } } as const

/** A generator of integers below a bound, the same for the same seed. */
export const makeRandom = (seed: number): (bound: number) => number => {
  let state = (seed | 0) || 1
  return (bound) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % bound
  }
}

export const shuffle = <A>(items: Array<A>, random: (bound: number) => number): Array<A> => {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random(i + 1)
    const item = items[i]!
    items[i] = items[j]!
    items[j] = item
  }
  return items
}

/** Keys, related keys that are absent for the most part, and the ends. */
export const probesFor = (keys: Iterable<Uint8Array>): ReadonlyArray<Uint8Array> => {
  const probes: Array<Uint8Array> = [new Uint8Array(0), Uint8Array.of(255, 255, 255, 255, 255, 255, 255)]
  for (const key of keys) {
    probes.push(key, Uint8Array.of(...key, 0), Uint8Array.of(...key, 255), key.subarray(0, key.length >>> 1))
    if (key.length > 0) {
      const last = key.length - 1
      const lower = Uint8Array.from(key)
      lower[last] = key[last]! - 1
      const higher = Uint8Array.from(key)
      higher[key.length >>> 1] = key[key.length >>> 1]! + 1
      probes.push(lower, higher, key.subarray(0, last))
    }
  }
  return probes
}
