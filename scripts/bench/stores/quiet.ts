/**
 * Waits for background work of a store that does not tell about it: until the
 * process has used next to no processor time for a while.
 */
import { Effect } from "effect"

const interval = 50
const looksInARow = 6
/** Milliseconds of processor time in an interval, of which the look itself takes some. */
const mostUsed = 2

export const untilQuiet: Effect.Effect<void> = Effect.gen(function*() {
  let quiet = 0
  while (quiet < looksInARow) {
    const before = process.cpuUsage()
    yield* Effect.sleep(interval)
    const { system, user } = process.cpuUsage(before)
    quiet = (system + user) / 1000 <= mostUsed ? quiet + 1 : 0
  }
})
