/** The figures of a run: what they are called, how they are shown, and which way is better. */
import { grouped } from "../../support/table.ts"

export interface Metric {
  readonly title: string
  /** Behind a value, where there is no title above it. */
  readonly unit: string
  readonly better: "more" | "less"
  readonly show: (value: number) => string
}

const MiB = 1024 * 1024

const inMiB = (bytes: number): string => bytes < 10 * MiB ? (bytes / MiB).toFixed(1) : grouped(bytes / MiB)
const milliseconds = (value: number): string =>
  value < 1 ? value.toFixed(3) : value < 100 ? value.toFixed(1) : grouped(value)
const share = (value: number): string => `${Math.round(value * 100)} %`

const less = (title: string, unit: string, show: (value: number) => string): Metric => ({
  title: unit === "" ? title : `${title}, ${unit}`,
  unit: unit === "" ? "" : ` ${unit}`,
  better: "less",
  show
})
const time = (title: string): Metric => less(title, "ms", milliseconds)
const size = (title: string): Metric => less(title, "MiB", inMiB)
const part = (title: string): Metric => less(title, "", share)

const latencies = (name: string, title: string): Record<string, Metric> => ({
  [`${name}P50`]: time(`${title} p50`),
  [`${name}P99`]: time(`${title} p99`),
  [`${name}P999`]: time(`${title} p99.9`),
  [`${name}Worst`]: time(`${title} worst`)
})

export const metrics: Readonly<Record<string, Metric>> = {
  rate: { title: "a second", unit: "/s", better: "more", show: grouped },
  operations: { title: "operations", unit: "", better: "more", show: grouped },
  milliseconds: time("time"),
  opening: time("time"),
  /** Of all threads of the process, background work until it has settled included. */
  cpu: less("CPU each", "µs", (value) => value < 100 ? value.toFixed(2) : grouped(value)),
  settling: time("caught up after"),
  /** Peak of anonymous memory above the harness's, without a store and with as many idle threads. */
  memory: size("memory"),
  /** The same for all resident memory, pages of mapped files included. */
  resident: size("resident"),
  disk: size("disk"),
  threads: less("worker threads", "", grouped),
  /** Records whose values were looked at at the end, and all entries, where they were counted. */
  verified: { title: "verified", unit: "", better: "more", show: grouped },
  counted: { title: "counted", unit: "", better: "more", show: grouped },
  ...latencies("get", "get"),
  ...latencies("late", "loop late for a get,"),
  waited: part("gets that waited"),
  ...latencies("wait", "their wait,"),
  ...latencies("floor", "no writers: get"),
  loopP99: time("loop delay p99"),
  loopWorst: time("loop delay worst"),
  collecting: time("garbage collection"),
  collectingWorst: time("garbage collection worst"),
  processor: part("processor"),
  mainThread: part("processor, main thread"),
  otherProcesses: part("processor, other processes"),
  overslept: time("a sleeping thread late"),
  stalls: less("stalls", "", grouped),
  stalled: time("stalled")
}

export const metricNamed = (name: string): Metric => {
  const metric = metrics[name]
  if (metric === undefined) throw new TypeError(`There is no figure ${name}.`)
  return metric
}

/** How many times better `ours` is than `theirs`. */
export const ratioOf = (name: string, ours: number, theirs: number): number =>
  metricNamed(name).better === "more" ? ours / theirs : theirs / ours
