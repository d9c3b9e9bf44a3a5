/** A process that ends in the middle of its work, by itself or by a signal. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { crashChild } from "../../scripts/crash/CrashedChild.ts"
import type { CrashedChild } from "../../scripts/crash/CrashedChild.ts"
import { Ending } from "../../scripts/crash/Plan.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import { busyPlan, verdictOn } from "./crashPlan.ts"

describe("a process whose threads flush and merge", () => {
  it.live("I5: ends in each way at once, with its code or signal, and loses nothing acknowledged", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const children: Array<CrashedChild> = []
      for (const [incarnation, ending] of Ending.literals.entries()) {
        const plan = busyPlan(directory, { incarnation, end: { phase: "writing", milliseconds: 300, ending } })
        const child = yield* crashChild(plan)
        assert.deepStrictEqual([child.phase, child.ending], ["writing", ending])
        assert.isAbove(child.acks.length, 0, ending)
        children.push(child)
      }
      assert.isAbove(children.reduce((sum, { merges }) => sum + merges, 0), 0)
      const { checked, violations } = yield* verdictOn(directory, children)
      assert.deepStrictEqual(violations, [])
      assert.isAbove(checked.sync, 0)
      assert.isAbove(checked.buffered, 0)
    }))
})

describe("a process whose threads die while it writes", () => {
  it.live("I5, I12: goes on, and killed loses nothing acknowledged", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const enough = 1_000
      const child = yield* crashChild(
        busyPlan(directory, {
          threadDiesOnceIn: 10,
          closeAfter: enough,
          end: { phase: "closing", milliseconds: 0, ending: "SIGKILL" }
        })
      )
      // With one memtable that may wait, so much is acknowledged only if flushes go on.
      assert.isAtLeast(child.acks.length, enough)
      assert.isAbove(child.threadDeaths, 0)
      const { violations } = yield* verdictOn(directory, [child])
      assert.deepStrictEqual(violations, [])
    }))
})
