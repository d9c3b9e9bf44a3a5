/**
 * Takes copies of what crashes would leave in the course of a life, which goes on,
 * and recovers each by itself: many crashes for the price of one life.
 */
import { Cause, Effect, Exit, Stream } from "effect"
import { SeededRandom } from "../../src/testing/index.ts"
import type { SimulatedDisk } from "../../src/testing/index.ts"
import type { LifeState } from "./LifeState.ts"
import { imageOf, openReadOnly, openStore, watchMoment } from "./opening.ts"
import type { PlannedOptions } from "./Plan.ts"
import type { Owed, Run } from "./Run.ts"
import type { Takeover } from "./Takeover.ts"
import { bank, bankEntries } from "./Workload.ts"

/** One glimpse of so many is opened for reading as well. */
const oneReadOnlyOf = 3

interface Glimpse {
  readonly what: string
  readonly image: SimulatedDisk
  /** Nothing, if no life has come so far as to leave anything. */
  readonly owed: Owed | undefined
}

/** What is there of the life's glimpses grows as it goes on. */
export const takeGlimpses = (state: LifeState, takeover: Takeover | undefined): ReadonlyArray<Glimpse> => {
  const { life, run } = state
  const { disk } = run
  const random = new SeededRandom(life.seed)
  const taken: Array<Glimpse> = []
  for (const planned of life.glimpses) {
    watchMoment(disk, planned, (call) => {
      const end = planned._tag === "Crash" ? "power cut" : "kill"
      run.counts.add("glimpses", planned._tag === "Crash" ? planned.mode : "kill")
      const image = imageOf(disk, planned, random)
      taken.push({
        what: `${end} before ${call.operation} of ${call.path}`,
        image: run.clear(image),
        owed: takeover?.owed(end) ?? state.owed(end)
      })
    })
  }
  return taken
}

const checkGlimpse = (run: Run, { image, owed, what }: Glimpse, options: PlannedOptions, seed: number): void => {
  const program = Effect.scoped(Effect.gen(function*() {
    const store = yield* openStore(image, options, yield* Effect.scope)
    return { content: yield* Stream.runCollect(store.scan()), sequence: (yield* store.stats).sequence }
  }))
  const { disk, place } = run
  run.place = `${place}, ${what}`
  const copy = image.killImage()
  const exit = run.simulate(image, program, { seed })
  if (Exit.isSuccess(exit)) {
    const { content, sequence } = exit.value
    run.checked(["I4"], bank.problems(bankEntries(content), "I4"))
    if (owed !== undefined) run.checkOwed(owed, content, sequence)
    if (seed % oneReadOnlyOf === 0) {
      run.disk = copy
      openReadOnly(run, { seed }, options, content)
      run.disk = disk
    }
  } else {
    run.problem("I16", `the store does not open: ${Cause.pretty(exit.cause)}`)
  }
  run.place = place
}

export const checkGlimpses = ({ life, run }: LifeState, glimpses: ReadonlyArray<Glimpse>): void => {
  run.latency = "none"
  for (const [at, glimpse] of glimpses.entries()) checkGlimpse(run, glimpse, life.options, life.seed + at)
}
