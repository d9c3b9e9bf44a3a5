import { assert, describe, it } from "@effect/vitest"
import { standings } from "../../scripts/bench/comparison/bars.ts"
import { chartOf } from "../../scripts/bench/comparison/chart.ts"
import { Results } from "../../scripts/bench/comparison/Results.ts"
import { standingLines, workloadLines } from "../../scripts/bench/comparison/tables.ts"
import { workloadGroups, workloadNamed, workloads } from "../../scripts/bench/workloads/workloads.ts"

const resultsOf = (
  cells: ReadonlyArray<readonly [workload: string, store: string, figures: Record<string, number>]>
) => {
  const results = new Results()
  for (const [workload, store, figures] of cells) results.add(workload, store, figures)
  return results
}

describe("standings", () => {
  it("are to the best peer's median, variants of peers included, and not to our own variants or the big lock", () => {
    const results = resultsOf([
      ["fillrandom", "effect-lsm", { rate: 500 }],
      ["fillrandom", "effect-lsm", { rate: 600 }],
      ["fillrandom", "effect-lsm", { rate: 100 }],
      ["fillrandom", "effect-lsm, async", { rate: 9000 }],
      ["fillrandom", "big-lock", { rate: 8000 }],
      ["fillrandom", "classic-level", { rate: 100 }],
      ["fillrandom", "classic-level, defaults", { rate: 200 }],
      ["fillrandom", "sqlite", { rate: 150 }]
    ])
    const [found] = standings([workloadNamed("fillrandom")], results)
    assert.strictEqual(found?.best.store, "classic-level, defaults")
    assert.strictEqual(found?.ours, 500)
    assert.strictEqual(found?.ratio, 2.5)
    assert.strictEqual(found?.isMet, false)
    assert.deepStrictEqual(found?.peers.map(({ store }) => store), [
      "classic-level, defaults",
      "sqlite",
      "classic-level"
    ])
  })

  it("in memory are to peers with the same budgets alone", () => {
    const results = resultsOf([
      ["fillrandom", "effect-lsm", { memory: 90e6, disk: 90e6 }],
      ["fillrandom", "classic-level", { memory: 80e6, disk: 80e6 }],
      ["fillrandom", "classic-level, defaults", { memory: 20e6, disk: 70e6 }]
    ])
    const found = standings([workloadNamed("fillrandom")], results)
    assert.deepStrictEqual(found.map(({ best, metric }) => [metric, best.store]), [
      ["memory", "classic-level"],
      ["disk", "classic-level, defaults"]
    ])
  })

  it("take the least of what is better the less there is", () => {
    const results = resultsOf([
      ["open-killed", "effect-lsm", { opening: 20 }],
      ["open-killed", "rocksdb", { opening: 40 }],
      ["open-killed", "classic-level", { opening: 30 }],
      ["open-killed", "lmdb", { opening: 1 }]
    ])
    const [found] = standings([workloadNamed("open-killed")], results)
    assert.strictEqual(found?.best.store, "classic-level")
    assert.strictEqual(found?.ratio, 1.5)
    assert.strictEqual(found?.isMet, true)
  })

  it("take gets of any kind, or asynchronous ones alone", () => {
    const results = resultsOf([
      ["readrandom-1", "effect-lsm", { rate: 400 }],
      ["readrandom-1", "classic-level", { rate: 20 }],
      ["readrandom-256", "classic-level", { rate: 100 }],
      ["readrandom-sync", "lmdb", { rate: 360 }]
    ])
    const chosen = ["readrandom-sync", "readrandom-1", "readrandom-256"].map(workloadNamed)
    const ratios = standings(chosen, results).map(({ best, ratio, title }) => [title, best.store, ratio])
    assert.deepStrictEqual(ratios, [
      ["readrandom-1, any call of a peer", "lmdb", 400 / 360],
      ["readrandom-1, asynchronous calls", "classic-level", 4]
    ])
  })

  it("hold the writes beside reads against the peer with the best latency", () => {
    const results = resultsOf([
      ["readwhilewriting", "effect-lsm", { rate: 300, getP99: 0.5 }],
      ["readwhilewriting", "lmdb", { rate: 100, getP99: 0.4 }],
      ["readwhilewriting", "rocksdb", { rate: 280, getP99: 4 }]
    ])
    const found = standings([workloadNamed("readwhilewriting")], results)
    assert.deepStrictEqual(found.map(({ best, isMet, ratio }) => [best.store, ratio, isMet]), [
      ["lmdb", 0.8, false],
      ["lmdb", 3, true],
      ["rocksdb", 8, false]
    ])
  })
})

describe("what is shown", () => {
  const results = resultsOf(
    workloads.flatMap(({ metric, name }) =>
      ["effect-lsm", "lmdb", "classic-level"].map((store, at) =>
        [name, store, { [metric]: 10 ** at, rate: 5, cpu: 2, memory: 1e6, disk: 2e6, getP99: at + 1 }] as const
      )
    )
  )
  const found = standings(workloads, results)

  it("has every standing in the chart, and no figure that is none", () => {
    const chart = chartOf(found, workloadGroups, 0)
    assert.match(chart, /^<svg [^>]*>.*<\/svg>\s*$/s)
    assert.notMatch(chart, /NaN|undefined|Infinity/)
    for (const { title } of found) assert.include(chart, `>${title}</text>`)
  })

  it("has every standing in the table, and says of each whether it is met", () => {
    const lines = standingLines(found)
    assert.strictEqual(lines.length, found.length + 1)
    assert.strictEqual(
      lines.filter((line) => line.includes(" met")).length,
      found.filter(({ isMet }) => isMet === true).length
    )
  })

  it("names what failed and what is absent in a workload's table", () => {
    const some = resultsOf([["fillseq", "effect-lsm", { rate: 10 }]])
    some.addFailure("fillseq", "lmdb", "it lost a record")
    some.setAbsent("fillseq", "rocksdb", "not installed")
    const text = workloadLines(workloadNamed("fillseq"), some).join("\n")
    assert.include(text, "lmdb: FAILED: it lost a record")
    assert.include(text, "rocksdb: not installed")
    assert.isTrue(some.hasFailures)
  })
})
