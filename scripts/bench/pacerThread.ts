/** The thread that wakes an idle event loop when a pacer's next call is due. */
import { setPriority } from "node:os"
import { parentPort, workerData } from "node:worker_threads"
import { PacerWord, sharedClock } from "./PacerClock.ts"

/** Milliseconds to sleep while the loop is late. */
const pause = 0.2

const memory: unknown = workerData
if (!(memory instanceof SharedArrayBuffer))
  throw new TypeError("The pacer's thread is given the memory that it shares.")
const words = new Int32Array(memory)
const times = new Float64Array(memory)

parentPort?.postMessage("ready", [])
// It must not take the processor from the loop that it is to wake; on Linux this is the thread's alone.
if (process.platform === "linux") setPriority(0, 19)
let woken = 0
for (;;) {
  const changes = Atomics.load(words, PacerWord.changes)
  const due = times[PacerWord.due]!
  if (Number.isNaN(due)) break
  const now = sharedClock()
  if (now >= due && woken !== due) {
    woken = due
    parentPort?.postMessage("wake", [])
    continue
  }
  const sleep = now < due ? due - now : pause
  if (Atomics.wait(words, PacerWord.changes, changes, sleep) === "timed-out") {
    times[PacerWord.overslept] = Math.max(times[PacerWord.overslept]!, sharedClock() - now - sleep)
  }
}
