/**
 * What a process and its event loop went through between two moments: delays of
 * the loop, garbage collections, processor time, and that of other processes.
 */
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks"
import { setImmediate } from "node:timers/promises"

/** Times are milliseconds, shares are of one processor. */
export const ProcessFigures = Schema.Struct({
  loopP99: Schema.Number,
  loopWorst: Schema.Number,
  collections: Schema.Number,
  collecting: Schema.Number,
  collectingWorst: Schema.Number,
  cpu: Schema.Number,
  mainThreadCpu: Schema.Number,
  /** Of everything else on the machine, where it can be told. */
  othersCpu: Schema.optionalKey(Schema.Number)
})
export type ProcessFigures = typeof ProcessFigures.Type

/** How often the loop's delay is looked at, which is included in what is found. */
const resolution = 1
const ticksPerSecond = 100

/** Milliseconds of processor time that the whole machine has been busy for. */
const machineBusy = (): number => {
  try {
    const [, user = NaN, nice = NaN, system = NaN, , , irq = NaN, softIrq = NaN] = readFileSync("/proc/stat", "utf8")
      .split("\n", 1)[0]!.split(/\s+/).map(Number)
    return (user + nice + system + irq + softIrq) * 1000 / ticksPerSecond
  } catch {
    return NaN
  }
}

const sum = ({ system, user }: NodeJS.CpuUsage): number => (system + user) / 1000

/** Begins to watch; the effect that it returns ends that, and gives the figures. */
export const watchProcess: Effect.Effect<Effect.Effect<ProcessFigures>> = Effect.sync(() => {
  const delay = monitorEventLoopDelay({ resolution })
  const durations: Array<number> = []
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) durations.push(duration)
  })
  observer.observe({ entryTypes: ["gc"] })
  delay.enable()
  const started = performance.now()
  const cpu = process.cpuUsage()
  const mainThread = process.threadCpuUsage()
  const busy = machineBusy()
  return Effect.promise(async () => {
    const milliseconds = performance.now() - started
    const used = sum(process.cpuUsage(cpu))
    const usedByMainThread = sum(process.threadCpuUsage(mainThread))
    const usedByAll = machineBusy() - busy
    delay.disable()
    // The observer is told on a later turn.
    await setImmediate()
    await setImmediate()
    observer.disconnect()
    return {
      loopP99: Math.max(0, delay.percentile(99) / 1e6 - resolution),
      loopWorst: Math.max(0, delay.max / 1e6 - resolution),
      collections: durations.length,
      collecting: durations.reduce((total, duration) => total + duration, 0),
      collectingWorst: Math.max(0, ...durations),
      cpu: used / milliseconds,
      mainThreadCpu: usedByMainThread / milliseconds,
      ...(Number.isNaN(usedByAll) ? undefined : { othersCpu: Math.max(0, usedByAll - used) / milliseconds })
    }
  })
})
