/**
 * Gives a worker thread the priority that it was started with. On Linux alone
 * does a process number of 0 name the thread and not the whole process; elsewhere,
 * and where it is refused, the priority stays.
 */
import { setPriority } from "node:os"
import { workerData } from "node:worker_threads"
import { isWorkerSetup } from "./WorkerSetup.ts"

export const lowerPriority = (): void => {
  const setup: unknown = workerData
  if (process.platform !== "linux" || !isWorkerSetup(setup)) return
  try {
    setPriority(0, setup.priority)
  } catch {
    // It works at any priority.
  }
}
