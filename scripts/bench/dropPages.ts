/**
 * Makes files cold: asks the system to forget what it keeps of them in memory.
 *
 * Which way works depends on the system and its permissions, so each is tried
 * and its effect looked at with `fincore`, where there is one. A virtual
 * machine's host may keep the pages all the same; what a cold read then takes is
 * what the benchmark prints, not what a disk takes.
 */
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

/** All files in a directory. */
const filesIn = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { withFileTypes: true }).filter((each) => each.isFile()).map(({ name }) =>
    join(directory, name)
  )

const attempt = (run: () => void): boolean => {
  try {
    run()
    return true
  } catch {
    return false
  }
}

/** Bytes of the files that the page cache holds, or undefined if that cannot be told here. */
const cachedBytes = (files: ReadonlyArray<string>): number | undefined => {
  try {
    const text = execFileSync("fincore", ["--bytes", "--noheadings", "--output", "RES", ...files], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"]
    })
    return text.split("\n").reduce((sum, line) => sum + Number(line), 0)
  } catch {
    return undefined
  }
}

const ways: ReadonlyArray<{ readonly name: string; readonly drop: (files: ReadonlyArray<string>) => boolean }> = [
  {
    name: "dd oflag=nocache",
    drop: (files) =>
      files.every((file) =>
        attempt(() =>
          execFileSync("dd", [`of=${file}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0"], { stdio: "ignore" })
        )
      )
  },
  {
    name: "/proc/sys/vm/drop_caches",
    drop: () => attempt(() => writeFileSync("/proc/sys/vm/drop_caches", "1"))
  }
]

/** Drops the pages of all files in a directory. Says how, or undefined if no way worked. */
export const dropPages = (directory: string): Effect.Effect<string | undefined> =>
  Effect.sync(() => {
    const files = filesIn(directory)
    const before = cachedBytes(files)
    for (const { drop, name } of ways) {
      if (!drop(files)) continue
      const after = cachedBytes(files)
      if (before === undefined || after === undefined) return `${name}, unchecked`
      if (after <= before / 10) return name
    }
    return undefined
  })
