/**
 * What this process has in memory and has written. `maxRSS` of `resourceUsage`
 * would not do where there is `/proc`: a child begins with its parent's.
 */
import { readFileSync } from "node:fs"

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

/** Bytes given to the operating system with write calls by all threads; undefined where it can't be told. */
export const writtenBytes = (): number | undefined => field("/proc/self/io", "wchar")
