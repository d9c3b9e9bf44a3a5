/** A small disk of its own, in memory, for tests that need it full or read-only. */
import { Effect } from "effect"
import type { Scope } from "effect"
import { execFileSync } from "node:child_process"
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmdirSync, rmSync, statfsSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestContext } from "vitest"

const MiB = 1024 * 1024

export interface SmallDisk {
  /** Where it is mounted. */
  readonly path: string
  readonly freeBytes: () => number
  /** Leaves about so many bytes free: a file of no interest takes the rest. */
  readonly fill: (leave: number) => void
  /** Gives back what `fill` took. */
  readonly giveSpaceBack: () => void
  /** Allowed while no file is open for writing. */
  readonly remount: (mode: "ro" | "rw") => void
}

const system = (command: string, ...args: ReadonlyArray<string>): void =>
  void execFileSync(command, args, { stdio: ["ignore", "ignore", "pipe"] })

const smallDiskAt = (path: string): SmallDisk => {
  const ballast = join(path, "ballast")
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  }
  return {
    path,
    freeBytes,
    fill: (leave) => {
      const file = openSync(ballast, "a")
      try {
        const block = Buffer.alloc(MiB)
        for (let rest = freeBytes() - leave; rest > 0; rest = freeBytes() - leave) {
          writeSync(file, block, 0, Math.min(rest, MiB))
        }
        fdatasyncSync(file)
      } finally {
        closeSync(file)
      }
    },
    giveSpaceBack: () => rmSync(ballast, { force: true }),
    remount: (mode) => system("mount", "-o", `remount,${mode}`, path)
  }
}

/** A disk of so many bytes, and of so many files if that is given, for the scope. Where this process may not mount one, the test is skipped. */
export const smallDisk = (
  context: TestContext,
  size: number,
  files?: number
): Effect.Effect<SmallDisk, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const path = mkdtempSync(join(tmpdir(), "effect-lsm-small-disk-"))
      try {
        system(
          "mount",
          "-t",
          "tmpfs",
          "-o",
          files === undefined ? `size=${size}` : `size=${size},nr_inodes=${files}`,
          "effect-lsm-test",
          path
        )
      } catch (error) {
        rmdirSync(path)
        context.skip(`a small disk can't be mounted here: ${error instanceof Error ? error.message : String(error)}`)
      }
      return smallDiskAt(path)
    }),
    ({ path }) =>
      Effect.sync(() => {
        system("umount", path)
        rmdirSync(path)
      })
  )
