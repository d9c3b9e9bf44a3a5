/** One directory, several who want to open it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Scope } from "effect"
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, symlinkSync } from "node:fs"
import { relative } from "node:path"
import { Worker } from "node:worker_threads"
import { StoreLocked } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { openElsewhere } from "../store/otherProcess.ts"
import { bytes, contentOf, failureOf, freshDirectory, open, withStore } from "../store/storeHelpers.ts"

const layer = (directory: string, readOnly = false) => NodeLsmStore.layer({ directory, readOnly, workers: 0 })

const isLocked = (directory: string, readOnly = false) =>
  Effect.map(failureOf(Effect.scoped(open(layer(directory, readOnly)))), (error) => {
    assert.instanceOf(error, StoreLocked)
    return error.holder
  })

interface StoreThread {
  /** `"open"`, or the error's tag. */
  readonly answer: unknown
  /** Lets it close the store and end. */
  readonly finish: Effect.Effect<void>
  /** Ends it with the store open. */
  readonly terminate: Effect.Effect<void>
}

/** A thread of this process that has opened the store, or could not. */
const openInThread = (directory: string, readOnly = false): Effect.Effect<StoreThread, never, Scope.Scope> =>
  Effect.gen(function*() {
    const script = new URL("storeThread.ts", import.meta.url)
    const thread = yield* Effect.acquireRelease(
      Effect.sync(() => new Worker(script, { workerData: { directory, readOnly }, execArgv: [] })),
      (running) => Effect.promise(() => running.terminate())
    )
    const ended = once(thread, "exit")
    const answer = yield* Effect.callback<unknown>((resume) => {
      thread.once("message", (message: unknown) => resume(Effect.succeed(message)))
    })
    return {
      answer,
      finish: Effect.andThen(Effect.sync(() => thread.postMessage("close", [])), Effect.promise(() => ended)),
      terminate: Effect.promise(() => thread.terminate())
    }
  })

describe("a store that is open", () => {
  it.live("is refused to a second layer by whatever path it comes", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      const link = `${directory}-link`
      symlinkSync(directory, link)
      const fromHere = relative(process.cwd(), directory)
      yield* withStore(layer(fromHere), () =>
        Effect.gen(function*() {
          for (const path of [directory, fromHere, `./${fromHere}/`, `${directory}/../store/.`, link, `${link}/`]) {
            assert.strictEqual(yield* isLocked(path), "this process", path)
            assert.strictEqual(yield* isLocked(path, true), "this process", path)
          }
        }))
    }))

  it.live("is refused through another mount of its directory", (context) =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      const elsewhere = `${directory}-mounted`
      mkdirSync(directory)
      mkdirSync(elsewhere)
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          try {
            execFileSync("mount", ["--bind", directory, elsewhere], { stdio: "pipe" })
          } catch (error) {
            context.skip(`a directory can't be mounted here: ${String(error)}`)
          }
        }),
        () => Effect.sync(() => execFileSync("umount", [elsewhere]))
      )
      yield* withStore(layer(directory), () =>
        Effect.gen(function*() {
          assert.strictEqual(yield* isLocked(elsewhere), "this process")
          const { answer } = yield* openElsewhere(elsewhere)
          assert.strictEqual(answer.tag, "StoreLocked")
        }))
    }))
})

describe("a store and the threads of one process", () => {
  it.live("has one writer among them, and one that is refused lets nobody else in", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      yield* withStore(layer(directory), (store) =>
        Effect.gen(function*() {
          for (const readOnly of [false, true]) {
            const { answer, finish } = yield* openInThread(directory, readOnly)
            assert.strictEqual(answer, "StoreLocked")
            yield* finish
          }
          assert.strictEqual((yield* openElsewhere(directory)).answer.tag, "StoreLocked")
          yield* store.put(bytes("here"), bytes("1"))
        }))
      const holder = yield* openInThread(directory)
      assert.strictEqual(holder.answer, "open")
      yield* isLocked(directory)
      yield* isLocked(directory, true)
      assert.strictEqual((yield* openElsewhere(directory)).answer.tag, "StoreLocked")
      yield* holder.finish
      assert.deepStrictEqual(yield* withStore(layer(directory), contentOf), ["here=1", "thread=1"])
    }))

  it.live("has several readers among them, and no writer until all have closed", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      yield* withStore(layer(directory), (store) => store.put(bytes("here"), bytes("1")))
      const reader = yield* openInThread(directory, true)
      assert.strictEqual(reader.answer, "open")
      assert.deepStrictEqual(yield* withStore(layer(directory, true), contentOf), ["here=1"])
      // The reader that closed here has not taken the thread's lock along.
      yield* isLocked(directory)
      assert.strictEqual((yield* openElsewhere(directory)).answer.tag, "StoreLocked")
      yield* reader.finish
      yield* withStore(layer(directory), (store) => store.put(bytes("here"), bytes("2")))
    }))

  it.live("is free when the thread that had it open was terminated, and loses nothing acknowledged", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      const holder = yield* openInThread(directory)
      assert.strictEqual(holder.answer, "open")
      yield* holder.terminate
      assert.deepStrictEqual(yield* withStore(layer(directory), contentOf), ["thread=1"])
    }))
})
