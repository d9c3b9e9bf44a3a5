import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { CrashedChild } from "../../scripts/crash/CrashedChild.ts"
import { crashLoop } from "../../scripts/crash/crashLoop.ts"
import { History } from "../../scripts/crash/History.ts"
import { addRound, emptyTotals } from "../../scripts/crash/Totals.ts"
import { makeValue, operation } from "../../scripts/crash/Workload.ts"
import { temporaryDirectory } from "../../scripts/support/temporaryDirectory.ts"
import { busyPlan } from "../process/crashPlan.ts"

describe("the end of a writing process", () => {
  it.live("I5, I26: loses no write acknowledged at sync or buffered, by whatever end or takeover, and batches are whole", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const rounds = yield* Stream.runCollect(crashLoop({ directory, seed: 14, rounds: 5, roundsPerStore: 4 }))
      assert.deepStrictEqual(rounds.flatMap(({ violations }) => violations), [])
      const totals = rounds.reduce(addRound, emptyTotals)
      assert.strictEqual(totals.rounds, 5)
      assert.deepStrictEqual(totals.kinds, { "one process": 3, "short lives": 1, takeover: 1 })
      assert.isAbove(totals.checked.sync, 0)
      assert.isAbove(totals.checked.buffered, 0)
      assert.isAbove(totals.replayedRecords, 0)
      assert.isAbove(totals.merges, 0)
      assert.isAbove(Object.values(totals.endings).reduce((sum, count) => sum + count, 0), 0)
    }))
})

/** A child with one fiber that was killed after so many acknowledgements. */
const child = (acknowledged: number, incarnation = 0): CrashedChild => ({
  plan: busyPlan("", { seed: 5, incarnation, fibers: 1, levels: "sync" }),
  phase: "writing",
  ending: "SIGKILL",
  merges: 0,
  isMerging: false,
  threadDeaths: 0,
  acks: new Uint32Array(acknowledged)
})

/** What a store holds that took the first operations of the child, those apart that `isLost` names. */
const contentAfter = (
  { plan }: CrashedChild,
  operations: number,
  isLost: (count: number, place: number) => boolean = () => false
): Map<string, Uint8Array> => {
  const content = new Map<string, Uint8Array>()
  for (let count = 0; count < operations; count++) {
    for (const [place, { key, length }] of operation(plan, 0, count).writes.entries()) {
      if (isLost(count, place)) continue
      if (length === undefined) content.delete(key)
      else content.set(key, makeValue({ incarnation: plan.incarnation, fiber: 0, count, place }, length))
    }
  }
  return content
}

const violations = (history: History, content: ReadonlyMap<string, Uint8Array>) =>
  history.check(content).violations.length

const historyOf = (...children: ReadonlyArray<CrashedChild>): History => {
  const history = new History()
  for (const each of children) history.add(each)
  return history
}

describe("the judge of a crash test", () => {
  const acknowledged = 40
  const killed = child(acknowledged)
  const isBatch = (count: number) => operation(killed.plan, 0, count).writes.length > 1
  const isPut = (count: number) => !isBatch(count) && operation(killed.plan, 0, count).writes[0]?.length !== undefined
  const counts = Array.from({ length: acknowledged }, (_, count) => count)
  const lastBatch = counts.findLast(isBatch) ?? -1
  const lastPut = counts.findLast(isPut) ?? -1

  it("accepts what was acknowledged, with the write in flight and without it", () => {
    assert.strictEqual(violations(historyOf(killed), contentAfter(killed, acknowledged)), 0)
    assert.strictEqual(violations(historyOf(killed), contentAfter(killed, acknowledged + 1)), 0)
  })

  it("counts the acknowledged writes", () => {
    assert.deepStrictEqual(historyOf(killed).check(contentAfter(killed, acknowledged)).checked, {
      sync: acknowledged,
      buffered: 0
    })
  })

  it("sees every acknowledged put that is lost and not written over", () => {
    const whole = contentAfter(killed, acknowledged)
    for (const key of whole.keys()) {
      const content = new Map(whole)
      content.delete(key)
      assert.strictEqual(violations(historyOf(killed), content), 1, key)
    }
  })

  it("sees one write of an acknowledged batch missing", () => {
    assert.isAtLeast(lastBatch, 0)
    const content = contentAfter(killed, acknowledged, (count, place) => count === lastBatch && place === 0)
    assert.isAbove(violations(historyOf(killed), content), 0)
  })

  it("sees a torn batch that was in flight", () => {
    const before = child(lastBatch)
    const torn = contentAfter(before, lastBatch + 1, (count, place) => count === lastBatch && place === 1)
    assert.isAbove(violations(historyOf(before), torn), 0)
    assert.strictEqual(violations(historyOf(before), contentAfter(before, lastBatch + 1)), 0)
  })

  it("sees a write that can't have been issued", () => {
    assert.isAbove(violations(historyOf(child(acknowledged - 2)), contentAfter(killed, acknowledged)), 0)
  })

  it("sees a changed byte", () => {
    const { key = "" } = operation(killed.plan, 0, lastPut).writes[0] ?? {}
    const content = contentAfter(killed, acknowledged)
    const value = Uint8Array.from(content.get(key) ?? [])
    value[value.length - 1] = (value[value.length - 1] ?? 0) ^ 1
    content.set(key, value)
    assert.strictEqual(violations(historyOf(killed), content), 1)
  })

  it("sees a loss that a later process brought about", () => {
    const history = historyOf(killed)
    const content = contentAfter(killed, acknowledged)
    assert.strictEqual(violations(history, content), 0)
    history.add(child(0, 1))
    const [key = ""] = content.keys()
    content.delete(key)
    const next = operation(child(0, 1).plan, 0, 0).writes.map((write) => write.key)
    assert.isFalse(next.includes(key))
    assert.strictEqual(violations(history, content), 1)
  })

  it("sees an old version that came back", () => {
    const content = contentAfter(killed, acknowledged)
    const overwritten = counts.flatMap((count) =>
      operation(killed.plan, 0, count).writes.flatMap(({ key, length }, place) => {
        const old = length === undefined ? undefined : makeValue({ incarnation: 0, fiber: 0, count, place }, length)
        const isNewest = content.get(key)?.every((byte, at) => byte === old?.[at]) ?? false
        return old === undefined || isNewest ? [] : [{ key, old }]
      })
    )
    assert.isAbove(overwritten.length, 0)
    for (const { key, old } of overwritten) {
      assert.isAbove(violations(historyOf(killed), new Map([...content, [key, old]])), 0, key)
    }
  })
})
