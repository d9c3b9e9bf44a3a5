import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { startChild } from "../../scripts/support/ChildProcess.ts"
import { temporaryDirectory } from "../../scripts/support/temporaryDirectory.ts"

const Report = Schema.fromJsonString(Schema.Struct({
  workloads: Schema.Array(Schema.Struct({
    name: Schema.String,
    stores: Schema.Array(Schema.Struct({
      store: Schema.String,
      runs: Schema.Array(Schema.Record(Schema.String, Schema.Number)),
      failures: Schema.Array(Schema.String),
      absent: Schema.optionalKey(Schema.String)
    }))
  }))
}))

const names = ["fillsync-16", "range-100", "readwhilewriting", "open-killed"]
/** It starts a dozen processes, on a machine that may be busy. */
const timeout = 180_000

describe("npm run bench -- --quick", () => {
  it.live(
    "runs workloads in processes of their own, verifies them, and writes what it found",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        const bench = new URL("../../scripts/bench.ts", import.meta.url)
        const args = ["--quick", "--peers", "big-lock", "--directory", directory, ...names]
        const { code, errors } = yield* (yield* startChild(bench, args)).ended
        assert.strictEqual(code, 0, errors)

        const { workloads } = yield* Schema.decodeEffect(Report)(readFileSync(join(directory, "quick.json"), "utf8"))
        assert.deepStrictEqual(workloads.map(({ name }) => name), names)
        const cells = workloads.flatMap(({ name, stores }) => stores.map((cell) => ({ name, ...cell })))
        for (const { absent, failures, name, runs, store } of cells) {
          assert.deepStrictEqual(failures, [], `${name}, ${store}`)
          if (absent !== undefined) continue
          assert.strictEqual(runs.length, 1, `${name}, ${store}`)
          assert.isAbove(runs[0]!["rate"]!, 0, `${name}, ${store}`)
          assert.isAbove(runs[0]!["verified"]!, 0, `${name}, ${store}`)
        }
        const absent = cells.filter((cell) => cell.absent !== undefined).map(({ name, store }) => `${name} ${store}`)
        assert.deepStrictEqual(absent, ["range-100 big-lock", "open-killed big-lock"])
        assert.match(readFileSync(join(directory, "quick.svg"), "utf8"), /^<svg /)
      })),
    timeout
  )
})
