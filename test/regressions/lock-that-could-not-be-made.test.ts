import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { NodeLsmStore } from "../../src/node/index.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import { smallDisk } from "../process/smallDisk.ts"
import { isDiskError, open } from "../store/storeHelpers.ts"

const opening = (directory: string) => Effect.scoped(open(NodeLsmStore.layer({ directory, workers: 0 })))

describe("A lock that could not be made", () => {
  it.effect("because its path is too long says so, and one that is just short enough is taken", () =>
    Effect.gen(function*() {
      let parent = yield* temporaryDirectory
      while (parent.length < 300) parent += `/${"d".repeat(50)}`
      mkdirSync(parent, { recursive: true })
      const ofLength = (length: number) => `${parent}/${"e".repeat(length - parent.length - 1)}`
      yield* opening(ofLength(499))
      yield* isDiskError(opening(ofLength(500)), "ENAMETOOLONG")
      assert.deepStrictEqual(readdirSync(ofLength(500)), [])
    }))

  it.live("because the disk takes no more files says so", (context) =>
    Effect.gen(function*() {
      const { path } = yield* smallDisk(context, 1024 * 1024, 20)
      mkdirSync(`${path}/store`)
      assert.throws(() => {
        for (let count = 0;; count++) writeFileSync(`${path}/${count}`, "")
      }, /ENOSPC/)
      yield* isDiskError(opening(`${path}/store`), "ENOSPC")
      assert.deepStrictEqual(readdirSync(`${path}/store`), [])
    }))
})
