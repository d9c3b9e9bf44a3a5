/**
 * What this process has in memory and has written. `maxRSS` of `resourceUsage`
 * would not do where there is `/proc`: a child begins with its parent's.
 */
import { readFileSync } from "node:fs"

/** Milliseconds; a look takes some 30 µs. */
const lookEvery = 20

const field = (path: string, name: string): number | undefined => {
  try {
    const match = new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(readFileSync(path, "utf8"))
    return match === null ? undefined : Number(match[1])
  } catch {
    return undefined
  }
}

/** Most bytes that were resident at once. */
export const peakResident = (): number => (field("/proc/self/status", "VmHWM") ?? process.resourceUsage().maxRSS) * 1024

/**
 * Most bytes of anonymous memory at once, as far as looks now and then see them:
 * what the process itself has made, without the pages of files that it has mapped.
 */
export class AnonymousPeak {
  #peak: number | undefined
  readonly #timer = setInterval(() => this.#look(), lookEvery).unref()

  #look(): void {
    const own = field("/proc/self/status", "RssAnon")
    const shared = field("/proc/self/status", "RssShmem")
    if (own !== undefined && shared !== undefined) this.#peak = Math.max(this.#peak ?? 0, (own + shared) * 1024)
  }

  /** The peak until now; undefined where it can't be told. Looks no more. */
  end(): number | undefined {
    clearInterval(this.#timer)
    this.#look()
    return this.#peak
  }
}

/** Counts the worker threads of this process from now on; tells the most that there were at once. */
export const countThreads = (): () => number => {
  let now = 0
  let most = 0
  process.on("worker", (worker) => {
    most = Math.max(most, ++now)
    worker.once("exit", () => now--)
  })
  return () => most
}

/** Bytes given to the operating system with write calls by all threads; undefined where it can't be told. */
export const writtenBytes = (): number | undefined => field("/proc/self/io", "wchar")
