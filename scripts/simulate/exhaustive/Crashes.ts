/**
 * A crash at every disk call of a store's life, one at every disk call of the
 * recovery that follows, and now and then one within the recovery after that
 * (I4, I5, I11, I16).
 *
 * Between two calls that change the disk nothing does, so that an image before
 * each of those stands for a crash at every call. Recovery depends on nothing
 * but the disk: equal images are recovered once.
 */
import { Result } from "effect"
import { SeededRandom, shapeProblems, SimulatedDisk, StoreHistory } from "../../../src/testing/index.ts"
import type { DiskCall, HistoryMark, Problem } from "../../../src/testing/index.ts"
import { describeTaken, fingerprint, imagesBefore, isChange, takeImages } from "../../support/diskImages.ts"
import type { ImageMode, Taken } from "../../support/diskImages.ts"
import { directory, liveSession, sessions, sparing } from "./Life.ts"
import type { TestOptions } from "./Life.ts"
import { sampler } from "./Outcome.ts"
import type { Figures, Outcome, Sample } from "./Outcome.ts"
import { reopen, runGuarded } from "./Reopened.ts"
import type { Reopened } from "./Reopened.ts"
import { usedAfterwards } from "./UsedAfterwards.ts"

/** What was known of the store when an image was taken. */
interface Known {
  readonly history: StoreHistory
  readonly mark: HistoryMark
}

const firstModes: ReadonlyArray<ImageMode> = ["synced", "all", "torn", "random", "random", "random", "kill"]
const secondModes: ReadonlyArray<ImageMode> = ["synced", "random", "kill"]

/** Changes of the life that one run of it takes images at: few are held at once. */
const stretch = 20

/** Of the crashes within a recovery one in so many has another one behind it. */
const thirdEvery = 20

/** Recoveries of crashed disks, each distinct one made once. */
class Recoveries {
  readonly #found = new Map<string, Reopened>()
  /** By digest: many recoveries find the same. */
  readonly #contents = new Map<string, Reopened["entries"]>()
  readonly #figures: Figures
  readonly #options: TestOptions

  constructor(figures: Figures, options: TestOptions) {
    this.#figures = figures
    this.#options = options
  }

  /** Recovers from the image, unless an equal one has been. */
  of(image: SimulatedDisk): { readonly found: Reopened; readonly isNew: boolean } {
    this.#figures.images++
    const print = fingerprint(image)
    const known = this.#found.get(print)
    if (known !== undefined) return { found: known, isNew: false }
    this.#figures.recoveries++
    const found = reopen(image.killImage(), { options: this.#options })
    const problems = found.refusal === undefined ? found.problems : [...found.problems, refusalProblem(found)]
    const entries = this.#contents.get(found.digest) ?? found.entries
    this.#contents.set(found.digest, entries)
    const kept = { ...found, entries, problems }
    this.#found.set(print, kept)
    return { found: kept, isNew: true }
  }
}

const answerOf = (isNew: boolean): string => isNew ? "recovered" : "equal to an image before"

const refusalProblem = ({ refusal }: Reopened): Problem => ({
  invariant: "I4",
  message: `the store does not open after a crash: ${refusal?.message}`
})

const differs = (found: Reopened, expected: Reopened): ReadonlyArray<Problem> =>
  found.digest === expected.digest ? [] : [{
    invariant: "I16",
    message:
      `it finds ${found.entries.length} entries that are not the ${expected.entries.length} of an uncrashed recovery`
  }]

/** What recoveries of a life's images share. */
interface Exploration {
  readonly figures: Figures
  readonly options: TestOptions
  readonly recoveries: Recoveries
  readonly random: SeededRandom
  readonly takesSecond: () => boolean
  readonly takesThird: () => boolean
}

/** One crash, somewhere in the recovery from what a crash within a recovery left. */
function* crashAgain(
  { image }: Taken<unknown>,
  mode: ImageMode,
  expected: Reopened,
  { options, random, recoveries }: Exploration,
  what: string
): Generator<Outcome> {
  const disk = image.killImage()
  let countdown = random.int(20)
  let left: ReadonlyArray<Taken<undefined>> = []
  disk.onCall((call, phase) => {
    if (phase !== "before" || !isChange(call) || countdown-- !== 0) return
    left = imagesBefore(disk, [mode], call, undefined)
    disk.powerCut()
  })
  reopen(disk, { options })
  for (const third of left) {
    const { found, isNew } = recoveries.of(third.image)
    yield {
      kind: "a third crash, in the recovery from the second",
      answer: answerOf(isNew),
      what: `${what}, then ${describeTaken(third)}`,
      problems: [...isNew ? found.problems : [], ...differs(found, expected)]
    }
  }
}

/** A crash at every call of the recovery from what the first one left. */
function* crashRecovery(first: Taken<Known>, expected: Reopened, explored: Exploration): Generator<Outcome> {
  const { figures, options, recoveries } = explored
  const recovering = first.image.killImage()
  let isOpen = false
  const taken = takeImages(recovering, secondModes, isChange, () => isOpen)
  figures.recoveries++
  const again = reopen(recovering, {
    options,
    onOpen: () => {
      isOpen = true
    }
  })
  if (again.digest !== expected.digest) throw new Error(`Two recoveries from ${describeTaken(first)} differ`)
  for (const second of taken) {
    if (!explored.takesSecond()) continue
    const { found, isNew } = recoveries.of(second.image)
    // What was only buffered may be lost to a power cut until the store has opened anew.
    const isUnsynced = first.mode === "kill" && !second.known
    const mayLose = isUnsynced && second.mode !== "kill"
    const { history, mark } = first.known
    const wrong = mayLose
      ? history.problemsAfter(found.entries, mark, "power cut")
      : differs(found, expected)
    const what = `${describeTaken(first)}, then ${describeTaken(second)} of the recovery`
    yield {
      kind: `a second crash, in the recovery from "${first.mode}"`,
      answer: answerOf(isNew),
      what,
      problems: isNew ? [...found.problems, ...wrong] : wrong
    }
    if (!isNew || mayLose || !explored.takesThird()) continue
    const mode = isUnsynced ? "kill" : explored.random.pick(secondModes)
    yield* crashAgain(second, mode, expected, explored, what)
  }
}

/** The recovery from an image of the life, what can be done with what it finds, and the crashes within it. */
function* crashed(first: Taken<Known>, explored: Exploration): Generator<Outcome> {
  const { image, known: { history, mark }, mode } = first
  const { found, isNew } = explored.recoveries.of(image)
  const wrong = history.problemsAfter(found.entries, mark, mode === "kill" ? "kill" : "power cut")
  yield {
    kind: `"${mode}"`,
    answer: answerOf(isNew),
    what: describeTaken(first),
    problems: isNew ? [...found.problems, ...wrong] : wrong
  }
  if (isNew && found.refusal === undefined) {
    yield* usedAfterwards(image, found, describeTaken(first), explored.options, explored.figures)
  }
  // Equal images of a kill may differ in what a power cut would take.
  if (isNew || mode === "kill") yield* crashRecovery(first, found, explored)
}

interface Lived {
  readonly images: ReadonlyArray<Taken<Known>>
  /** How many calls changed the disk, and one: the end. */
  readonly moments: number
  readonly problems: ReadonlyArray<Problem>
}

/** Goes through the life once, and takes images before those of its changes that are wanted, by number, and at its end. */
const liveOnce = (options: TestOptions, wanted: (moment: number) => boolean): Lived => {
  const disk = SimulatedDisk.make()
  const problems: Array<Problem> = []
  let history = new StoreHistory()
  let changes = 0
  const known = (): Known => ({ history, mark: history.mark() })
  const images = takeImages(disk, firstModes, (call) => isChange(call) && wanted(changes++), known)
  for (const session of sessions) {
    const ended = runGuarded(
      liveSession(sparing(disk), session, { observe: (store) => history.observe(store) }, options)
    )
    if (Result.isFailure(ended)) problems.push(ended.failure)
    const closed = reopen(disk.crashImage("synced"), { options })
    problems.push(
      ...history.problems(),
      ...history.problemsAfter(closed.entries, history.mark(), "close"),
      ...shapeProblems(disk, directory),
      ...closed.problems
    )
    history = new StoreHistory(closed.entries)
  }
  const end: DiskCall = { index: disk.calls, operation: "close", path: directory }
  const atEnd = wanted(changes) ? imagesBefore(disk, firstModes, end, known()) : []
  return { images: [...images, ...atEnd], moments: changes + 1, problems }
}

/** All crashes of a life under these options. */
export function* crashes(options: TestOptions, sample: Sample, figures: Figures): Generator<Outcome> {
  const takesFirst = sampler(sample)
  const explored: Exploration = {
    figures,
    options,
    recoveries: new Recoveries(figures, options),
    random: new SeededRandom(1),
    takesSecond: sampler({ every: sample.every, from: 0 }),
    takesThird: sampler({ every: thirdEvery, from: 0 })
  }
  const isWanted: Array<boolean> = []
  let moments = Infinity
  for (let from = 0; from < moments; from += stretch) {
    const lived = liveOnce(options, (moment) => {
      isWanted[moment] ??= takesFirst()
      return isWanted[moment] && moment >= from && moment < from + stretch
    })
    figures.lives++
    moments = lived.moments
    if (from === 0) yield { kind: "no crash", answer: "closed", what: "the life itself", problems: lived.problems }
    for (const image of lived.images) yield* crashed(image, explored)
  }
}
