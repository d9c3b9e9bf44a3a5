/** What can be read of a store while another process has it (I26). */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { freshDirectory } from "../store/storeHelpers.ts"
import { checkStore, deleteLock, Rivals, TakeoverLedger } from "./takeover.ts"
import type { TakeoverProcess } from "./takeover.ts"
import type { OpenOptions } from "./takeoverProtocol.ts"

const tables = 20
const limit = 8
/** Every read of a table goes to its file. */
const fewFiles: OpenOptions = { maxOpenFiles: limit, blockCacheSize: 0 }
const all = Array.from({ length: tables }, (_, number) => number)
const allRight = all.map(() => "right")
const last = all.slice(-3)
const lastRight = last.map(() => "right")

/** A store of the process with a number of writer A in each of its tables. */
const openTables = Effect.fnUntraced(function*(owner: TakeoverProcess, options: OpenOptions) {
  const directory = yield* freshDirectory
  const ledger = new TakeoverLedger()
  assert.strictEqual(yield* owner.open(directory, ledger, { options }), "done")
  for (const number of all) {
    assert.strictEqual(yield* owner.write("A", number, number + 1), "done")
    assert.strictEqual(yield* owner.request("flush"), "done")
  }
  ledger.settle()
  return { directory, ledger }
})

/** Each that is not open any more is fenced, and nothing else. */
const readsOpenTablesAlone = Effect.fnUntraced(function*(loser: TakeoverProcess) {
  assert.deepStrictEqual(yield* loser.get("A", last), lastRight)
  const found = yield* loser.get("A", all)
  assert.deepStrictEqual(found.filter((answer) => answer !== "right" && answer !== "StoreFenced"), [])
  assert.isAtMost(found.filter((answer) => answer === "right").length, limit)
  assert.deepStrictEqual(yield* loser.get("A", last), lastRight)
  assert.strictEqual(yield* loser.request("scan"), "StoreFenced")
})

layer(Rivals.layer, { excludeTestServices: true })("a store that another process has taken", (it) => {
  for (const [name, merges] of [["as they are", false], ["together", true]] as const) {
    it.effect(`I26: reads the tables that it has open, and fails with StoreFenced for others, which the newcomer leaves ${name}`, () =>
      Effect.gen(function*() {
        const { first, second } = yield* Rivals
        const { directory, ledger } = yield* openTables(first, fewFiles)
        assert.deepStrictEqual(yield* first.get("A", all), allRight)
        assert.deepStrictEqual(yield* first.get("A", last), lastRight)
        deleteLock(directory)
        assert.strictEqual(yield* second.open(directory, ledger), "done")
        if (merges) assert.strictEqual(yield* second.request("compact"), "done")
        yield* readsOpenTablesAlone(first)
        assert.strictEqual(yield* first.request("close"), "done")
        assert.deepStrictEqual(yield* second.get("A", all), allRight)
        assert.strictEqual(yield* second.request("close"), "done")
        yield* checkStore(directory, ledger)
      }))
  }
})

layer(Rivals.layer, { excludeTestServices: true })("a reader beside a writer that no lock keeps out", (it) => {
  it.effect("I26: opens, or fails in a typed way that is no damage, and finds what was acknowledged before", () =>
    Effect.gen(function*() {
      const { first: writer, second: reader } = yield* Rivals
      const directory = yield* freshDirectory
      const ledger = new TakeoverLedger()
      const options = { memtableSize: 64 * 1024 }
      assert.strictEqual(yield* writer.open(directory, ledger, { options, workers: 2 }), "done")
      assert.strictEqual(yield* writer.write("A", 0, 20), "done")
      deleteLock(directory)
      const outcomes = new Set<string>()
      for (let round = 0; round < 8; round++) {
        const from = 20 + round * 600
        yield* writer.begin({ do: "write", writer: "A", from, to: from + 600, levels: ["buffered"], atOnce: 4 })
        yield* writer.until(20, ({ tell }) => tell === "acknowledged")
        for (let again = 0; again < 3; again++) {
          const opened = yield* reader.open(directory, ledger, { options: { ...fewFiles, readOnly: true } })
          outcomes.add(opened)
          if (opened === "done") {
            for (const answer of yield* reader.get("A", [0, from - 1, from])) outcomes.add(answer)
            outcomes.add(yield* reader.request("scan"))
          }
          yield* reader.request("close")
        }
        assert.strictEqual((yield* writer.answer).outcome, "done")
        assert.strictEqual(yield* writer.request("compact"), "done")
      }
      const typed = new Set(["done", "right", "StoreFenced", "StoreLocked"])
      assert.deepStrictEqual([...outcomes].filter((outcome) => !typed.has(outcome)), [])
      assert.isTrue(outcomes.has("right"))
      assert.strictEqual(yield* writer.request("close"), "done")
      ledger.settle()
      yield* checkStore(directory, ledger)
    }))

  it.effect("I26: fails with StoreFenced for tables that the writer has merged away", () =>
    Effect.gen(function*() {
      const { first: writer, second: reader } = yield* Rivals
      const { directory, ledger } = yield* openTables(writer, {})
      deleteLock(directory)
      const readOnly = { ...fewFiles, readOnly: true }
      assert.strictEqual(yield* reader.open(directory, new TakeoverLedger(), { options: readOnly }), "done")
      assert.deepStrictEqual(yield* reader.get("A", all), allRight)
      assert.deepStrictEqual(yield* reader.get("A", last), lastRight)
      assert.strictEqual(yield* writer.request("compact"), "done")
      yield* readsOpenTablesAlone(reader)
      assert.strictEqual(yield* reader.request("close"), "done")
      assert.strictEqual(yield* writer.request("close"), "done")
      yield* checkStore(directory, ledger)
    }))

  it.effect("I26: fails with StoreFenced for tables that the next writer has merged away", () =>
    Effect.gen(function*() {
      const { first: writer, second: reader } = yield* Rivals
      const { directory, ledger } = yield* openTables(writer, {})
      assert.strictEqual(yield* writer.request("close"), "done")
      const readOnly = { ...fewFiles, readOnly: true }
      assert.strictEqual(yield* reader.open(directory, new TakeoverLedger(), { options: readOnly }), "done")
      assert.deepStrictEqual(yield* reader.get("A", all), allRight)
      assert.deepStrictEqual(yield* reader.get("A", last), lastRight)
      deleteLock(directory)
      assert.strictEqual(yield* writer.open(directory, ledger), "done")
      assert.strictEqual(yield* writer.request("compact"), "done")
      yield* readsOpenTablesAlone(reader)
      assert.strictEqual(yield* reader.request("close"), "done")
      assert.strictEqual(yield* writer.request("close"), "done")
      yield* checkStore(directory, ledger)
    }))
})
