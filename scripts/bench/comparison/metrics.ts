/** The figures of a run: what they are called, how they are shown, and which way is better. */
import { grouped } from "../../support/table.ts"

export interface Metric {
  readonly title: string
  readonly better: "more" | "less"
  readonly show: (value: number) => string
}

const MiB = 1024 * 1024

const inMiB = (bytes: number): string => grouped(bytes / MiB)
const milliseconds = (value: number): string =>
  value < 1 ? value.toFixed(3) : value < 100 ? value.toFixed(1) : grouped(value)
const share = (value: number): string => `${Math.round(value * 100)} %`

const less = (title: string, show: (value: number) => string): Metric => ({ title, better: "less", show })

const latencies = (name: string, title: string): Record<string, Metric> => ({
  [`${name}P50`]: less(`${title} p50, ms`, milliseconds),
  [`${name}P99`]: less(`${title} p99, ms`, milliseconds),
  [`${name}P999`]: less(`${title} p99.9, ms`, milliseconds),
  [`${name}Worst`]: less(`${title} worst, ms`, milliseconds)
})

export const metrics: Readonly<Record<string, Metric>> = {
  rate: { title: "a second", better: "more", show: grouped },
  operations: { title: "operations", better: "more", show: grouped },
  milliseconds: less("ms", milliseconds),
  opening: less("ms", milliseconds),
  /** Of all threads of the process, background work until it has settled included. */
  cpu: less("CPU µs each", (value) => value < 100 ? value.toFixed(2) : grouped(value)),
  settling: less("caught up after, ms", milliseconds),
  /** Peak of anonymous memory above the harness's, without a store and with as many idle threads. */
  memory: less("memory MiB", inMiB),
  /** The same for all resident memory, pages of mapped files included. */
  resident: less("resident MiB", inMiB),
  disk: less("disk MiB", inMiB),
  threads: less("worker threads", grouped),
  ...latencies("get", "get"),
  ...latencies("late", "loop late for a get,"),
  waited: less("gets that waited", share),
  ...latencies("wait", "their wait,"),
  ...latencies("floor", "no writers: get"),
  loopP99: less("loop delay p99, ms", milliseconds),
  loopWorst: less("loop delay worst, ms", milliseconds),
  collecting: less("garbage collection, ms", milliseconds),
  collectingWorst: less("garbage collection worst, ms", milliseconds),
  processor: less("processor", share),
  mainThread: less("processor, main thread", share),
  otherProcesses: less("processor, other processes", share),
  overslept: less("a sleeping thread late, ms", milliseconds),
  stalls: less("stalls", grouped),
  stalled: less("stalled, ms", milliseconds)
}

export const metricNamed = (name: string): Metric => {
  const metric = metrics[name]
  if (metric === undefined) throw new TypeError(`There is no figure ${name}.`)
  return metric
}

/** How many times better `ours` is than `theirs`. */
export const ratioOf = (name: string, ours: number, theirs: number): number =>
  metricNamed(name).better === "more" ? ours / theirs : theirs / ours
