/**
 * `npm run crash -- --rounds 200 --seed 1`: kills a writing process, or has it end
 * itself, again and again, and fails if a store loses anything that it had
 * acknowledged.
 */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Cause, Console, Effect, Exit, Schema, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { crashLoop } from "./crash/crashLoop.ts"
import type { CrashRound } from "./crash/crashLoop.ts"
import { addRound, emptyTotals, totalLines } from "./crash/Totals.ts"
import { makeProgress } from "./support/Progress.ts"

class StoreLostWrites extends Schema.TaggedError<StoreLostWrites>()("StoreLostWrites", {
  round: Schema.Number,
  violations: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `Round ${this.round} found:\n${this.violations.join("\n")}`
  }
}

/** It goes with its scope, unless something was found in it. */
const crashDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-lsm-crash-"))),
  (directory, exit) =>
    Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)
      ? Console.error(`What is left of the stores is kept in ${directory}`)
      : Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)

const flags = {
  rounds: Flag.Int("rounds").pipe(
    Flag.withDescription("How many times to end it, reopen and check"),
    Flag.withSchema(Schema.Int.check(Schema.isGreaterThan(0))),
    Flag.withDefault(20)
  ),
  seed: Flag.Int("seed").pipe(
    Flag.withDescription("What to write, and when and how it ends, follow from it; a new one each time if absent"),
    Flag.withDefault(Math.floor(Math.random() * 1_000_000))
  ),
  roundsPerStore: Flag.Int("rounds-per-store").pipe(
    Flag.withDescription("Rounds after which to go on with a fresh store"),
    Flag.withSchema(Schema.Int.check(Schema.isGreaterThan(0))),
    Flag.withDefault(25)
  )
}

const crash = Command.make(
  "crash",
  flags,
  Effect.fnUntraced(function*({ rounds, roundsPerStore, seed }) {
    const progress = makeProgress(process.stdout)
    const directory = yield* crashDirectory
    progress.print(`${rounds} rounds, seed ${seed}`)
    const since = performance.now()
    let totals = emptyTotals
    const takeRound = Effect.fnUntraced(function*(round: CrashRound) {
      totals = addRound(totals, round)
      const { checked, violations } = round
      progress.show(() =>
        `round ${round.round + 1} of ${rounds}: ${totals.checked.sync} "sync" and ${totals.checked.buffered} `
        + `"buffered" writes checked, last ${checked.sync + checked.buffered}`
      )
      if (violations.length > 0) return yield* new StoreLostWrites({ round: round.round + 1, violations })
    })
    yield* Stream.runForEach(crashLoop({ directory, rounds, roundsPerStore, seed }), takeRound)
    for (const line of totalLines(totals, performance.now() - since)) progress.print(line)
  })
).pipe(
  Command.withDescription("Ends a writing process again and again, and checks that no acknowledged write is lost")
)

crash.pipe(
  Command.run({ version: "1" }),
  Effect.scoped,
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
