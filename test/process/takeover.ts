/**
 * Processes with stores that are taken from each other, and the account of what
 * each was acknowledged, which is kept here, outside of them (I26).
 */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import type { Scope } from "effect"
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { readdirSync, readFileSync, rmSync } from "node:fs"
import { createInterface } from "node:readline"
import { Duplex, Writable } from "node:stream"
import { fileURLToPath } from "node:url"
import { inspectFiles } from "../../scripts/crash/inspectFiles.ts"
import { contentDifferences, inspectStore } from "../../scripts/crash/inspectStore.ts"
import { LsmStore } from "../../src/index.ts"
import type { ReadError, StoreOpenError, WriteError } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { text } from "../store/storeHelpers.ts"
import { CommandLine, keyOf, ReportLine, valueOf } from "./takeoverProtocol.ts"
import type { Answer, Command, Level, OpenOptions, Report, Write } from "./takeoverProtocol.ts"

/** What was written to one store, by whomever. */
export class TakeoverLedger {
  /** By key: the level at which it was acknowledged, if it was. */
  readonly #writes = new Map<string, Level | undefined>()
  readonly #owed = new Set<string>()

  issue(write: Pick<Write, "writer" | "from" | "to">): void {
    for (let number = write.from; number < write.to; number++) this.#writes.set(keyOf(write.writer, number), undefined)
  }

  acknowledge(key: string, level: Level): void {
    this.#writes.set(key, level)
    if (level === "sync") this.#owed.add(key)
  }

  /** The writer has its store for itself: what it was acknowledged at `"buffered"` is with the system, and must be found. */
  settle(): void {
    for (const [key, level] of this.#writes) {
      if (level === "buffered") this.#owed.add(key)
    }
  }

  /** The account of a copy that is made now. */
  copy(): TakeoverLedger {
    const copy = new TakeoverLedger()
    for (const [key, level] of this.#writes) copy.#writes.set(key, level)
    for (const key of this.#owed) copy.#owed.add(key)
    return copy
  }

  /** Keys that must be found. */
  get owed(): number {
    return this.#owed.size
  }

  /** How many writes of this writer were acknowledged. */
  acknowledged(writer: string): number {
    return [...this.#writes].filter(([key, level]) => key.startsWith(`${writer}/`) && level !== undefined).length
  }

  problems(content: ReadonlyMap<string, Uint8Array>): ReadonlyArray<string> {
    const problems = [...this.#owed].filter((key) => !content.has(key)).map((key) => `${key} is lost.`)
    for (const [key, value] of content) {
      if (!this.#writes.has(key)) problems.push(`Nobody wrote ${key} here.`)
      if (text(value) !== valueOf(key)) problems.push(`${key} holds something else.`)
    }
    return problems
  }
}

/** What is wrong with the store at the path: it is not sound, lacks what its writers are owed, or has what they did not write. */
export const problemsIn = (directory: string, ledger: TakeoverLedger): Effect.Effect<ReadonlyArray<string>> =>
  Effect.gen(function*() {
    const store = yield* LsmStore
    const before = yield* inspectStore([])
    yield* store.compact()
    const after = yield* inspectStore([])
    const changed = contentDifferences(before.content, after.content, "Compaction")
    return [...before.violations, ...after.violations, ...changed, ...ledger.problems(before.content)]
  }).pipe(
    Effect.provide(Layer.fresh(NodeLsmStore.layer({ directory, workers: 0, createIfMissing: false }))),
    Effect.map((problems) => [...problems, ...inspectFiles(directory)]),
    Effect.catch((error) => Effect.succeed([`${directory} is not to be read: ${error.message}`]))
  )

export const checkStore = (directory: string, ledger: TakeoverLedger): Effect.Effect<void> =>
  Effect.map(problemsIn(directory, ledger), (problems) => assert.deepStrictEqual(problems, []))

/** A store's files, byte for byte. */
export const filesIn = (directory: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(directory)
      .filter((name) => name !== "LOCK")
      .map((name) => [name, readFileSync(`${directory}/${name}`, "base64")])
  )

/** The files of the first that the second lacks, or has otherwise. */
export const changedFiles = (
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>
): ReadonlyArray<string> => [...before].flatMap(([name, content]) => after.get(name) === content ? [] : [name])

/** What somebody does who thinks that it is a stale lock. */
export const deleteLock = (directory: string): void => rmSync(`${directory}/LOCK`, { force: true })

/** What the process says that somebody waits for. */
type Turn = Extract<Report, { readonly tell: "answer" | "stands" }>
export type TakeoverError = StoreOpenError | ReadError | WriteError

const script = fileURLToPath(new URL("takeoverProcess.ts", import.meta.url))

/** The test's side of a process with a store. */
export class TakeoverProcess {
  /** Where its writes are accounted for. */
  ledger = new TakeoverLedger()
  /** What happens while it stands still before a call to the disk; then it goes on. */
  whileStanding: Effect.Effect<unknown, TakeoverError> = Effect.void
  /** Where it last stood. */
  stoodAt = ""
  readonly #child: ChildProcess
  readonly #commands: Writable
  readonly #goAheads: Writable
  readonly #turns: Array<Turn> = []
  /** What else it has told since the last command. */
  #reports: Array<Report> = []
  #looking: Array<() => void> = []
  #isEnded = false

  private constructor() {
    const child = spawn(process.execPath, [script], { stdio: ["pipe", "inherit", "inherit", "pipe"] })
    const [commands, , , reports] = child.stdio
    if (!(commands instanceof Writable && reports instanceof Duplex)) throw new Error("The process lacks a pipe.")
    this.#child = child
    this.#commands = commands
    this.#goAheads = reports
    const lines = createInterface({ input: reports })
    lines.on("line", (line) => this.#hear(Schema.decodeUnknownSync(ReportLine)(line)))
    lines.once("close", () => {
      this.#isEnded = true
      this.#wake()
    })
  }

  /** One that ends with the scope at the latest. */
  static readonly start: Effect.Effect<TakeoverProcess, never, Scope.Scope> = Effect.acquireRelease(
    Effect.sync(() => new TakeoverProcess()),
    (process) => process.signal("SIGKILL")
  )

  /** How a command goes. */
  ask(command: Command): Effect.Effect<Answer, TakeoverError> {
    return Effect.andThen(this.begin(command), this.answer)
  }

  /** Only tells it. */
  begin(command: Command): Effect.Effect<void> {
    return Effect.sync(() => {
      if (command.do === "write") this.ledger.issue(command)
      this.#reports = []
      this.#commands.write(`${Schema.encodeSync(CommandLine)(command)}\n`)
    })
  }

  /** How the command that was begun last goes. */
  readonly answer: Effect.Effect<Answer, TakeoverError> = Effect.suspend(() =>
    Effect.flatMap(this.#look(() => this.#turns.shift()), (turn): Effect.Effect<Answer, TakeoverError> => {
      if (turn.tell === "answer") return Effect.succeed(turn.answer)
      this.stoodAt = turn.call
      return Effect.andThen(Effect.andThen(this.whileStanding, this.#goOn), this.answer)
    })
  )

  /** Returns once it has told of so many things like that since the last command. */
  until(count: number, isIt: (report: Report) => boolean): Effect.Effect<void> {
    return Effect.asVoid(this.#look(() => this.#reports.filter(isIt).length >= count ? true : undefined))
  }

  signal(name: NodeJS.Signals): Effect.Effect<void> {
    return Effect.sync(() => void this.#child.kill(name))
  }

  /** Opens a store, for whose account its writes are from then on. */
  open(
    directory: string,
    ledger: TakeoverLedger,
    { options = {}, standAt = -1, workers = 0 }: {
      readonly options?: OpenOptions
      readonly workers?: 0 | 2
      readonly standAt?: number
    } = {}
  ): Effect.Effect<string, TakeoverError> {
    this.ledger = ledger
    return this.#outcome({ do: "open", directory, options, workers, standAt })
  }

  /** Writes numbers of a writer, at `"sync"` and `"buffered"` in turn unless told otherwise. */
  write(
    writer: string,
    from: number,
    to: number,
    { atOnce = 4, levels = ["sync", "buffered"] }: Partial<Pick<Write, "levels" | "atOnce">> = {}
  ): Effect.Effect<string, TakeoverError> {
    return this.#outcome({ do: "write", writer, from, to, levels, atOnce })
  }

  /** What it finds at each key of a writer's numbers. */
  get(writer: string, numbers: ReadonlyArray<number>): Effect.Effect<ReadonlyArray<string>, TakeoverError> {
    const keys = numbers.map((number) => keyOf(writer, number))
    return Effect.map(this.ask({ do: "get", keys }), ({ each }) => each)
  }

  request(what: "flush" | "compact" | "sync" | "scan" | "close"): Effect.Effect<string, TakeoverError> {
    return this.#outcome({ do: what })
  }

  #outcome(command: Command): Effect.Effect<string, TakeoverError> {
    return Effect.map(this.ask(command), ({ outcome }) => outcome)
  }

  readonly #goOn = Effect.sync(() => void this.#goAheads.write("\n"))

  #hear(line: Report): void {
    if (line.tell === "answer" || line.tell === "stands") this.#turns.push(line)
    else this.#reports.push(line)
    if (line.tell === "acknowledged") this.ledger.acknowledge(line.key, line.level)
    this.#wake()
  }

  #wake(): void {
    const looking = this.#looking
    this.#looking = []
    for (const look of looking) look()
  }

  /** Waits until there is something. */
  #look<A>(find: () => A | undefined): Effect.Effect<A> {
    return Effect.callback<A>((resume) => {
      const look = (): void => {
        const found = find()
        if (found !== undefined) resume(Effect.succeed(found))
        else if (this.#isEnded) resume(Effect.die(new Error("The process has ended by itself.")))
        else this.#looking.push(look)
      }
      look()
    })
  }
}

/** Two processes for the tests of a file, which take stores from each other. */
export class Rivals extends Context.Service<Rivals, {
  readonly first: TakeoverProcess
  readonly second: TakeoverProcess
}>()("effect-lsm/test/Rivals") {
  static readonly layer: Layer.Layer<Rivals> = Layer.effect(
    Rivals,
    Effect.all({ first: TakeoverProcess.start, second: TakeoverProcess.start })
  )
}
