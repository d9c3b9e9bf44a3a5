/** A store that was recovered after a crash: it can be read only, and written to, and crash again. */
import { Effect, Result } from "effect"
import { currentGeneration } from "../../../src/engine/Directory.ts"
import { storeFiles } from "../../../src/engine/FileNames.ts"
import { WriteBatch } from "../../../src/index.ts"
import { StoreHistory } from "../../../src/testing/index.ts"
import type { Problem, SimulatedDisk } from "../../../src/testing/index.ts"
import { fingerprint, imageOf } from "../../support/diskImages.ts"
import { bytesOf, filesOf, padded, withStore } from "../../support/smallStore.ts"
import type { Store, TestOptions } from "../../support/smallStore.ts"
import { sparing } from "./Life.ts"
import type { Figures, Outcome } from "./Outcome.ts"
import { reopen, runGuarded } from "./Reopened.ts"
import type { Reopened } from "./Reopened.ts"

/** Who only reads finds what a recovery does, and leaves the disk as it is. */
const readOnlyProblems = (image: SimulatedDisk, expected: Reopened, options: TestOptions): ReadonlyArray<Problem> => {
  const disk = image.killImage()
  const before = fingerprint(disk)
  const found = reopen(disk, { options: { ...options, readOnly: true }, mayLeaveFiles: true })
  const changed = fingerprint(disk) === before ? [] : [{ invariant: "I16", message: "the files have changed" }]
  // Of a store that was not created to its end there is nothing to read.
  const isThere = currentGeneration(storeFiles(filesOf(disk))) >= 0
  const isRight = isThere ? found.digest === expected.digest : found.refusal?._tag === "InvalidArgument"
  const wrong = isRight ? [] : [{ invariant: "I16", message: `it finds ${found.refusal?.message ?? "something else"}` }]
  return [...found.problems, ...changed, ...wrong]
}

const write = (store: Store) =>
  Effect.gen(function*() {
    yield* store.put(bytesOf("a"), padded("after", 40))
    yield* store.delete(bytesOf("b"), { durability: "buffered" })
    yield* store.flush
    yield* store.write(WriteBatch.make().put(bytesOf("c"), bytesOf("after")).delete(bytesOf("filling")))
    yield* store.put(bytesOf("d"), padded("after", 40), { durability: "buffered" })
  })

const endings = ["synced", "random", "kill"] as const

/** Writes to it are there after another crash, and so is what there was before. */
const writingProblems = (image: SimulatedDisk, expected: Reopened, options: TestOptions): ReadonlyArray<Problem> => {
  const disk = image.killImage()
  const history = new StoreHistory(expected.entries)
  const program = withStore(sparing(disk), (store) =>
    Effect.map(write(history.observe(store)), () => ({
      mark: history.mark(),
      images: endings.map((mode) => ({ mode, image: imageOf(disk, mode, disk.calls) }))
    })), options)
  const result = runGuarded(program)
  if (Result.isFailure(result)) return [result.failure]
  const { images, mark } = result.success
  const problems: Array<Problem> = []
  for (const { image: left, mode } of images) {
    const found = reopen(left, { options })
    if (found.refusal !== undefined) problems.push({ invariant: "I4", message: found.refusal.message })
    const end = mode === "kill" ? "kill" : "power cut"
    problems.push(...found.problems, ...history.problemsAfter(found.entries, mark, end))
  }
  return problems
}

export function* usedAfterwards(
  image: SimulatedDisk,
  found: Reopened,
  what: string,
  options: TestOptions,
  figures: Figures
): Generator<Outcome> {
  figures.recoveries += 2 + endings.length
  yield {
    kind: "only read after a crash",
    answer: found.entries.length === 0 ? "nothing there" : "the same",
    what: `${what}, then opened to be read only`,
    problems: readOnlyProblems(image, found, options)
  }
  yield {
    kind: "written to after a crash",
    answer: "goes on",
    what: `${what}, then written to, and another crash`,
    problems: writingProblems(image, found, options)
  }
}
