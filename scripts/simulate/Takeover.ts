/**
 * A second store that takes the directory over while a life goes on (I26): what
 * is known of it, and what must be true of both stores then.
 *
 * The first store has lost once its owner file is gone from its path. What begins
 * from then on it does not acknowledge at `"sync"`, and 10 ms later at no level.
 * What it has acknowledged at `"sync"`, by then or later, whoever took over finds.
 */
import { Deferred, Effect, Exit, Fiber } from "effect"
import { currentGeneration } from "../../src/engine/Directory.ts"
import { lookInterval } from "../../src/engine/Fence.ts"
import { highestGeneration, storeFiles } from "../../src/engine/FileNames.ts"
import type { Entry } from "../../src/index.ts"
import { shapeProblems, StoreHistory } from "../../src/testing/index.ts"
import type { DiskCall, HistoryMark, Problem, SimulatedDisk, StoreEnd } from "../../src/testing/index.ts"
import { filesIn } from "../../src/testing/shape/Structure.ts"
import { contentProblems } from "./inspectStore.ts"
import { LifeState } from "./LifeState.ts"
import { highestSequence } from "./logSequences.ts"
import { Mishaps } from "./Mishaps.ts"
import { watchMoment } from "./opening.ts"
import type { Life, Rival } from "./Plan.ts"
import type { Owed } from "./Run.ts"
import { directory, parent } from "./storeOptions.ts"

/** Apart from the places of lives in a plan: what a rival writes nobody else does. */
const indexOfRivals = 100

/** What the rival does is a life of its own, without mishaps of its own. */
const lifeOf = (life: Life, { fibers, options }: Rival): Life => ({
  ...life,
  options,
  fibers,
  attempts: [],
  faults: [],
  defects: [],
  glimpses: [],
  end: { _tag: "Close" }
})

const generationOf = ({ path }: DiskCall): number =>
  highestGeneration(storeFiles([path.slice(path.lastIndexOf("/") + 1)]))

const nothing: Owed = (() => {
  const history = new StoreHistory()
  return { history, mark: history.mark(), end: "power cut", sequence: () => 0 }
})()

/** What the rival found as it opened. */
interface Found {
  /** The first store's history when the rival was open; nothing if the first was not. */
  readonly mark: HistoryMark | undefined
  readonly content: ReadonlyArray<Entry>
  readonly sequence: number
}

export class Takeover {
  readonly planned: Rival
  readonly disk: SimulatedDisk
  readonly rival: LifeState
  /** Where the first store's directory is, if it was moved. */
  readonly movedTo: string
  /** Done when the first store's lock is lost, or its directory moved. */
  readonly begun = Deferred.makeUnsafe<void>()
  readonly firstClosed = Deferred.makeUnsafe<void>()
  found: Found | undefined
  readonly #first: LifeState
  /** What was owed before the life. */
  readonly #before: Owed | undefined
  /** Of the first store. */
  #generation = -1
  /** The first store's owner file is gone from its path. */
  readonly #lost = Deferred.makeUnsafe<void>()
  /** The first store's history then, if it was open. */
  #lostMark: HistoryMark | undefined
  /** The highest sequence of the first store then that survives a kill. */
  #lostSequence = 0
  /** The first store's history 10 ms later. */
  #lateMark: HistoryMark | undefined

  constructor(first: LifeState, planned: Rival) {
    const { disk, owed } = first.run
    this.planned = planned
    this.disk = disk
    this.movedTo = `${parent}moved-${first.index}`
    this.rival = new LifeState(
      first.run,
      lifeOf(first.life, planned),
      indexOfRivals + first.index,
      new Mishaps(first.mishaps)
    )
    this.#first = first
    this.#before = owed
    const stop = disk.onCall((call, phase) => {
      // Before it has a claim nothing can be taken from the first store.
      if (call.operation !== "claim" || phase !== "after") return
      stop()
      this.#generation = generationOf(call)
      watchMoment(disk, planned, ({ index }) => {
        if (planned.stall !== undefined) disk.fail({ from: index, stall: planned.stall })
        this.#begin()
      })
    })
    disk.onCall((call, phase) => {
      const fiber = Fiber.getCurrent()
      if (phase !== "before" || call.operation !== "openRead" || fiber === undefined) return
      if (first.knowing.has(fiber)) first.run.problem("I26", `${call.path} was opened by its path after a loss`)
    })
  }

  get isMove(): boolean {
    return this.planned.how === "directory moved"
  }

  /** Done when nothing that the first store begins may be acknowledged any more. */
  readonly late: Effect.Effect<void> = Effect.suspend(() => Deferred.await(this.#lost)).pipe(
    Effect.andThen(Effect.sleep(lookInterval)),
    Effect.andThen(Effect.suspend(() => {
      const { history, life, store } = this.#first
      this.#lateMark = history?.mark()
      // A clock that goes on by itself may be ahead of what was to happen by then.
      if (store === undefined || life.earlyWakeChance > 0) return Effect.void
      return Effect.map(store.stats, ({ compaction, flushes }) => {
        this.#first.lateChanges = flushes + compaction.count
      })
    }))
  )

  /** The rival is open. */
  opened(): HistoryMark | undefined {
    this.#first.run.counts.add("takeovers", this.planned.how)
    return this.#first.history?.mark()
  }

  /** What a store owes that is opened at the directory after such an end at this moment. */
  owed(end: StoreEnd): Owed | undefined {
    const { history, mishaps } = this.#first
    if (this.rival.history !== undefined) return this.rival.owed(end)
    if (!mishaps.isOvertaken) return undefined
    if (this.isMove) return nothing
    // What it has acknowledged at other levels since may be behind what the rival has read.
    return history === undefined ? this.#first.owed(end) : this.#first.owed("power cut")
  }

  /**
   * A file that the first store has made in the new directory, before it looked again, can't be told from what is left
   * of a store that has lost its CURRENT: who finds it before there is one refuses the directory.
   */
  isRefused(disk: SimulatedDisk): boolean {
    return this.isMove && currentGeneration(storeFiles(filesIn(disk, directory))) < 0 && this.#strays(disk).length > 0
  }

  /** Or finds, as it has chosen its generation, that such a file has a higher one, as if somebody had come meanwhile. */
  isOutnumbered(disk: SimulatedDisk): boolean {
    return this.isMove && this.#strays(disk).length > 0
  }

  /** What must be true of both stores, when the life has come to its end. */
  check(): void {
    const { history, run } = this.#first
    const { found } = this
    if (history !== undefined) this.#checkAcknowledged(history)
    if (found === undefined) return
    const { content, mark, sequence } = found
    if (this.isMove) {
      run.checked(["I26"], contentProblems("a new store in place of one that was moved", content, [], "I26"))
    } else if (history === undefined || mark === undefined) {
      run.checkOwed(this.#before ?? nothing, content, sequence)
    } else {
      run.checked(["I4", "I5", "I26"], [
        ...history.problemsAfter(content, this.#lostMark ?? mark, "kill", mark),
        ...history.problemsAfter(content, history.mark(), "power cut", mark)
      ])
      const least = this.#lostSequence
      const isAbove = sequence >= least
      run.check("I16", isAbove ? undefined : `a rival opened at sequence ${sequence}, and ${least} was given`)
    }
  }

  /** What is wrong with the files that both have left, if both were closed in order (I11). */
  shapeProblems(): ReadonlyArray<Problem> {
    const strays = this.#strays(this.disk)
    return shapeProblems(this.disk, directory).filter(({ message }) =>
      !strays.some((name) => message.startsWith(`${name} is there`))
    )
  }

  /** Files of the first store at the place of the rival. */
  #strays(disk: SimulatedDisk): ReadonlyArray<string> {
    return filesIn(disk, directory).filter((name) => highestGeneration(storeFiles([name])) === this.#generation)
  }

  #checkAcknowledged(history: StoreHistory): void {
    const { run } = this.#first
    const isNone = (since: HistoryMark | undefined, level?: "sync"): void => {
      const count = since === undefined ? 0 : history.acknowledgedSince(since, level)
      const when = level === undefined ? `${lookInterval} ms after it had lost` : `at "${level}" after it had lost`
      run.check("I26", count === 0 ? undefined : `a store acknowledged ${count} writes that began ${when}`)
    }
    isNone(this.#lostMark, "sync")
    isNone(this.#lateMark)
  }

  #begin(): void {
    const { disk } = this
    if (this.isMove) {
      disk.move(directory, this.movedTo)
      this.#first.run.movedGenerations.add(this.#generation)
      this.#first.mishaps.isOvertaken = true
      this.#lose()
    } else {
      disk.dropLocks()
      const stop = disk.onCall((call, phase) => {
        if (phase !== "after") return
        // Who looks whether somebody comes after it sees the claim already.
        if (call.operation === "claim") this.#first.mishaps.isOvertaken = true
        if (call.operation !== "remove" || !call.path.includes("/OWNER-")) return
        if (generationOf(call) !== this.#generation || !this.#first.mishaps.isOvertaken) return
        stop()
        this.rival.seenSequence = Math.max(this.#first.seenSequence, highestSequence(disk))
        this.#lose()
      })
    }
    Deferred.doneUnsafe(this.begun, Exit.void)
  }

  #lose(): void {
    this.#lostMark = this.#first.history?.mark()
    this.#lostSequence = this.#first.lastSequence("kill")
    Deferred.doneUnsafe(this.#lost, Exit.void)
  }
}
