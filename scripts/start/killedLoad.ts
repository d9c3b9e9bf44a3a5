/** A child process that loads the cities is killed half-way; what it acknowledged must be found. */
import { Effect, Schedule, Schema } from "effect"
import type { StoreStats } from "../../src/index.ts"
import { LsmStore } from "../../src/index.ts"
import { countAcks, readAckLog } from "../support/AckLog.ts"
import { startChild } from "../support/ChildProcess.ts"
import type { Progress } from "../support/Progress.ts"
import { grouped } from "../support/table.ts"
import { shuffledNumbers } from "./Cities.ts"
import type { Cities } from "./Cities.ts"
import { compareCities } from "./compareCities.ts"
import { Ledger } from "./Ledger.ts"
import { loadCities, writerCount } from "./loadCities.ts"
import { mismatch } from "./Mismatch.ts"
import { scanCities } from "./scanCities.ts"
import { storeLayer } from "./storeLayer.ts"

export interface KillFigures {
  readonly acknowledged: number
  /** Found after the kill, and how many of them had not been acknowledged. */
  readonly found: number
  readonly inFlight: number
  readonly recovery: StoreStats["recovery"]
}

export class ChildEnded extends Schema.TaggedError<ChildEnded>()("ChildEnded", {
  reason: Schema.String
}) {
  override get message(): string {
    return `The loading process ended before it was killed: ${this.reason}`
  }
}

const script = new URL("child.ts", import.meta.url)

/** Runs the child until it has half of all records acknowledged. */
const killHalfWay = (source: Cities, directory: string, acks: string, seed: number, progress: Progress) =>
  Effect.scoped(Effect.gen(function*() {
    const half = Math.floor(source.count / 2)
    const child = yield* startChild(script, [directory, acks, String(seed)])
    const isHalfDone = Effect.sync(() => {
      const count = countAcks(acks)
      progress.show(() => `a process to be killed has ${grouped(count)} of ${grouped(source.count)} acknowledged`)
      return count >= half
    })
    const untilHalf = Effect.repeat(isHalfDone, { schedule: Schedule.spaced(5), until: (done) => done })
    yield* Effect.raceFirst(
      untilHalf,
      Effect.flatMap(
        child.ended,
        ({ code, errors }) => new ChildEnded({ reason: `exit code ${String(code)}\n${errors}` })
      )
    )
    child.kill()
    yield* child.ended
  }))

export const loadAcrossKill = Effect.fnUntraced(function*(source: Cities, directory: string, progress: Progress) {
  const seed = 2
  const acks = `${directory}-acks`
  yield* killHalfWay(source, directory, acks, seed, progress)

  const reopened = Effect.gen(function*() {
    const store = yield* LsmStore
    const { recovery } = yield* store.stats
    const numbers = shuffledNumbers(source.count, seed)
    const acknowledged = readAckLog(acks)
    const ledger = new Ledger(source)
    // The child takes the numbers in their order, each writer one at a time.
    for (const number of numbers.subarray(0, acknowledged.length + writerCount)) ledger.markIssued(number)
    for (const number of acknowledged) ledger.markAcknowledged(number)
    progress.print(`killed at ${grouped(acknowledged.length)} records, reopened`)

    const found = yield* scanCities(ledger, "", source.sorted)
    const inFlight = found.filter((number) => !ledger.isAcknowledged(number))
    if (found.length < acknowledged.length) return yield* mismatch("fewer records are found than were acknowledged")
    const figures: KillFigures = {
      acknowledged: acknowledged.length,
      found: found.length,
      inFlight: inFlight.length,
      recovery
    }

    for (const number of inFlight) ledger.markAcknowledged(number)
    const rest = numbers.filter((number) => !ledger.isAcknowledged(number))
    yield* loadCities({ ledger, numbers: rest, seed, onAcknowledged: () => {} })
    yield* compareCities(ledger)
    return figures
  })
  return yield* Effect.provide(reopened, storeLayer(directory))
})
