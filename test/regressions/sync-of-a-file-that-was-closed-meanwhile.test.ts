/**
 * A sync that gave way to other fibers on its way to the thread pool used the
 * descriptor without holding it: a close in that moment did not wait for it,
 * and when the sync ended, the number was closed again, which was another
 * file's by then.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Scheduler } from "effect/Scheduler"
import { closeSync, fstatSync, openSync } from "node:fs"
import { setTimeout } from "node:timers/promises"
import { NodeAppendFile } from "../../src/disk/NodeAppendFile.ts"
import { SyncPolicy } from "../../src/disk/SyncPolicy.ts"
import { pattern } from "../disk/diskHelpers.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"

/** Milliseconds in which the thread pool has closed a file. */
const soon = 20

/** Gives way after each step of a fiber, and goes on when it is told to. */
const stepwise = () => {
  const tasks: Array<() => void> = []
  const scheduler: Scheduler = {
    executionMode: "async",
    shouldYield: (fiber) => fiber.currentOpCount > 2,
    makeDispatcher: () => ({ scheduleTask: (task) => void tasks.push(task), flush: () => {} })
  }
  return { scheduler, step: () => tasks.shift()?.() }
}

/** Begins a sync, closes the file after so many of its steps, and opens another one, which gets the number if that is free. */
const closeAfter = async (steps: number, directory: string): Promise<void> => {
  const path = `${directory}/${steps}`
  const file = new NodeAppendFile(path, openSync(path, "w"), 0, new SyncPolicy())
  await Effect.runPromise(file.append([pattern(100)]))
  const { scheduler, step } = stepwise()
  const syncing = Effect.runFork(file.sync, { scheduler })
  for (let i = 0; i < steps; i++) step()
  const closing = Effect.runFork(file.close)
  await setTimeout(soon)
  const other = openSync(`${path}-other`, "w")
  while (syncing.pollUnsafe() === undefined || closing.pollUnsafe() === undefined) {
    step()
    await setTimeout(1)
  }
  await setTimeout(soon)
  assert.isDefined(fstatSync(other))
  closeSync(other)
}

describe("NodeAppendFile", () => {
  it.live("is closed once, and not before its sync has ended, whenever it is told to close", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      for (let steps = 0; steps < 12; steps++) yield* Effect.promise(() => closeAfter(steps, directory))
    }))
})
