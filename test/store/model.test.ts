import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, References, Schema } from "effect"
import { CommandSchema, openings } from "./StoreCommand.ts"
import type { Command } from "./StoreCommand.ts"
import { runSimulated } from "./storeHelpers.ts"
import { StoreRun } from "./StoreRun.ts"

const commands = Arbitrary.array(Arbitrary.schema(CommandSchema), { maxLength: 60 })
const seed = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9_999 }))

/** Runs that had three levels or more. */
let deepened = 0

/** Runs the commands in an order of the background's work that the seed decides. */
const check = (script: ReadonlyArray<Command>, under: number): void => {
  const run = new StoreRun(under)
  runSimulated(
    under,
    Effect.provideService(run.run(script, under % openings.length), References.MinimumLogLevel, "None"),
    { maxSteps: 3_000_000 }
  )
  deepened += run.levels.size > 2 ? 1 : 0
}

describe("the store", () => {
  it.prop(
    "I4 I5 I8 I9 I10 I11: answers as an ordered map does, through rotation, flush, compaction, reopening and crashes",
    { script: commands, under: seed },
    ({ script, under }) => check(script, under),
    { arbitrary: { runs: 90, size: 60 } }
  )

  it("had several levels in many of these runs", () => assert.isAbove(deepened, 2))
})
