import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import type { MemtableCursor } from "../../src/memtable/MemtableCursor.ts"
import {
  arbitraryKey,
  arbitraryRecord,
  arbitraryRecords,
  hex,
  insertRecord,
  latin,
  makeRandom,
  MemtableModel,
  probesFor,
  propertyOptions,
  shuffle
} from "./MemtableModel.ts"
import type { TestRecord, TestVersion } from "./MemtableModel.ts"

const limit = 1 << 20

const fill = (records: ReadonlyArray<TestRecord>): { memtable: ArenaMemtable; model: MemtableModel } => {
  const memtable = ArenaMemtable.make({ limit, baseSequence: 0 })
  const model = new MemtableModel()
  records.forEach((record, i) => {
    insertRecord(memtable, record, 1 + i)
    model.insert(record, 1 + i)
  })
  return { memtable, model }
}

const keyOf = (cursor: MemtableCursor): string | undefined =>
  cursor.valid ? hex(cursor.keyBuffer.subarray(cursor.keyOffset, cursor.keyOffset + cursor.keyLength)) : undefined

const selectedOf = (cursor: MemtableCursor, sequence: number): TestVersion | undefined => {
  cursor.select(sequence)
  if (!cursor.selected) return undefined
  return {
    sequence: cursor.sequence,
    kind: cursor.kind,
    value: hex(cursor.valueBuffer.subarray(cursor.valueOffset, cursor.valueOffset + cursor.valueLength))
  }
}

type Step =
  | { readonly move: "insert"; readonly record: TestRecord }
  | { readonly move: "next" | "previous" | "seekFirst" | "seekLast" }
  | { readonly move: "seekAtOrAfter" | "seekAtOrBefore"; readonly key: Uint8Array }

const arbitrarySteps: Arbitrary.Arbitrary<Array<Step>> = Arbitrary.array(
  Arbitrary.all({
    move: Arbitrary.schema(
      Schema.Literals([
        "insert",
        "insert",
        "insert",
        "next",
        "next",
        "next",
        "previous",
        "previous",
        "previous",
        "seekFirst",
        "seekLast",
        "seekAtOrAfter",
        "seekAtOrBefore"
      ])
    ),
    record: arbitraryRecord,
    key: arbitraryKey
  }).pipe(Arbitrary.map(({ key, move, record }): Step => {
    switch (move) {
      case "insert":
        return { move, record }
      case "seekAtOrAfter":
      case "seekAtOrBefore":
        return { move, key }
      default:
        return { move }
    }
  })),
  { maxLength: 200 }
)

describe("MemtableCursor", () => {
  it.prop("goes through all keys in order, forwards and backwards", [arbitraryRecords], ([records]) => {
    const { memtable, model } = fill(records)
    const cursor = memtable.cursor()
    const forwards: Array<string | undefined> = []
    for (cursor.seekFirst(); cursor.valid; cursor.next()) forwards.push(keyOf(cursor))
    assert.deepStrictEqual(forwards, Array.from(model.keys))
    const backwards: Array<string | undefined> = []
    for (cursor.seekLast(); cursor.valid; cursor.previous()) backwards.push(keyOf(cursor))
    assert.deepStrictEqual(backwards, model.keys.toReversed())
  }, propertyOptions)

  it.prop("seeks as the model does, and goes on from there", [arbitraryRecords], ([records]) => {
    const { memtable, model } = fill(records)
    const cursor = memtable.cursor()
    const step = (from: string | undefined): void => {
      assert.strictEqual(keyOf(cursor), from)
      if (from === undefined) return
      cursor.next()
      assert.strictEqual(keyOf(cursor), model.after(from))
    }
    const stepBack = (from: string | undefined): void => {
      assert.strictEqual(keyOf(cursor), from)
      if (from === undefined) return
      cursor.previous()
      assert.strictEqual(keyOf(cursor), model.before(from))
    }
    for (const probe of probesFor(records.slice(0, 40).map((record) => record.key))) {
      const key = hex(probe)
      cursor.seekAtOrAfter(probe)
      step(model.atOrAfter(key))
      cursor.seekAtOrAfter(probe)
      stepBack(model.atOrAfter(key))
      cursor.seekAtOrBefore(probe)
      step(model.atOrBefore(key))
      cursor.seekAtOrBefore(probe)
      stepBack(model.atOrBefore(key))
    }
  }, propertyOptions)

  it.prop("stays right when records are inserted between its moves", [arbitrarySteps], ([steps]) => {
    const { memtable, model } = fill([])
    const cursor = memtable.cursor()
    let at: string | undefined
    let sequence = 0
    for (const step of steps) {
      switch (step.move) {
        case "insert":
          sequence++
          insertRecord(memtable, step.record, sequence)
          model.insert(step.record, sequence)
          break
        case "next":
          cursor.next()
          if (at !== undefined) at = model.after(at)
          break
        case "previous":
          cursor.previous()
          if (at !== undefined) at = model.before(at)
          break
        case "seekFirst":
          cursor.seekFirst()
          at = model.keys[0]
          break
        case "seekLast":
          cursor.seekLast()
          at = model.keys.at(-1)
          break
        case "seekAtOrAfter":
          cursor.seekAtOrAfter(step.key)
          at = model.atOrAfter(hex(step.key))
          break
        case "seekAtOrBefore":
          cursor.seekAtOrBefore(step.key)
          at = model.atOrBefore(hex(step.key))
          break
      }
      assert.strictEqual(keyOf(cursor), at)
      if (at !== undefined) assert.deepStrictEqual(selectedOf(cursor, sequence), model.at(at, sequence))
    }
  }, { arbitrary: { runs: 300, size: 200 } })

  it.prop("I8: select shows each key as of any sequence", [arbitraryRecords], ([records]) => {
    const { memtable, model } = fill(records)
    const cursor = memtable.cursor()
    for (cursor.seekFirst(); cursor.valid; cursor.next()) {
      const key = keyOf(cursor)!
      for (const { sequence } of model.versions(key)) {
        for (const at of [sequence - 1, sequence, sequence + 1]) {
          assert.deepStrictEqual(selectedOf(cursor, at), model.at(key, at))
        }
      }
    }
  }, propertyOptions)

  it("passes through every kind of node in both directions from every key", () => {
    const keys: Array<Uint8Array> = []
    for (const [first, fanOut] of [[0, 2], [1, 4], [2, 5], [100, 16], [101, 17], [200, 48], [254, 49], [255, 256]]) {
      keys.push(Uint8Array.of(first!))
      for (let i = 0; i < fanOut!; i++) keys.push(Uint8Array.of(first!, Math.floor(i * (256 / fanOut!)), 3))
    }
    const { memtable, model } = fill(shuffle(keys, makeRandom(13)).map((key) => ({ key })))
    const cursor = memtable.cursor()
    keys.forEach((key) => {
      cursor.seekAtOrAfter(key)
      for (let at: string | undefined = hex(key), i = 0; i < 20 && at !== undefined; i++) {
        assert.strictEqual(keyOf(cursor), at)
        cursor.next()
        at = model.after(at)
      }
      cursor.seekAtOrBefore(key)
      for (let at: string | undefined = hex(key), i = 0; i < 20 && at !== undefined; i++) {
        assert.strictEqual(keyOf(cursor), at)
        cursor.previous()
        at = model.before(at)
      }
    })
  })

  it("comes back from hundreds of levels down", () => {
    const chain = new Uint8Array(300).fill(5)
    const keys = Array.from({ length: 300 }, (_, i) => i).flatMap((length) => [
      chain.subarray(0, length),
      Uint8Array.of(...chain.subarray(0, length), 4),
      Uint8Array.of(...chain.subarray(0, length), 6)
    ])
    const { memtable, model } = fill(shuffle(keys, makeRandom(19)).map((key) => ({ key })))
    const cursor = memtable.cursor()
    const forwards: Array<string | undefined> = []
    for (cursor.seekFirst(); cursor.valid; cursor.next()) forwards.push(keyOf(cursor))
    assert.deepStrictEqual(forwards, Array.from(model.keys))
    const backwards: Array<string | undefined> = []
    for (cursor.seekLast(); cursor.valid; cursor.previous()) backwards.push(keyOf(cursor))
    assert.deepStrictEqual(backwards, model.keys.toReversed())
  })

  it("finds its way back after the nodes on its path grew and split", () => {
    const { memtable } = fill([{ key: latin("prefix/m") }])
    const cursor = memtable.cursor()
    cursor.seekFirst()
    let sequence = 1
    for (let byte = 0; byte < 256; byte++) {
      if (byte !== "m".charCodeAt(0))
        insertRecord(memtable, { key: Uint8Array.of(...latin("prefix/"), byte) }, ++sequence)
    }
    for (const cut of ["prefix", "pre", "p", ""]) insertRecord(memtable, { key: latin(cut) }, ++sequence)
    cursor.next()
    assert.strictEqual(keyOf(cursor), hex(latin("prefix/n")))
    insertRecord(memtable, { key: latin("prefix/m~") }, ++sequence)
    cursor.previous()
    assert.strictEqual(keyOf(cursor), hex(latin("prefix/m~")))
    cursor.previous()
    assert.strictEqual(keyOf(cursor), hex(latin("prefix/m")))
  })

  it("shows a new version of the key it stands on without a move", () => {
    const { memtable } = fill([{ key: latin("a"), value: latin("old") }])
    const cursor = memtable.cursor()
    cursor.seekFirst()
    insertRecord(memtable, { key: latin("a"), value: latin("new") }, 2)
    assert.strictEqual(selectedOf(cursor, 2)?.value, hex(latin("new")))
    assert.strictEqual(selectedOf(cursor, 1)?.value, hex(latin("old")))
  })

  it("forgets what was selected when it moves", () => {
    const { memtable } = fill([{ key: latin("a") }, { key: latin("b") }])
    const cursor = memtable.cursor()
    cursor.seekFirst()
    cursor.select(5)
    assert.strictEqual(cursor.selected, true)
    cursor.next()
    assert.strictEqual(cursor.selected, false)
    cursor.select(5)
    cursor.next()
    assert.strictEqual(cursor.selected, false)
  })

  it("stays without a position once it has passed an end, until it is sought again", () => {
    const { memtable } = fill([{ key: latin("a") }])
    const cursor = memtable.cursor()
    assert.strictEqual(cursor.valid, false)
    for (const leave of [() => cursor.next(), () => cursor.previous()]) {
      cursor.seekFirst()
      assert.strictEqual(cursor.valid, true)
      leave()
      cursor.next()
      cursor.previous()
      cursor.select(9)
      assert.strictEqual(cursor.valid, false)
      assert.strictEqual(cursor.selected, false)
    }
  })

  it("has no position in an empty memtable", () => {
    const { memtable } = fill([])
    const cursor = memtable.cursor()
    const moves = [
      () => cursor.seekFirst(),
      () => cursor.seekLast(),
      () => cursor.seekAtOrAfter(latin("")),
      () => cursor.seekAtOrBefore(latin("a"))
    ]
    for (const move of moves) {
      move()
      assert.strictEqual(cursor.valid, false)
    }
  })
})
