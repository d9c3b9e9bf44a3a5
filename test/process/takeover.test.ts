/** Two processes and one path: the lock is lost, or the directory is no longer the one that it was (I26). */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs"
import { freshDirectory } from "../store/storeHelpers.ts"
import { changedFiles, checkStore, deleteLock, filesIn, Rivals, TakeoverLedger } from "./takeover.ts"
import type { TakeoverError, TakeoverProcess } from "./takeover.ts"

const refused = "StoreReadOnly failure"
const lives = 30

/** A store of the first process that has a table, and something in its log. */
const openFirst = Effect.fnUntraced(function*(first: TakeoverProcess) {
  const directory = yield* freshDirectory
  const ledger = new TakeoverLedger()
  assert.strictEqual(yield* first.open(directory, ledger), "done")
  assert.strictEqual(yield* first.write("A", 0, 20), "done")
  assert.strictEqual(yield* first.request("flush"), "done")
  assert.strictEqual(yield* first.write("A", 20, 40), "done")
  ledger.settle()
  return { directory, ledger }
})

/** It writes nothing any more, and still reads what it has. */
const hasLost = Effect.fnUntraced(function*(loser: TakeoverProcess, writer: string) {
  assert.strictEqual(yield* loser.write(writer, 1_000, 1_020), refused)
  assert.strictEqual(yield* loser.request("sync"), refused)
  assert.strictEqual(yield* loser.request("flush"), refused)
  assert.strictEqual(yield* loser.request("compact"), refused)
  assert.deepStrictEqual(yield* loser.get(writer, [0, 1, 20, 21]), ["right", "right", "right", "right"])
  assert.strictEqual(yield* loser.request("scan"), "done")
})

layer(Rivals.layer, { excludeTestServices: true })("two processes and one directory", (it) => {
  const waysToLoseTheLock: ReadonlyArray<
    readonly [name: string, lose: (first: TakeoverProcess, directory: string) => Effect.Effect<unknown, TakeoverError>]
  > = [
    ["its LOCK is deleted", (_, directory) => Effect.sync(() => deleteLock(directory))],
    ["it reads its own LOCK", (first, directory) => first.ask({ do: "read", path: `${directory}/LOCK` })],
    [
      "it copies its own directory",
      (first, directory) => first.ask({ do: "copy", from: directory, to: `${directory}-copy` })
    ]
  ]
  for (const [name, lose] of waysToLoseTheLock) {
    it.effect(`I26: the first stops when the second opens after ${name}, and neither loses what it was acknowledged`, () =>
      Effect.gen(function*() {
        const { first, second } = yield* Rivals
        const { directory, ledger } = yield* openFirst(first)
        assert.strictEqual(yield* second.open(directory, new TakeoverLedger()), "StoreLocked")
        yield* lose(first, directory)
        assert.strictEqual(yield* second.open(directory, ledger), "done")
        assert.strictEqual(yield* second.write("B", 0, 20), "done")
        yield* hasLost(first, "A")
        assert.strictEqual(yield* second.write("B", 20, 40), "done")
        assert.strictEqual(yield* second.request("close"), "done")
        ledger.settle()
        const files = filesIn(directory)
        yield* hasLost(first, "A")
        assert.strictEqual(yield* first.request("close"), "done")
        assert.deepStrictEqual(filesIn(directory), files)
        yield* checkStore(directory, ledger)
      }))

    it.effect(`I26: each write is with the second or refused by the first, which writes all along while ${name}`, () =>
      Effect.gen(function*() {
        const { first, second } = yield* Rivals
        const { directory, ledger } = yield* openFirst(first)
        yield* lose(first, directory)
        yield* first.begin({ do: "write", writer: "A", from: 40, to: 20_000, levels: ["sync"], atOnce: 8 })
        yield* first.until(20, ({ tell }) => tell === "acknowledged")
        assert.strictEqual(yield* second.open(directory, ledger), "done")
        assert.strictEqual(yield* second.write("B", 0, 20), "done")
        assert.strictEqual((yield* first.answer).outcome, refused)
        assert.strictEqual(yield* first.request("close"), "done")
        assert.strictEqual(yield* second.write("B", 20, 40), "done")
        assert.strictEqual(yield* second.request("close"), "done")
        ledger.settle()
        yield* checkStore(directory, ledger)
      }))
  }

  it.effect("I26: each goes on with its own store when the first's is moved away and the second makes one at the path", () =>
    Effect.gen(function*() {
      const { first, second } = yield* Rivals
      const { directory, ledger } = yield* openFirst(first)
      renameSync(directory, `${directory}-moved`)
      const newLedger = new TakeoverLedger()
      assert.strictEqual(yield* second.open(directory, newLedger), "done")
      assert.strictEqual(yield* second.write("B", 0, 20), "done")
      yield* hasLost(first, "A")
      assert.strictEqual(yield* second.request("flush"), "done")
      assert.strictEqual(yield* second.write("B", 20, 40), "done")
      assert.strictEqual(yield* first.request("close"), "done")
      assert.strictEqual(yield* second.request("compact"), "done")
      assert.strictEqual(yield* second.request("close"), "done")
      newLedger.settle()
      yield* checkStore(directory, newLedger)
      yield* checkStore(`${directory}-moved`, ledger)
    }))

  it.effect("I26: no write is in the wrong store when the first's is moved away while it writes", () =>
    Effect.gen(function*() {
      const { first, second } = yield* Rivals
      const { directory, ledger } = yield* openFirst(first)
      yield* first.begin({ do: "write", writer: "A", from: 40, to: 20_000, levels: ["sync"], atOnce: 8 })
      yield* first.until(20, ({ tell }) => tell === "acknowledged")
      renameSync(directory, `${directory}-moved`)
      const newLedger = new TakeoverLedger()
      assert.strictEqual(yield* second.open(directory, newLedger), "done")
      assert.strictEqual(yield* second.write("B", 0, 20), "done")
      assert.strictEqual((yield* first.answer).outcome, refused)
      assert.strictEqual(yield* first.request("close"), "done")
      assert.strictEqual(yield* second.request("close"), "done")
      newLedger.settle()
      yield* checkStore(directory, newLedger)
      yield* checkStore(`${directory}-moved`, ledger)
    }))

  it.effect("I26: the first stops when a copy of a closed earlier state takes its directory's place, opened or not", () =>
    Effect.gen(function*() {
      const { first, second } = yield* Rivals
      for (const isOpened of [false, true]) {
        const { directory, ledger: earlier } = yield* openFirst(first)
        assert.strictEqual(yield* first.request("close"), "done")
        cpSync(directory, `${directory}-copy`, { recursive: true })
        const ledger = new TakeoverLedger()
        assert.strictEqual(yield* first.open(directory, ledger), "done")
        assert.strictEqual(yield* first.write("A", 0, 60), "done")
        ledger.settle()
        renameSync(directory, `${directory}-moved`)
        renameSync(`${directory}-copy`, directory)
        if (isOpened) {
          assert.strictEqual(yield* second.open(directory, earlier), "done")
          assert.strictEqual(yield* second.write("B", 0, 20), "done")
        }
        const files = filesIn(directory)
        yield* hasLost(first, "A")
        assert.strictEqual(yield* first.request("close"), "done")
        assert.deepStrictEqual(changedFiles(files, filesIn(directory)), [])
        assert.strictEqual(yield* second.request("close"), "done")
        yield* checkStore(directory, earlier)
        yield* checkStore(`${directory}-moved`, ledger)
      }
    }))

  it.effect("I26: the first stops when a copy that was made while it was open takes its directory's place, opened or not", () =>
    Effect.gen(function*() {
      const { first, second } = yield* Rivals
      for (const isOpened of [false, true]) {
        const { directory, ledger } = yield* openFirst(first)
        cpSync(directory, `${directory}-copy`, { recursive: true })
        const copied = ledger.copy()
        assert.strictEqual(yield* first.write("A", 40, 60), "done")
        ledger.settle()
        renameSync(directory, `${directory}-moved`)
        renameSync(`${directory}-copy`, directory)
        if (isOpened) {
          assert.strictEqual(yield* second.open(directory, copied), "done")
          assert.strictEqual(yield* second.write("B", 0, 20), "done")
        }
        const files = filesIn(directory)
        yield* hasLost(first, "A")
        assert.strictEqual(yield* first.request("close"), "done")
        assert.deepStrictEqual(filesIn(directory), files)
        assert.strictEqual(yield* second.request("close"), "done")
        yield* checkStore(directory, copied)
        yield* checkStore(`${directory}-moved`, ledger)
      }
    }))

  it.effect("I26: the first stops when its directory is removed, and makes nothing at the path", () =>
    Effect.gen(function*() {
      const { first } = yield* Rivals
      const { directory } = yield* openFirst(first)
      rmSync(directory, { recursive: true })
      yield* hasLost(first, "A")
      assert.strictEqual(yield* first.request("close"), "done")
      assert.isFalse(existsSync(directory))
    }))

  it.effect("I26: the first stops when its directory is removed and made again, and leaves it to whoever comes", () =>
    Effect.gen(function*() {
      const { first, second } = yield* Rivals
      for (const comes of [false, true]) {
        const { directory } = yield* openFirst(first)
        rmSync(directory, { recursive: true })
        mkdirSync(directory)
        const ledger = new TakeoverLedger()
        if (comes) {
          assert.strictEqual(yield* second.open(directory, ledger), "done")
          assert.strictEqual(yield* second.write("B", 0, 20), "done")
          assert.strictEqual(yield* second.request("flush"), "done")
        }
        yield* hasLost(first, "A")
        assert.strictEqual(yield* first.request("close"), "done")
        if (comes) {
          assert.strictEqual(yield* second.write("B", 20, 40), "done")
          assert.strictEqual(yield* second.request("close"), "done")
          ledger.settle()
          yield* checkStore(directory, ledger)
        } else {
          assert.deepStrictEqual(readdirSync(directory), [])
        }
      }
    }))

  for (
    const [name, isDeleted] of [["with the lock", false], ["while somebody deletes LOCK all the time", true]] as const
  ) {
    it.effect(`I26: open it again and again at once, ${name}: each opens, or hears that the other has it, and none loses what it was acknowledged`, () =>
      Effect.gen(function*() {
        const rivals = yield* Rivals
        const directory = yield* freshDirectory
        const ledger = new TakeoverLedger()
        const outcomes = new Set<string>()
        const live = Effect.fnUntraced(function*(process: TakeoverProcess, writer: string) {
          for (let life = 0; life < lives; life++) {
            const opened = yield* process.open(directory, ledger)
            outcomes.add(`open: ${opened}`)
            if (opened === "done") {
              outcomes.add(`write: ${yield* process.write(writer, life * 20, life * 20 + 20, { levels: ["sync"] })}`)
              if (life % 3 === 0) outcomes.add(`write: ${yield* process.request("flush")}`)
            }
            yield* process.request("close")
          }
        })
        const deleting = isDeleted ? setInterval(() => deleteLock(directory), 1) : undefined
        yield* Effect.all([live(rivals.first, "A"), live(rivals.second, "B")], { concurrency: "unbounded" })
        clearInterval(deleting)
        const expected = new Set(["open: done", "open: StoreLocked", "write: done"])
        if (isDeleted) expected.add(`write: ${refused}`)
        assert.deepStrictEqual([...outcomes].filter((outcome) => !expected.has(outcome)), [])
        yield* checkStore(directory, ledger)
      }))
  }
})
