/** A Node that does nothing, with so many workers that do nothing: prints its peak of resident bytes. */
import { once } from "node:events"
import { setTimeout } from "node:timers/promises"
import { Worker } from "node:worker_threads"
import { peakResident } from "./processMemory.ts"

const workers = Array.from(
  { length: Number(process.argv[2]) },
  () => new Worker("setInterval(() => {}, 1000)", { eval: true })
)
await Promise.all(workers.map((worker) => once(worker, "online")))
await setTimeout(500)
console.log(peakResident())
await Promise.all(workers.map((worker) => worker.terminate()))
