/** A job that does not succeed leaves nothing: no file, and none open. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { JobDisk } from "../../src/disk/JobDisk.ts"
import { makeInlineJobs } from "../../src/jobs/InlineJobs.ts"
import type { Jobs } from "../../src/jobs/Jobs.ts"
import { makeTableJobs } from "../../src/jobs/TableJobs.ts"
import { DiskError, StoreCorrupted } from "../../src/StoreError.ts"
import type { TableError } from "../../src/StoreError.ts"
import { interruptAtYield, runSimulation, SimulatedDisk } from "../../src/testing/index.ts"
import { put } from "../table/TableFixture.ts"
import { prepareFlush, prepareMerge } from "./JobFixture.ts"
import type { MergeCase } from "./JobFixture.ts"

type Job = (jobs: Jobs["Service"]) => Effect.Effect<unknown, TableError>

const records = (step: number) =>
  Array.from({ length: 12 }, (_, i) => put(`key-${100 + i * step}`, step * 100 + i, "v".repeat(200)))

const mergeCase: MergeCase = {
  runs: [records(3), records(2)],
  older: [],
  pinned: [],
  tableSize: 900,
  targets: 20,
  keysPerTable: 4
}

const contentOf = (disk: SimulatedDisk): string =>
  disk.files().map((path) => `${path}: ${Buffer.from(disk.readFile(path)).toString("base64")}`).join("\n")

const prepared: ReadonlyArray<
  readonly [name: string, prepare: (disk: SimulatedDisk) => Effect.Effect<Job, DiskError>]
> = [
  ["merge", (disk) => Effect.map(prepareMerge(disk.service, "", mergeCase), (job): Job => (jobs) => jobs.merge(job))],
  ["flush", () => {
    const job = prepareFlush("", records(1))
    return Effect.succeed((jobs) => jobs.flush(job))
  }]
]

const runners: ReadonlyArray<readonly [name: string, make: (disk: JobDisk) => Jobs["Service"]]> = [
  ["on the loop", makeInlineJobs],
  ["in a thread's way", (disk) => makeTableJobs(disk, { pause: Effect.void, readMode: "sync" })]
]

describe("a job that does not succeed (I12)", () => {
  for (const [jobName, prepare] of prepared) {
    for (const [runnerName, makeJobs] of runners) {
      it.effect(`${jobName} ${runnerName}: whichever call fails, leaves no file and no descriptor`, () =>
        Effect.gen(function*() {
          let failed = 0
          for (let call = 0;; call++) {
            const disk = SimulatedDisk.make({ delay: Effect.void })
            const run = yield* prepare(disk)
            const before = disk.files()
            const fault = disk.fail({
              from: disk.calls + call,
              when: ({ operation }) => operation !== "remove" && operation !== "close",
              code: "EIO"
            })
            const result = yield* Effect.result(run(makeJobs(disk.service)))
            assert.deepStrictEqual(disk.openHandles, [])
            if (fault.fired === 0) break
            failed++
            assert.isTrue(result._tag === "Failure" && result.failure instanceof DiskError)
            assert.deepStrictEqual(disk.files(), before)
          }
          assert.isAtLeast(failed, 3)
        }))

      it(`${jobName} ${runnerName}: wherever it is interrupted, leaves no file and no descriptor`, () => {
        const program = Effect.gen(function*() {
          /** What the disk holds after each interruption that left something. */
          const whole: Array<string> = []
          for (let point = 0;; point++) {
            const disk = SimulatedDisk.make()
            const run = yield* prepare(disk)
            const before = contentOf(disk)
            const { exit, struck } = yield* interruptAtYield(run(makeJobs(disk.service)), point)
            assert.deepStrictEqual(disk.openHandles, [])
            if (!struck) {
              assert.strictEqual(exit._tag, "Success")
              // Once all is written an interruption comes too late to undo it.
              for (const content of whole) assert.strictEqual(content, contentOf(disk))
              return point
            }
            if (contentOf(disk) !== before) whole.push(contentOf(disk))
          }
        })
        const exit = runSimulation(program, { seed: 1, yieldChance: 0, maxSteps: 100_000_000 })
        if (exit._tag === "Failure") throw new Error(String(exit.cause))
        assert.isAbove(exit.value, 10)
      })
    }
  }

  for (const [runnerName, makeJobs] of runners) {
    it.effect(`I15: a merge ${runnerName} of a table with any byte flipped fails with StoreCorrupted, and leaves nothing`, () =>
      Effect.gen(function*() {
        const sound = SimulatedDisk.make({ delay: Effect.void })
        const job = yield* prepareMerge(sound.service, "", mergeCase)
        const path = job.sources[1]?.[1]?.path ?? ""
        const content = sound.readFile(path)
        for (let at = 0; at < content.length; at += 13) {
          const disk = sound.killImage()
          const damaged = content.slice()
          damaged[at] = (damaged[at] ?? 0) ^ 4
          disk.writeFile(path, damaged)
          const error = yield* Effect.flip(makeJobs(disk.service).merge(job))
          assert.isTrue(error instanceof StoreCorrupted && error.file === path, error.message)
          assert.deepStrictEqual(disk.openHandles, [])
          assert.deepStrictEqual(disk.files(), sound.files())
        }
      }))
  }

  const targetsOf: ReadonlyArray<readonly [name: string, at: number]> = [["its first", 0], ["its third", 2]]
  for (const [runnerName, makeJobs] of runners) {
    for (const [which, at] of targetsOf) {
      it.effect(`I26: a merge ${runnerName} leaves alone what was there before under ${which} target's name`, () =>
        Effect.gen(function*() {
          const disk = SimulatedDisk.make({ delay: Effect.void })
          const job = yield* prepareMerge(disk.service, "", mergeCase)
          disk.writeFile(job.targets[at]!.path, Uint8Array.of(1))
          const before = contentOf(disk)
          const error = yield* Effect.flip(makeJobs(disk.service).merge(job))
          assert.isTrue(error instanceof DiskError && error.code === "EEXIST")
          assert.strictEqual(contentOf(disk), before)
          assert.deepStrictEqual(job.targets.filter(({ isMade }) => isMade), [])
        }))
    }

    it.effect(`I26: a flush ${runnerName} leaves alone what was there before under its target's name`, () =>
      Effect.gen(function*() {
        const disk = SimulatedDisk.make({ delay: Effect.void })
        const job = prepareFlush("", records(1))
        disk.writeFile(job.target.path, Uint8Array.of(1))
        const error = yield* Effect.flip(makeJobs(disk.service).flush(job))
        assert.strictEqual(error.code, "EEXIST")
        assert.deepStrictEqual(disk.readFile(job.target.path), Uint8Array.of(1))
      }))

    it.effect(`I26: a merge ${runnerName} tells which of its targets it has made`, () =>
      Effect.gen(function*() {
        const disk = SimulatedDisk.make({ delay: Effect.void })
        const job = yield* prepareMerge(disk.service, "", mergeCase)
        const tables = yield* makeJobs(disk.service).merge(job)
        assert.isBelow(tables.length, job.targets.length)
        assert.deepStrictEqual(
          job.targets.filter(({ isMade }) => isMade).map(({ file }) => file),
          tables.map(({ file }) => file)
        )
      }))
  }
})
