/**
 * What happens to a store between two checks: one process that ends while it
 * writes, and often others that end while they recover; or processes that live
 * for a few writes only, one life after the other; or two processes, of which the
 * second takes the store from the first.
 */
import { Effect } from "effect"
import { rmSync } from "node:fs"
import type { SeededRandom } from "../../src/testing/SeededRandom.ts"
import { crashChild, startCrashChild } from "./CrashedChild.ts"
import type { ChildFailed, CrashedChild } from "./CrashedChild.ts"
import { Ending, StrategyName } from "./Plan.ts"
import type { Plan, PlannedEnd } from "./Plan.ts"

export const roundKinds = ["one process", "short lives", "takeover"] as const
export type RoundKind = typeof roundKinds[number]

export interface Round {
  readonly kind: RoundKind
  /** In the order in which they had the store. */
  readonly run: Effect.Effect<ReadonlyArray<CrashedChild>, ChildFailed>
}

export const mostFibers = 150
const KiB = 1024

type Draw = (end: PlannedEnd, changes?: Partial<Plan>) => Plan

const drawEnd = (random: SeededRandom): PlannedEnd => {
  const phase = random.bool(0.65) ? "writing" : "closing"
  // Who closes has no writers that are acknowledged anything.
  const others = Ending.literals.filter((ending) => phase === "writing" || ending !== "exit in a writer")
  const milliseconds = random.int(phase === "writing" ? random.pick([50, 300, 1000]) : 15)
  return { phase, milliseconds, ending: random.bool(0.5) ? "SIGKILL" : random.pick(others) }
}

const drawEndInOpening = (random: SeededRandom): PlannedEnd => ({
  phase: "opening",
  milliseconds: random.int(60),
  ending: random.pick(["SIGKILL", "exit in a timer"])
})

/** It comes to its end by itself. */
const noEnd: PlannedEnd = { phase: "closed", milliseconds: 0, ending: "SIGKILL" }

const oneProcess = (random: SeededRandom, draw: Draw): Round => {
  const plans = [draw(drawEnd(random))]
  for (let more = random.pick([0, 0, 0, 1, 1, 2]); more > 0; more--) plans.push(draw(drawEndInOpening(random)))
  return { kind: "one process", run: Effect.forEach(plans, crashChild) }
}

/** Twelve are more than leave their log to the next. */
const mostShortLives = 12

const shortLives = (random: SeededRandom, draw: Draw): Round => {
  const drawShort = () =>
    draw(random.bool(0.4) ? noEnd : { ...drawEnd(random), milliseconds: random.int(400) }, {
      shortLives: 1 + random.int(mostShortLives),
      fibers: random.pick([1, 4, 40])
    })
  return { kind: "short lives", run: Effect.forEach(Array.from({ length: 3 }, drawShort), crashChild) }
}

/** Milliseconds in which one who has lost its store finds out; one who did not lose it is ended then. */
const longestWait = 2_000

const takeover = (random: SeededRandom, draw: Draw): Round => {
  // What was acknowledged at another level in the moment of the takeover may be lost.
  const loser = draw(noEnd, { levels: "sync", takeover: "first" })
  const newcomer = draw(random.bool(0.3) ? noEnd : drawEnd(random), {
    closeAfter: 1 + random.int(4_000),
    takeover: "second"
  })
  const milliseconds = random.int(500)
  const isStopped = random.bool(0.6)
  const isKilled = random.bool(0.3)
  return {
    kind: "takeover",
    run: Effect.scoped(Effect.gen(function*() {
      const first = yield* startCrashChild(loser)
      yield* first.entered("writing")
      yield* Effect.sleep(milliseconds)
      if (isStopped) yield* first.signal("SIGSTOP")
      rmSync(`${loser.directory}/LOCK`, { force: true })
      const second = yield* crashChild(newcomer)
      if (isKilled) yield* first.signal("SIGKILL")
      yield* first.signal("SIGCONT")
      // The newcomer may have ended before it had taken anything.
      yield* Effect.forkScoped(Effect.andThen(Effect.sleep(longestWait), first.signal("SIGKILL")))
      return [yield* first.outcome, second]
    }))
  }
}

/** The next round on a store. */
export const drawRound = (
  random: SeededRandom,
  base: Pick<Plan, "directory" | "seed">,
  nextIncarnation: () => number
): Round => {
  const draw: Draw = (end, changes) => {
    const incarnation = nextIncarnation()
    return {
      ...base,
      incarnation,
      acks: `${base.directory}-acks-${incarnation}`,
      fibers: random.pick([1, 8, 40, 100, mostFibers]),
      memtableSize: random.pick([64, 128, 256, 1024]) * KiB,
      maxImmutables: random.pick([1, 2, 4]),
      levels: random.pick(["sync", "buffered", "both"]),
      compaction: random.pick(StrategyName.literals),
      workers: random.pick([0, 2]),
      threadDiesOnceIn: random.pick([0, 20, 100]),
      compression: random.pick([["none"], ["none", "lz4", "zstd"]]),
      jobs: `${base.directory}-jobs-${incarnation}`,
      closeAfter: end.phase === "closing" ? 1 + random.int(8000) : Number.MAX_SAFE_INTEGER,
      shortLives: 0,
      takeover: "none",
      end,
      ...changes
    }
  }
  const make = random.pick([oneProcess, oneProcess, oneProcess, shortLives, takeover])
  return make(random, draw)
}
