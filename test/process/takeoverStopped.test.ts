/** A process that is stopped in the middle of its work, while others take its store, and goes on then (I26). */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { freshDirectory } from "../store/storeHelpers.ts"
import { changedFiles, checkStore, deleteLock, filesIn, Rivals, TakeoverLedger, TakeoverProcess } from "./takeover.ts"
import type { TakeoverError } from "./takeover.ts"
import type { Report } from "./takeoverProtocol.ts"

const refused = "StoreReadOnly failure"
const isAcknowledgement = ({ tell }: Report): boolean => tell === "acknowledged"

/** What the first is doing when it is stopped. */
interface Work {
  readonly name: string
  readonly begin: (first: TakeoverProcess) => Effect.Effect<void, TakeoverError>
}

const writing = (acknowledgements: number): Work => ({
  name: `writes at "sync", ${acknowledgements} acknowledged`,
  begin: (first) =>
    Effect.andThen(
      first.begin({ do: "write", writer: "A", from: 200, to: 20_000, levels: ["sync"], atOnce: 8 }),
      first.until(acknowledgements, isAcknowledgement)
    )
})

const works: ReadonlyArray<Work> = [
  writing(1),
  writing(50),
  {
    name: "writes a table in a thread",
    begin: (first) =>
      Effect.andThen(
        first.begin({ do: "flush" }),
        first.until(1, (report) => report.tell === "begins" && report.job === "flush")
      )
  },
  {
    name: "merges tables in a thread",
    begin: (first) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* first.request("flush"), "done")
        yield* first.begin({ do: "compact" })
        yield* first.until(1, (report) => report.tell === "begins" && report.job === "merge")
      })
  }
]

layer(Rivals.layer, { excludeTestServices: true })("a process that is stopped", (it) => {
  /** The first is stopped at the work with its LOCK deleted. */
  const stopAt = Effect.fnUntraced(function*(first: TakeoverProcess, { begin }: Work) {
    const directory = yield* freshDirectory
    const ledger = new TakeoverLedger()
    assert.strictEqual(yield* first.open(directory, ledger, { workers: 2 }), "done")
    for (const from of [0, 50]) {
      assert.strictEqual(yield* first.write("A", from, from + 50), "done")
      assert.strictEqual(yield* first.request("flush"), "done")
    }
    assert.strictEqual(yield* first.write("A", 100, 200), "done")
    ledger.settle()
    yield* begin(first)
    yield* first.signal("SIGSTOP")
    deleteLock(directory)
    return { directory, ledger }
  })

  /** It goes on, and changes nothing that another has made or needs. */
  const goOn = Effect.fnUntraced(function*(first: TakeoverProcess, directory: string) {
    const files = filesIn(directory)
    yield* first.signal("SIGCONT")
    // What it was doing may have been over already.
    assert.include(["done", refused, "StoreFenced"], (yield* first.answer).outcome)
    assert.strictEqual(yield* first.write("A", 20_000, 20_020), refused)
    assert.strictEqual(yield* first.request("flush"), refused)
    assert.strictEqual(yield* first.request("compact"), refused)
    assert.strictEqual(yield* first.request("sync"), refused)
    assert.strictEqual(yield* first.request("close"), "done")
    assert.deepStrictEqual(changedFiles(files, filesIn(directory)), [])
  })

  for (const work of works) {
    it.effect(`I26: while it ${work.name} finds that another had its store, and neither loses what it was acknowledged`, () =>
      Effect.gen(function*() {
        const { first, second } = yield* Rivals
        const { directory, ledger } = yield* stopAt(first, work)
        assert.strictEqual(yield* second.open(directory, ledger), "done")
        assert.strictEqual(yield* second.write("B", 0, 20), "done")
        assert.strictEqual(yield* second.request("flush"), "done")
        assert.strictEqual(yield* second.write("B", 20, 40), "done")
        assert.strictEqual(yield* second.request("close"), "done")
        ledger.settle()
        yield* goOn(first, directory)
        yield* checkStore(directory, ledger)
      }))
  }

  it.effect("I26: finds a third who took the store from the second, and none loses what it was acknowledged", () =>
    Effect.gen(function*() {
      const { first, second } = yield* Rivals
      const third = yield* TakeoverProcess.start
      const { directory, ledger } = yield* stopAt(first, writing(20))
      assert.strictEqual(yield* second.open(directory, ledger), "done")
      assert.strictEqual(yield* second.write("B", 0, 20), "done")
      ledger.settle()
      deleteLock(directory)
      assert.strictEqual(yield* third.open(directory, ledger), "done")
      assert.strictEqual(yield* third.write("C", 0, 20), "done")
      yield* goOn(first, directory)
      assert.strictEqual(yield* second.write("B", 20, 40), refused)
      assert.strictEqual(yield* third.write("C", 20, 40), "done")
      assert.strictEqual(yield* third.request("compact"), "done")
      assert.strictEqual(yield* third.request("close"), "done")
      assert.strictEqual(yield* second.request("close"), "done")
      ledger.settle()
      yield* checkStore(directory, ledger)
    }))
})
