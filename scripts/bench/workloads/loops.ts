/** Loops of calls that end after a time. */
import { Effect } from "effect"
import type { Caller, Loop, Manner } from "../stores/Store.ts"

/** Of the time that is measured: what runs unmeasured before it, for caches and compilers to come to rest. */
export const warmUpShare = 0.25

/** Calls between two looks at the clock. */
const callsPerLook = 16

/** Tells how often it may go on; no more often once `milliseconds` have passed. */
export const untilOver = (milliseconds: number): () => boolean => {
  const end = performance.now() + milliseconds
  let calls = 0
  let isOver = false
  return () => {
    if (!isOver && calls++ % callsPerLook === 0 && performance.now() >= end) isOver = true
    return !isOver
  }
}

/** Gives the number of calls that were made. */
export const driveFor = <M extends Manner, A>(
  caller: Caller<M>,
  milliseconds: number,
  loop: Omit<Loop<M, A>, "more">
): Effect.Effect<number> =>
  Effect.suspend(() => {
    const goesOn = untilOver(milliseconds)
    let calls = 0
    const more = (): boolean => {
      if (!goesOn()) return false
      calls++
      return true
    }
    return Effect.map(caller.drive({ ...loop, more }), () => calls)
  })
