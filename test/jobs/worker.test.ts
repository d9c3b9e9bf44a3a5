/** Jobs in worker threads do what they do on the event loop. */
import { afterEach, assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit } from "effect"
import { spawnSync } from "node:child_process"
import { readFileSync, unlinkSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { makeInlineJobs } from "../../src/jobs/InlineJobs.ts"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import { DiskError, StoreCorrupted } from "../../src/StoreError.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import { mergeCaseArbitrary, prepareMerge } from "./JobFixture.ts"
import {
  contentOf,
  inlineContent,
  nodeDisk,
  noWorkerThreads,
  someFlush,
  someJob,
  someMerge,
  startWorkers,
  workerThreads
} from "./WorkerFixture.ts"

afterEach(() => Effect.runPromise(noWorkerThreads))

describe("jobs in worker threads", () => {
  for (const kind of ["flush", "merge"] as const) {
    it.live(`${kind}: writes what it writes on the event loop, byte for byte`, () =>
      Effect.gen(function*() {
        const { jobs, restarts } = yield* startWorkers()
        const job = yield* someJob(kind)
        yield* job.run(jobs)
        assert.deepStrictEqual(contentOf(job.directory), yield* inlineContent(kind))
        assert.deepStrictEqual(restarts, [])
      }))
  }

  it.live("I10: merges whatever there is as the event loop does, and gives the same account of it", () =>
    Effect.gen(function*() {
      const { jobs } = yield* startWorkers()
      const inline = makeInlineJobs(yield* nodeDisk)
      for (
        const merge of yield* Arbitrary.sampleEffect(mergeCaseArbitrary, { count: 10, size: 100, seed: "workers" })
      ) {
        const runs = yield* Effect.forEach([jobs, inline], (runner) =>
          Effect.gen(function*() {
            const directory = yield* temporaryDirectory
            const tables = yield* runner.merge(yield* prepareMerge(yield* nodeDisk, directory, merge))
            return { tables, content: contentOf(directory) }
          }))
        assert.deepStrictEqual(runs[0], runs[1])
      }
    }))

  it.live("I15: fails with the error that the thread met, as an error of that class", () =>
    Effect.gen(function*() {
      const { jobs, restarts } = yield* startWorkers()
      const directory = yield* temporaryDirectory
      const job = yield* someMerge(directory)
      const path = job.sources[1]?.[1]?.path ?? ""
      const before = contentOf(directory)

      const sound = readFileSync(path)
      const damaged = Buffer.from(sound)
      damaged[100] = (damaged[100] ?? 0) ^ 1
      writeFileSync(path, damaged)
      const corrupted = yield* Effect.flip(jobs.merge(job))
      assert.isTrue(corrupted instanceof StoreCorrupted && corrupted.file === path)

      unlinkSync(path)
      const missing = yield* Effect.flip(jobs.merge(job))
      assert.isTrue(missing instanceof DiskError && missing.operation === "openRead" && missing.code === "ENOENT")

      writeFileSync(path, sound)
      assert.deepStrictEqual(contentOf(directory), before)
      yield* jobs.merge(job)
      assert.deepStrictEqual(restarts, [])
    }))

  it.live("I26: leaves alone what was there before under a target's name, and tells which of them it has made", () =>
    Effect.gen(function*() {
      const { jobs, restarts } = yield* startWorkers()
      const job = yield* someMerge(yield* temporaryDirectory)
      const path = job.targets[2]?.path ?? ""
      const made = () => job.targets.filter(({ isMade }) => isMade).map(({ file }) => file)
      writeFileSync(path, "another's")
      const before = contentOf(dirname(path))
      const error = yield* Effect.flip(jobs.merge(job))
      assert.isTrue(error instanceof DiskError && error.code === "EEXIST")
      assert.deepStrictEqual(contentOf(dirname(path)), before)
      assert.deepStrictEqual(made(), [])

      unlinkSync(path)
      const tables = yield* jobs.merge(job)
      assert.isBelow(tables.length, job.targets.length)
      assert.deepStrictEqual(made(), tables.map(({ file }) => file))
      assert.deepStrictEqual(restarts, [])
    }))

  it.live("dies of a defect as the event loop would, and serves on", () =>
    Effect.gen(function*() {
      const { jobs, restarts } = yield* startWorkers()
      const job = someFlush(yield* temporaryDirectory)
      const empty = ArenaMemtable.make({ limit: 1 << 20, baseSequence: 1 })
      const exit = yield* Effect.exit(jobs.flush({ ...job, memtable: empty.handle }))
      assert.include(String(exit), "An empty memtable was given to a flush.")
      assert.isTrue(Exit.hasDies(exit))
      yield* jobs.flush(job)
      assert.deepStrictEqual(restarts, [])
    }))

  it.live("starts a thread of low priority when there is a job for it, and ends it with the scope", () =>
    Effect.gen(function*() {
      const flush = yield* someJob("flush")
      const merge = yield* someJob("merge")
      const threads: Array<ReadonlyArray<string>> = []
      const look = Effect.sync(() => threads.push(workerThreads()))
      yield* Effect.scoped(Effect.gen(function*() {
        const { jobs } = yield* startWorkers()
        yield* look
        yield* flush.run(jobs)
        yield* look
        yield* merge.run(jobs)
        yield* look
      }))
      yield* noWorkerThreads
      assert.deepStrictEqual(threads, [[], ["lsm-flush 10"], ["lsm-compaction 19", "lsm-flush 10"]])
    }))

  it("lets the process end while it is idle, and not while it has a job", () => {
    const child = spawnSync(process.execPath, [fileURLToPath(new URL("./leaveProcess.ts", import.meta.url))], {
      encoding: "utf8",
      timeout: 50_000
    })
    assert.deepStrictEqual([child.status, child.stdout, child.stderr], [0, "written\nwritten\nidle\n", ""])
  })
})
