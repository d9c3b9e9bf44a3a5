/**
 * Calls a function at fixed times on the event loop, as an open-loop load does:
 * a call that the loop comes too late for is made as soon as it comes, and is
 * told the time that it was meant for.
 *
 * Node's timers are too coarse for intervals under a millisecond, and polling
 * keeps a processor busy that the store's threads need. Here every turn of the
 * loop makes what is due, by an immediate that does not by itself keep the loop
 * turning; and where the loop sleeps, a thread wakes it for each call. What that
 * costs an idle loop is for the benchmark to measure: 0.12 ms at the median.
 */
import { Effect } from "effect"
import type { Scope } from "effect"
import { once } from "node:events"
import { Worker } from "node:worker_threads"
import { PacerWord, sharedClock } from "./PacerClock.ts"

export interface Pacer {
  /**
   * Calls `onDue` every `interval` for so many milliseconds, with the intended
   * time and the time of the turn, both by `sharedClock`. One run at a time. Returns how late the thread that only sleeps
   * was at most: what the machine adds, if others want its processors too.
   */
  readonly run: (milliseconds: number, onDue: (intended: number, now: number) => void) => Effect.Effect<number>
}

/** A pacer whose thread ends with the scope. */
export const makePacer = (interval: number): Effect.Effect<Pacer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const memory = new SharedArrayBuffer(24)
    const words = new Int32Array(memory)
    const times = new Float64Array(memory)
    times[PacerWord.due] = Infinity
    const wakeThread = (): void => {
      Atomics.add(words, PacerWord.changes, 1)
      Atomics.notify(words, PacerWord.changes)
    }
    const thread = yield* Effect.acquireRelease(
      Effect.sync(() => new Worker(new URL("pacerThread.ts", import.meta.url), { workerData: memory })),
      (worker) =>
        Effect.promise(() => {
          times[PacerWord.due] = NaN
          wakeThread()
          return once(worker, "exit")
        })
    )
    yield* Effect.promise(() => once(thread, "message"))

    const run: Pacer["run"] = (milliseconds, onDue) =>
      Effect.callback<number>((resume) => {
        const begin = sharedClock() + interval
        const end = begin + milliseconds
        let calls = 0
        let due = begin
        let immediate: NodeJS.Immediate | undefined
        const setDue = (time: number): void => {
          due = time
          times[PacerWord.due] = time
        }
        const stop = (): void => {
          setDue(Infinity)
          clearImmediate(immediate)
          thread.off("message", makeDue)
        }
        const makeDue = (): void => {
          const now = sharedClock()
          if (now < due) return
          let next = due
          while (next <= now && next < end) {
            onDue(next, now)
            next = begin + ++calls * interval
          }
          if (next < end) return setDue(next)
          stop()
          resume(Effect.succeed(times[PacerWord.overslept]!))
        }
        const onTurn = (): void => {
          makeDue()
          if (due < Infinity) immediate = setImmediate(onTurn).unref()
        }
        thread.on("message", makeDue)
        times[PacerWord.overslept] = 0
        setDue(begin)
        onTurn()
        wakeThread()
        return Effect.sync(stop)
      })
    return { run }
  })
