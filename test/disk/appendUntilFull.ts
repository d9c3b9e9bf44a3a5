/** Run with a limit on file sizes: appends 5,000 bytes at a time to a new file until that fails, and reports. */
import { Effect, Result } from "effect"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { createAppend, pattern } from "./diskHelpers.ts"

const path = process.argv[2] ?? ""

const report = await Effect.runPromise(
  Effect.scoped(Effect.gen(function*() {
    const file = yield* createAppend(path, { extendBy: 20_000_000 })
    const codes: Array<string> = []
    let appended = 0
    while (codes.length < 2) {
      const result = yield* Effect.result(file.append([pattern(3_000), pattern(5_000).subarray(3_000)]))
      if (Result.isFailure(result)) codes.push(result.failure.code)
      else appended++
    }
    return { appended, codes }
  })).pipe(Effect.provide(NodeDisk.layer))
)
console.log(JSON.stringify(report))
