import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { AnonymousPeak } from "../../scripts/bench/processMemory.ts"
import { randomNumbers, shuffled } from "../../scripts/bench/records.ts"
import { putRecords } from "../../scripts/bench/workloads/puts.ts"
import { runOpen } from "../../scripts/bench/workloads/runWorkload.ts"
import { onlyReads } from "../../scripts/bench/workloads/Workload.ts"
import type { Workload } from "../../scripts/bench/workloads/Workload.ts"
import { workloads } from "../../scripts/bench/workloads/workloads.ts"
import { Zipf } from "../../scripts/bench/workloads/Zipf.ts"
import { makeMapStore } from "./mapStore.ts"
import type { Fault } from "./mapStore.ts"

const records = 500

/** Runs one over a Map, loaded as its process would find it. */
const run = (workload: Workload, fault?: Fault) =>
  Effect.gen(function*() {
    const store = makeMapStore(fault)
    const bench = { store, records: workload.scale === 0.002 ? 50 : records, milliseconds: 10, fibers: 8 }
    const isKilled = workload.start === "killed"
    if (isKilled) yield* putRecords(store, { fibers: 1, count: records * 1.2 })
    return yield* runOpen(workload, bench, isKilled || workload.start === "empty", new AnonymousPeak(), () => 0)
  })

describe("the workloads of the benchmark", () => {
  for (const workload of workloads) {
    it.live(`${workload.name} runs in a store without faults, and finds all there`, () =>
      Effect.gen(function*() {
        const { counted, figures, verified } = yield* run(workload)
        assert.isAbove(figures["operations"]!, 0)
        assert.isAbove(verified, 0)
        assert.strictEqual(counted === undefined, onlyReads(workload))
      }))

    it.live(`${workload.name} fails in a store that loses puts`, () =>
      Effect.gen(function*() {
        assert.isTrue(Exit.isFailure(yield* Effect.exit(run(workload, { isLost: (put) => put % 20 === 7 }))))
      }))

    it.live(`${workload.name} fails in a store that gives back changed values`, () =>
      Effect.gen(function*() {
        assert.isTrue(Exit.isFailure(yield* Effect.exit(run(workload, { isChanged: (get) => get % 10 === 3 }))))
      }))
  }
})

describe("the records of the benchmark", () => {
  it("are overwritten once each, in another order", () => {
    const order = Array.from({ length: 1000 }, (_, turn) => shuffled(turn, 1000))
    assert.strictEqual(new Set(order).size, 1000)
    assert.notDeepEqual(order, order.toSorted((a, b) => a - b))
  })

  it("are asked for as often as their rank says", () => {
    const random = randomNumbers(1)
    const zipf = new Zipf(100, () => random(2 ** 32) / 2 ** 32)
    zipf.growTo(1000)
    const draws = 200_000
    const counts = Array.from({ length: 1000 }, () => 0)
    for (let i = 0; i < draws; i++) counts[zipf.next()]!++
    const zeta = counts.reduce((sum, _, rank) => sum + (rank + 1) ** -0.99, 0)
    for (const rank of [0, 1]) {
      assert.approximately(counts[rank]! / draws, (rank + 1) ** -0.99 / zeta, 0.005)
    }
    assert.approximately(counts.slice(0, 100).reduce((sum, count) => sum + count, 0) / draws, 0.69, 0.03)
    assert.isAbove(counts.slice(500).reduce((sum, count) => sum + count, 0), 0)
  })
})
