/** A process that has no file descriptor left. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { NodeLsmStore } from "../../src/node/index.ts"
import { bytes, freshDirectory, text, withStore } from "../store/storeHelpers.ts"
import { keyOfTable, onlyWhenAsked, valueOfTable, writeTables } from "./manyTables.ts"

const tables = 40
const script = fileURLToPath(new URL("fewDescriptors.ts", import.meta.url))

const Reads = Schema.Struct({ right: Schema.Number, failures: Schema.Array(Schema.String) })

/** What the process prints. */
const Report = Schema.fromJsonString(Schema.Struct({
  refused: Schema.String,
  leaked: Schema.Number,
  before: Reads,
  during: Reads,
  after: Reads,
  reason: Schema.String,
  readOnly: Schema.Boolean,
  tablesAfter: Schema.Number,
  without: Schema.String
}))

const reasons = {
  0: /^createAppend failed with EMFILE /,
  // Its thread can't be started.
  2: /^worker failed with EDIED /
}

describe("a process with fewer descriptors than the store has tables", () => {
  it.live("I12: gets typed errors while it has none, and goes on when it has some again", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      yield* writeTables(directory, tables)
      for (const [turn, workers] of ([0, 2] as const).entries()) {
        const limited = `ulimit -n 60; exec "$0" "$@"`
        const args = ["-c", limited, process.execPath, script, directory, `${workers}`, `${tables}`]
        const output = execFileSync("sh", args, { encoding: "utf8" })
        const { during, reason, ...rest } = yield* Schema.decodeUnknownEffect(Report)(output)
        const whole = { right: tables, failures: [] }
        assert.deepStrictEqual(rest, {
          refused: "EMFILE",
          leaked: 0,
          before: whole,
          after: whole,
          readOnly: false,
          // To open it again flushed the log.
          tablesAfter: tables + 2 * turn + 1,
          without: "1"
        })
        assert.deepStrictEqual(during.failures, ["EMFILE"])
        assert.match(reason, reasons[workers])

        yield* withStore(NodeLsmStore.layer({ directory, compaction: onlyWhenAsked }), (store) =>
          Effect.gen(function*() {
            for (let table = 0; table < tables; table++) {
              assert.strictEqual(text(yield* store.get(bytes(keyOfTable(table)))), valueOfTable(table))
            }
            for (const key of ["without", "after"]) assert.strictEqual(text(yield* store.get(bytes(key))), "1")
          }))
      }
    }))
})
