/** Takes the time and the processor time of a stretch of work. */
import { Effect } from "effect"

export interface Phase {
  readonly operations: number
  readonly milliseconds: number
  /** What the process had used when it began. */
  readonly cpuBefore: NodeJS.CpuUsage
}

/** `work` gives the number of its operations. */
export const measured = <E>(work: Effect.Effect<number, E>): Effect.Effect<Phase, E> =>
  Effect.suspend(() => {
    const cpuBefore = process.cpuUsage()
    const began = performance.now()
    return Effect.map(work, (operations) => ({
      operations,
      milliseconds: performance.now() - began,
      cpuBefore
    }))
  })

/** Milliseconds of processor time that all threads of the process have used since. */
export const cpuSince = (before: NodeJS.CpuUsage): number => {
  const { system, user } = process.cpuUsage(before)
  return (system + user) / 1000
}
