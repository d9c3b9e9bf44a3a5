/**
 * A model of a tree of tables whose keys are numbers: it flushes, and carries out
 * what a strategy picks by the rules that `CompactionPick` states. It checks every
 * pick, and the shape of the tree after each (I11).
 */
import { assert } from "@effect/vitest"
import { levelCount } from "../../src/Compaction.ts"
import type { CompactionPick, CompactionStrategy, TreeShape } from "../../src/Compaction.ts"
import type { TableMeta } from "../../src/table/TableMeta.ts"

/** Records in key order; a version is twice its sequence, and one more for a tombstone. */
interface Records {
  readonly keys: Uint32Array
  readonly versions: Float64Array
}

/** A table of the model. */
export interface ModelTable extends Records {
  readonly meta: TableMeta
  readonly first: number
  readonly last: number
}

/** What the model counts. */
export interface Work {
  flushedBytes: number
  mergedBytes: number
  readEntries: number
  merges: number
  moves: number
  drops: number
  /** Bytes that the largest merge read. */
  largestMerge: number
}

/** A pick with the tables that the engine adds to it. */
export interface Task {
  readonly pick: CompactionPick
  readonly tables: ReadonlySet<ModelTable>
  readonly isMove: boolean
  readonly entries: number
}

export interface ModelOptions {
  readonly memtableSize: number
  /** Bytes of a put in a table. Default 116. */
  readonly putSize?: number
  /** Lowest pinned sequence: versions at or below it that it sees are kept. */
  readonly pinned?: number
}

const deleteSize = 20

const encodeKey = (key: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, key)
  return bytes
}

const sum = <A>(items: Iterable<A>, value: (item: A) => number): number => {
  let total = 0
  for (const item of items) total += value(item)
  return total
}

export class TreeModel {
  readonly work: Work = {
    flushedBytes: 0,
    mergedBytes: 0,
    readEntries: 0,
    merges: 0,
    moves: 0,
    drops: 0,
    largestMerge: 0
  }
  levels: Array<Array<ModelTable>> = Array.from({ length: levelCount }, () => [])
  readonly #putSize: number
  readonly #memtableSize: number
  pinned: number
  #sequence = 0
  #file = 0

  constructor(options: ModelOptions) {
    this.#memtableSize = options.memtableSize
    this.#putSize = options.putSize ?? 116
    this.pinned = options.pinned ?? Infinity
  }

  get shape(): TreeShape {
    return {
      levels: this.levels.map((tables) => tables.map(({ meta }) => meta)),
      memtableSize: this.#memtableSize,
      oldestSnapshot: Math.min(this.pinned, this.#sequence)
    }
  }

  /** Bytes written for each byte flushed. */
  get writeAmplification(): number {
    return (this.work.flushedBytes + this.work.mergedBytes) / this.work.flushedBytes
  }

  /** Bytes for each byte of what is live. */
  get spaceAmplification(): number {
    return this.bytes / (this.live().size * this.#putSize)
  }

  get bytes(): number {
    return sum(this.levels.flat(), ({ meta }) => meta.size)
  }

  levelBytes(level: number): number {
    return sum(this.levels[level]!, ({ meta }) => meta.size)
  }

  /** Places that a read may have to look at. */
  get runs(): number {
    return this.levels[0]!.length + this.levels.slice(1).filter((tables) => tables.length > 0).length
  }

  /** Every key that has a value. */
  live(): Set<number> {
    const newest = new Map<number, number>()
    for (const { keys, versions } of this.levels.flat()) {
      for (let index = 0; index < keys.length; index++) {
        const known = newest.get(keys[index]!) ?? -1
        if (versions[index]! > known) newest.set(keys[index]!, versions[index]!)
      }
    }
    return new Set([...newest].filter(([, version]) => version % 2 === 0).map(([key]) => key))
  }

  /** Writes as one table of level 0: a negative number deletes the key `-1 - number`. */
  flush(writes: ReadonlyArray<number> | Float64Array): void {
    const order = Float64Array.from(writes, (_, index) => index)
    const keyOf = (index: number) => writes[index]! < 0 ? -1 - writes[index]! : writes[index]!
    order.sort((a, b) => keyOf(a) - keyOf(b) || b - a)
    const keys = new Uint32Array(order.length)
    const versions = new Float64Array(order.length)
    let count = 0
    for (const index of order) {
      const key = keyOf(index)
      const version = 2 * (this.#sequence + 1 + index) + (writes[index]! < 0 ? 1 : 0)
      if (count > 0 && keys[count - 1] === key && versions[count - 1]! / 2 <= this.pinned) continue
      keys[count] = key
      versions[count++] = version
    }
    this.#sequence += order.length
    const table = this.#table({ keys, versions }, 0, count, 0)
    this.work.flushedBytes += table.meta.size
    this.levels[0]!.unshift(table)
  }

  /** The pick with all that it takes along, or undefined in a tree in shape. */
  plan(strategy: CompactionStrategy): Task | undefined {
    const pick = strategy.pick(this.shape)
    if (pick === undefined) return undefined
    const picked = pick._tag === "Merge" ? pick.inputs : pick.tables
    const all = new Map(this.levels.flat().map((table) => [table.meta, table]))
    const tables = new Set(picked.map((meta) => {
      const table = all.get(meta)
      assert.isDefined(table, "picks a table of the shape")
      return table
    }))
    assert.strictEqual(tables.size, picked.length, "picks no table twice")
    assert.isAbove(tables.size, 0, "picks a table")
    if (pick._tag === "Drop") return { pick, tables, isMove: false, entries: 0 }
    const { outputLevel, tableSize } = pick
    assert.isTrue(outputLevel >= 0 && outputLevel < levelCount && tableSize > 0)
    for (const { meta } of tables) assert.isAtMost(meta.level, outputLevel, "moves nothing upwards")
    if (outputLevel === 0) {
      const places = [...tables].map((table) => this.levels[0]!.indexOf(table)).sort((a, b) => a - b)
      assert.strictEqual(places.at(-1)! - places[0]! + 1, places.length, "what is merged within level 0 is contiguous")
      return { pick, tables, isMove: false, entries: sum(tables, ({ keys }) => keys.length) }
    }
    const asked = tables.size
    this.#addOverlapping(tables, outputLevel)
    const sorted = [...tables].sort((a, b) => a.first - b.first)
    const isMove = tables.size === asked
      && sorted.every((table, index) =>
        table.meta.level < outputLevel && table.meta.tombstones + table.meta.shadowed === 0
        && (index === 0 || sorted[index - 1]!.last < table.first)
      )
    return { pick, tables, isMove, entries: isMove ? 0 : sum(tables, ({ keys }) => keys.length) }
  }

  /** Carries it out; tables may have been flushed meanwhile. */
  carryOut({ pick, tables, isMove }: Task): void {
    const inputs = [...tables]
    const place = this.levels[0]!.findIndex((table) => tables.has(table))
    this.levels = this.levels.map((level) => level.filter((table) => !tables.has(table)))
    if (pick._tag === "Drop") {
      this.work.drops++
      return
    }
    const { outputLevel, tableSize } = pick
    let added: ReadonlyArray<ModelTable>
    if (isMove) {
      this.work.moves++
      added = inputs.map((table) => ({ ...table, meta: { ...table.meta, level: outputLevel } }))
    } else {
      const bytes = sum(inputs, ({ meta }) => meta.size)
      this.work.merges++
      this.work.readEntries += sum(inputs, ({ keys }) => keys.length)
      this.work.largestMerge = Math.max(this.work.largestMerge, bytes)
      added = this.#split(this.#merge(inputs, outputLevel, place), outputLevel, tableSize)
      this.work.mergedBytes += sum(added, ({ meta }) => meta.size)
    }
    if (outputLevel === 0) this.levels[0]!.splice(place, 0, ...added)
    else this.levels[outputLevel] = [...this.levels[outputLevel]!, ...added].sort((a, b) => a.first - b.first)
    this.#check()
  }

  /** Carries out picks until there are no more; fails if that takes more than so many. */
  settle(strategy: CompactionStrategy, most = 10_000): void {
    for (let count = 0; count < most; count++) {
      const task = this.plan(strategy)
      if (task === undefined) return
      this.carryOut(task)
    }
    assert.fail(`${strategy.name} came to no end in ${most} compactions`)
  }

  /** Tables that a moving one would jump over come along, whatever they jump over too; then the output level's. */
  #addOverlapping(tables: Set<ModelTable>, outputLevel: number): void {
    const overlap = (a: ModelTable, b: ModelTable) => a.first <= b.last && a.last >= b.first
    for (const table of tables) {
      const { level } = table.meta
      const inLevel0 = level > 0 ? [] : this.levels[0]!.slice(this.levels[0]!.indexOf(table) + 1)
      for (const other of [...inLevel0, ...this.levels.slice(level + 1, outputLevel).flat()]) {
        if (overlap(table, other)) tables.add(other)
      }
    }
    let first = Infinity
    let last = 0
    for (const table of tables) {
      first = Math.min(first, table.first)
      last = Math.max(last, table.last)
    }
    for (const table of this.levels[outputLevel]!) if (table.first <= last && table.last >= first) tables.add(table)
  }

  #merge(inputs: ReadonlyArray<ModelTable>, outputLevel: number, place: number): Records {
    const room = sum(inputs, ({ keys }) => keys.length)
    const keys = new Uint32Array(room)
    const versions = new Float64Array(room)
    const taken = new Set(inputs)
    const older = [
      ...(outputLevel === 0 ? this.levels[0]!.slice(place) : []),
      ...this.levels.slice(outputLevel + 1).flat(),
      ...(outputLevel === 0 ? [] : this.levels[outputLevel]!)
    ].filter((table) => !taken.has(table))
    const mayLieBelow = (key: number) => older.some((table) => table.first <= key && table.last >= key)
    const at = inputs.map(() => 0)
    let count = 0
    let previous = -1
    let newer = Infinity
    for (;;) {
      let next = -1
      let key = Infinity
      let version = -1
      for (let source = 0; source < inputs.length; source++) {
        const input = inputs[source]!
        const index = at[source]!
        if (index === input.keys.length) continue
        const other = input.keys[index]!
        if (other < key || (other === key && input.versions[index]! > version)) {
          next = source
          key = other
          version = input.versions[index]!
        }
      }
      if (next < 0) break
      at[next]!++
      const shadowed = key === previous && Math.floor(newer / 2) <= this.pinned
      previous = key
      newer = version
      if (shadowed) continue
      if (version % 2 === 1 && Math.floor(version / 2) <= this.pinned && !mayLieBelow(key)) continue
      keys[count] = key
      versions[count++] = version
    }
    return { keys: keys.subarray(0, count), versions: versions.subarray(0, count) }
  }

  #split({ keys, versions }: Records, level: number, tableSize: number): ReadonlyArray<ModelTable> {
    if (level === 0) return keys.length > 0 ? [this.#table({ keys, versions }, 0, keys.length, 0)] : []
    const below = this.levels[level + 1] ?? []
    const tables: Array<ModelTable> = []
    let start = 0
    let size = 0
    let under = 0
    let overlap = 0
    for (let index = 0; index < keys.length; index++) {
      const isNewKey = index > start && keys[index] !== keys[index - 1]
      while (under < below.length && below[under]!.last < keys[index]!) overlap += below[under++]!.meta.size
      if (isNewKey && (size >= tableSize || overlap >= 10 * tableSize)) {
        tables.push(this.#table({ keys, versions }, start, index, level))
        start = index
        size = 0
        overlap = 0
      }
      size += this.#sizeOf(versions[index]!)
    }
    if (start < keys.length) tables.push(this.#table({ keys, versions }, start, keys.length, level))
    return tables
  }

  #sizeOf(version: number): number {
    return version % 2 === 1 ? deleteSize : this.#putSize
  }

  #table(records: Records, start: number, end: number, level: number): ModelTable {
    const keys = records.keys.slice(start, end)
    const versions = records.versions.slice(start, end)
    let size = 0
    let tombstones = 0
    let shadowed = 0
    let smallest = Infinity
    let largest = 0
    for (let index = 0; index < keys.length; index++) {
      const version = versions[index]!
      size += this.#sizeOf(version)
      if (version % 2 === 1) tombstones++
      if (index > 0 && keys[index] === keys[index - 1]) shadowed++
      smallest = Math.min(smallest, version)
      largest = Math.max(largest, version)
    }
    const first = keys[0]!
    const last = keys.at(-1)!
    const meta: TableMeta = {
      file: ++this.#file,
      generation: 1,
      level,
      size,
      footerChecksum: 0,
      entries: keys.length,
      tombstones,
      shadowed,
      smallestKey: encodeKey(first),
      largestKey: encodeKey(last),
      smallestSequence: Math.floor(smallest / 2),
      largestSequence: Math.floor(largest / 2)
    }
    return { keys, versions, meta, first, last }
  }

  #check(): void {
    for (const [level, tables] of this.levels.entries()) {
      for (const [index, table] of tables.entries()) {
        assert.strictEqual(table.meta.level, level)
        if (level > 0 && index > 0) {
          assert.isBelow(tables[index - 1]!.last, table.first, `two tables of level ${level} overlap`)
        }
      }
    }
  }
}
