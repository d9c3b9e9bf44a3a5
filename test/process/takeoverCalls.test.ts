/**
 * A newcomer between any two calls to the disk of the process that has the store
 * (I26): in a short life the n-th call, a look at the owner included, waits until
 * the other has taken the directory and made use of it. `TAKEOVER_EFFORT=all`
 * tries every call, and every newcomer at each.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { cpSync, existsSync, renameSync } from "node:fs"
import { freshDirectory } from "../store/storeHelpers.ts"
import { changedFiles, deleteLock, filesIn, problemsIn, Rivals, TakeoverLedger } from "./takeover.ts"
import type { TakeoverError, TakeoverProcess } from "./takeover.ts"

const isWhole = process.env["TAKEOVER_EFFORT"] === "all"
const points = 12
/** What names the store's state is about to be read, its generation to be taken, and its new state to be put in force. */
const turningPoints = ["openRead CURRENT", "claim OWNER", "rename CURRENT"]

/** What somebody does who comes while the owner stands still. */
interface Newcomer {
  readonly name: string
  /** Returns the directory in which the owner's store is from then on. */
  readonly come: (
    second: TakeoverProcess,
    directory: string,
    ledger: TakeoverLedger
  ) => Effect.Effect<string, TakeoverError>
  /** What the store at the path is from then on. */
  readonly atPath: "the same" | "a new one" | "a copy"
}

const takeOnce = Effect.fnUntraced(function*(
  second: TakeoverProcess,
  directory: string,
  ledger: TakeoverLedger,
  life: number
) {
  assert.strictEqual(yield* second.open(directory, ledger), "done")
  assert.strictEqual(yield* second.write("B", life * 10, life * 10 + 4), "done")
})

const takeAndClose = Effect.fnUntraced(function*(
  second: TakeoverProcess,
  directory: string,
  ledger: TakeoverLedger,
  life: number
) {
  yield* takeOnce(second, directory, ledger, life)
  assert.strictEqual(yield* second.request(life % 2 === 0 ? "flush" : "compact"), "done")
  assert.strictEqual(yield* second.request("close"), "done")
})

const newcomers: ReadonlyArray<Newcomer> = [
  {
    name: "one who stays",
    atPath: "the same",
    come: (second, directory, ledger) =>
      Effect.as(
        Effect.andThen(Effect.sync(() => deleteLock(directory)), takeOnce(second, directory, ledger, 0)),
        directory
      )
  },
  {
    name: "three who come and go",
    atPath: "the same",
    come: (second, directory, ledger) =>
      Effect.gen(function*() {
        for (let life = 0; life < 3; life++) {
          deleteLock(directory)
          yield* takeAndClose(second, directory, ledger, life)
        }
        return directory
      })
  },
  {
    name: "one who makes a store where the directory was moved away",
    atPath: "a new one",
    come: (second, directory, ledger) =>
      Effect.gen(function*() {
        // At the first calls there may be none.
        if (existsSync(directory)) renameSync(directory, `${directory}-moved`)
        yield* takeAndClose(second, directory, ledger, 0)
        return `${directory}-moved`
      })
  },
  {
    name: "one who opens a copy in the place of the directory",
    atPath: "a copy",
    come: (second, directory, ledger) =>
      Effect.gen(function*() {
        if (existsSync(directory)) {
          renameSync(directory, `${directory}-moved`)
          cpSync(`${directory}-moved`, directory, { recursive: true })
        }
        yield* takeAndClose(second, directory, ledger, 0)
        return `${directory}-moved`
      })
  }
]

/** What the owner does, and how each thing goes. */
const live = Effect.fnUntraced(function*(
  first: TakeoverProcess,
  directory: string,
  ledger: TakeoverLedger,
  n: number,
  opened: () => void = () => {}
) {
  const outcomes = [yield* first.open(directory, ledger, { standAt: n })]
  if (outcomes[0] === "done") {
    opened()
    outcomes.push(
      yield* first.write("A", 0, 3, { levels: ["sync"], atOnce: 1 }),
      yield* first.request("flush"),
      yield* first.write("A", 3, 6, { levels: ["sync", "buffered", "async"] }),
      yield* first.request("compact"),
      yield* first.write("A", 6, 8),
      yield* first.request("sync")
    )
  }
  outcomes.push(yield* first.request("close"))
  return outcomes
})

const expected = new Set(["done", "StoreReadOnly failure", "StoreFenced", "StoreLocked"])

/** What is wrong after the newcomer came before the n-th call. */
const tryPoint = Effect.fnUntraced(function*(
  { first, second }: Rivals["Service"],
  template: string | undefined,
  templateLedger: TakeoverLedger,
  n: number,
  newcomer: Newcomer
) {
  const directory = yield* freshDirectory
  const ledger = templateLedger.copy()
  if (template !== undefined) cpSync(template, directory, { recursive: true })
  let ledgerAtPath = ledger
  let files: ReadonlyMap<string, string> = new Map()
  let directoryOfFirst = directory
  let isOpen = false
  let hadOpened = false
  first.stoodAt = ""
  first.whileStanding = Effect.gen(function*() {
    ledger.settle()
    if (newcomer.atPath === "a copy") ledgerAtPath = ledger.copy()
    if (newcomer.atPath === "a new one") ledgerAtPath = new TakeoverLedger()
    directoryOfFirst = yield* newcomer.come(second, directory, ledgerAtPath)
    files = filesIn(directory)
    hadOpened = isOpen
    if (isOpen || ledgerAtPath === ledger) return
    // What it opens now is at the path, or else it is refused all that it writes.
    first.ledger = ledgerAtPath
    ledger.issue({ writer: "A", from: 0, to: 8 })
  })
  const outcomes = yield* live(first, directory, ledger, n, () => {
    isOpen = true
  })
  const problems = outcomes.filter((outcome) => !expected.has(outcome)).map((outcome) => `${outcome} is no answer.`)
  // Who had not come so far as to lose anything has the store after the other.
  const isLost = outcomes.some((outcome) => outcome !== "done")
  if (isLost) {
    for (const name of changedFiles(files, filesIn(directory))) problems.push(`${name} was changed by the first.`)
  }
  yield* second.request("close")
  problems.push(...yield* problemsIn(directory, ledgerAtPath))
  // Moved away before it was one, it need not be a store.
  if (ledgerAtPath !== ledger && (hadOpened || template !== undefined)) {
    problems.push(...yield* problemsIn(directoryOfFirst, ledger))
  }
  const context = `${newcomer.name} before call ${n}, ${first.stoodAt}; then ${outcomes.join(", ")}`
  return problems.length === 0 ? [] : [`${context}: ${problems.slice(0, 3).join(" ")}`]
})

const listCalls = Effect.fnUntraced(function*({ first }: Rivals["Service"], template: string | undefined) {
  const directory = yield* freshDirectory
  if (template !== undefined) cpSync(template, directory, { recursive: true })
  yield* live(first, directory, new TakeoverLedger(), -1)
  const { each } = yield* first.ask({ do: "listCalls" })
  return each
})

const tryPoints = Effect.fnUntraced(function*(
  rivals: Rivals["Service"],
  template: string | undefined,
  ledger: TakeoverLedger
) {
  const calls = yield* listCalls(rivals, template)
  assert.isAbove(calls.length, points)
  const at = (numbers: ReadonlyArray<number>, who: ReadonlyArray<Newcomer>) =>
    numbers.flatMap((n) => who.map((newcomer) => ({ n, newcomer })))
  const spread = Array.from({ length: points }, (_, point) => ({
    n: Math.floor((point + 0.5) * calls.length / points),
    newcomer: newcomers[point % newcomers.length]!
  }))
  const turns = turningPoints.map((turn) => calls.findIndex((call) => call.startsWith(turn))).filter((n) => n >= 0)
  const tries = isWhole ? at([...calls.keys()], newcomers) : [...spread, ...at(turns, newcomers.slice(1, 3))]
  const problems: Array<string> = []
  for (const { n, newcomer } of tries) {
    problems.push(...yield* Effect.scoped(tryPoint(rivals, template, ledger, n, newcomer)))
  }
  assert.deepStrictEqual(problems, [])
})

layer(Rivals.layer, { excludeTestServices: true })("a newcomer between two calls to the disk", (it) => {
  it.effect(
    "I26: neither loses what it was acknowledged, from the first call on that makes the store",
    () =>
      Effect.gen(function*() {
        yield* tryPoints(yield* Rivals, undefined, new TakeoverLedger())
      }),
    600_000
  )

  it.effect(
    "I26: neither loses what it was acknowledged, from the opening of a store with tables and a log on",
    () =>
      Effect.gen(function*() {
        const rivals = yield* Rivals
        const { first } = rivals
        const template = yield* freshDirectory
        const ledger = new TakeoverLedger()
        assert.strictEqual(yield* first.open(template, ledger), "done")
        for (let table = 0; table < 2; table++) {
          assert.strictEqual(yield* first.write("template", table * 10, table * 10 + 10), "done")
          assert.strictEqual(yield* first.request("flush"), "done")
        }
        assert.strictEqual(yield* first.write("template", 20, 30), "done")
        assert.strictEqual(yield* first.request("close"), "done")
        yield* tryPoints(rivals, template, ledger)
      }),
    600_000
  )
})
