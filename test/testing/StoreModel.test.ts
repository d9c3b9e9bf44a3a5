import { assert, describe, it } from "@effect/vitest"
import type { Entry, SnapshotScanOptions } from "../../src/index.ts"
import { StoreModel } from "../../src/testing/index.ts"
import { bytesOf, textOf } from "../engine/harness.ts"

const entry = (key: string, value = key): Entry => [bytesOf(key), bytesOf(value)]
const change = (key: string, value?: string) => ({
  key: bytesOf(key),
  value: value === undefined ? undefined : bytesOf(value)
})

const scanned = (model: StoreModel, options?: SnapshotScanOptions): string =>
  model.now.scan(options).map(([key]) => textOf(key)).join(" ")

describe("The model of a store", () => {
  it("is an ordered map", () => {
    const model = new StoreModel([entry("b"), entry("a"), entry("d")])
    model.write([change("c", "c"), change("d")], "sync")
    assert.strictEqual(scanned(model), "a b c")
    assert.strictEqual(scanned(model, { reverse: true, limit: 2 }), "c b")
    assert.strictEqual(scanned(model, { gt: bytesOf("a"), lt: bytesOf("c") }), "b")
    assert.strictEqual(scanned(model, { gte: bytesOf("a"), lte: bytesOf("b") }), "a b")
    assert.strictEqual(scanned(model, { prefix: bytesOf("c") }), "c")
    assert.strictEqual(textOf(model.now.get(bytesOf("c")) ?? new Uint8Array(0)), "c")
    assert.deepStrictEqual([model.now.has(bytesOf("d")), model.now.get(bytesOf("d")), model.now.size], [
      false,
      undefined,
      3
    ])
  })

  it("I8: keeps its states", () => {
    const model = new StoreModel([], 7)
    const value = bytesOf("1")
    model.write([{ key: bytesOf("a"), value }], "sync")
    const before = model.now
    value.fill(0)
    model.write([change("a", "2"), change("b", "2")], "sync")
    assert.deepStrictEqual(before.scan(), [entry("a", "1")])
    assert.deepStrictEqual([before.sequence, model.now.sequence], [8, 10])
    model.skipTo(20)
    assert.deepStrictEqual([model.now.sequence, scanned(model)], [20, "a b"])
  })

  it("I4, I5: knows what an end may leave", () => {
    const model = new StoreModel()
    const contents = [[], [entry("a")], [entry("a"), entry("b")], [entry("a"), entry("b"), entry("c")]]
    const mayFind = (end: "power cut" | "kill" | "close") => contents.map((content) => model.mayFind(content, end))
    model.write([change("a", "a")], "sync")
    model.write([change("b", "b")], "buffered")
    model.write([change("c", "c")], "async")
    assert.deepStrictEqual(mayFind("power cut"), [false, true, true, true])
    assert.deepStrictEqual(mayFind("kill"), [false, false, true, true])
    assert.deepStrictEqual(mayFind("close"), [false, false, false, true])
    assert.isFalse(model.mayFind([entry("a"), entry("c")], "power cut"))
    assert.isFalse(model.mayFind([entry("a", "other")], "power cut"))
    model.synced()
    assert.deepStrictEqual(mayFind("power cut"), [false, false, false, true])
  })

  it("I4: may find any of the writes that were made together, until all were acknowledged", () => {
    const model = new StoreModel([entry("a")])
    model.writeTogether([change("a"), change("b", "b"), change("c", "c")], "async")
    assert.isTrue(model.mayFind([entry("b")], "kill"))
    assert.isTrue(model.mayFind([entry("a"), entry("c")], "kill"))
    assert.isFalse(model.mayFind([entry("a"), entry("c", "b")], "kill"))
    assert.isFalse(model.mayFind([entry("b")], "close"))
    model.writeTogether([], "sync")
    assert.isTrue(model.mayFind([entry("a")], "kill"))
  })
})
