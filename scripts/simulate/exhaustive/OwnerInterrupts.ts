/**
 * An interrupt of a store's owner at every yield from the first of its opening to
 * the last of its closing: nothing that was acknowledged is lost, at any level,
 * and no file stays open (I14).
 */
import { Cause, Effect, Exit, Result, Stream } from "effect"
import type { Entry } from "../../../src/index.ts"
import { interruptAtYield, SimulatedDisk, StoreHistory } from "../../../src/testing/index.ts"
import type { Problem } from "../../../src/testing/index.ts"
import { bytesOf, padded, withStore } from "../../support/smallStore.ts"
import type { Store } from "../../support/smallStore.ts"
import { storeWithSegments } from "./DamagedStores.ts"
import { lifeOptions, sparing } from "./Life.ts"
import { sampler } from "./Outcome.ts"
import type { Figures, Outcome, Sample } from "./Outcome.ts"
import { handleProblems, reopen, runGuarded } from "./Reopened.ts"

/** What the owner does between opening and closing. */
const use = (store: Store) =>
  Effect.gen(function*() {
    yield* store.put(bytesOf("a"), padded("sync", 50))
    yield* store.put(bytesOf("b"), padded("buffered", 9_000), { durability: "buffered" })
    yield* store.put(bytesOf("c"), padded("async", 50), { durability: "async" })
    yield* store.flush
    yield* Stream.runDrain(store.scan({ limit: 2 }))
    yield* store.delete(bytesOf("a"), { durability: "async" })
    yield* store.put(bytesOf("d"), padded("left in the log", 50), { durability: "async" })
    // What it has not waited for goes on while it closes.
    yield* Effect.forkChild(store.compact())
  })

const interruptOwner = (
  base: SimulatedDisk,
  initial: ReadonlyArray<Entry>,
  n: number
): { readonly struck: boolean; readonly problems: ReadonlyArray<Problem> } => {
  const disk = base.killImage()
  const history = new StoreHistory(initial)
  const owner = withStore(sparing(disk), (store) => use(history.observe(store)), lifeOptions)
  const result = runGuarded(interruptAtYield(owner, n))
  if (Result.isFailure(result)) return { struck: true, problems: [result.failure] }
  const { exit, struck } = result.success
  const problems = [...handleProblems(disk)]
  if (Exit.isFailure(exit) && !(struck && Cause.hasInterruptsOnly(exit.cause))) {
    problems.push({ invariant: "I14", message: `it ended with ${Cause.pretty(exit.cause)}` })
  }
  const found = reopen(disk)
  if (found.refusal !== undefined) problems.push({ invariant: "I14", message: found.refusal.message })
  problems.push(...found.problems, ...history.problemsAfter(found.entries, history.mark(), "close"))
  return { struck, problems }
}

/** Owners of a store that is new, and of one that is there. */
export function* interruptedOwners(sample: Sample, figures: Figures): Generator<Outcome> {
  const bases = [
    { name: "a new store", disk: SimulatedDisk.make() },
    storeWithSegments(false),
    storeWithSegments(true)
  ]
  const takes = sampler(sample)
  for (const { disk, name } of bases) {
    const initial = reopen(disk.killImage()).entries
    for (let n = 0, struck = true; struck; n++) {
      if (!takes()) continue
      figures.lives++
      figures.recoveries++
      const interrupted = interruptOwner(disk, initial, n)
      struck = interrupted.struck
      yield {
        kind: `an interrupt of the owner of ${name}`,
        answer: struck ? "interrupted" : "ended before",
        what: `the owner of ${name} is interrupted at its yield ${n}`,
        problems: interrupted.problems
      }
    }
  }
}
