import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as Fs from "node:fs"
import { vi } from "vitest"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { createAppend, openRead, pattern } from "../disk/diskHelpers.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"

/** How many of the next reads a signal interrupts. */
const signals = vi.hoisted(() => ({ coming: 0 }))

vi.mock("node:fs", async (original) => {
  const fs = await original<typeof Fs>()
  const strikes = (): Error | undefined =>
    signals.coming-- > 0 ? Object.assign(new Error("EINTR"), { code: "EINTR" }) : undefined
  const readSync = (file: number, into: Uint8Array, from: number, length: number, position: number): number => {
    const error = strikes()
    if (error !== undefined) throw error
    return fs.readSync(file, into, from, length, position)
  }
  const read = (
    file: number,
    into: Uint8Array,
    from: number,
    length: number,
    position: number,
    done: (error: Error | null, count: number) => void
  ): void => {
    const error = strikes()
    if (error === undefined) fs.read(file, into, from, length, position, done)
    else setImmediate(() => done(error, 0))
  }
  return { ...fs, read, readSync }
})

describe("A read that a signal interrupted", () => {
  it.effect("is begun again", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const path = `${directory}/file`
      const writer = yield* createAppend(path)
      yield* writer.append([pattern(1_000)])
      const file = yield* openRead(path)
      signals.coming = 3
      assert.deepStrictEqual(file.readSync(10, 100), pattern(1_000).subarray(10, 110))
      assert.isBelow(signals.coming, 0)
      signals.coming = 3
      assert.deepStrictEqual(yield* file.read(10, 100), pattern(1_000).subarray(10, 110))
      assert.isBelow(signals.coming, 0)
    }).pipe(Effect.provide(NodeDisk.layer)))
})
