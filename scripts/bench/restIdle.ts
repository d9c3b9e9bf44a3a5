/** Does nothing for a while, with so many worker threads that do nothing; tells its peaks of memory in bytes. */
import { once } from "node:events"
import { setTimeout } from "node:timers/promises"
import { Worker } from "node:worker_threads"
import { AnonymousPeak, peakResident } from "./processMemory.ts"

const milliseconds = 500

export const restIdle = async (threads: number) => {
  const peak = new AnonymousPeak()
  const workers = Array.from(
    { length: threads },
    () => new Worker("setInterval(() => {}, 1000)", { eval: true })
  )
  await Promise.all(workers.map((worker) => once(worker, "online")))
  await setTimeout(milliseconds)
  const memory = peak.end()
  const resident = peakResident()
  await Promise.all(workers.map((worker) => worker.terminate()))
  return { resident, ...(memory === undefined ? undefined : { memory }) }
}
