import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { DiskError } from "../../src/StoreError.ts"
import { RunVersions } from "../../src/table/RunVersions.ts"
import type { OpenVersions } from "../../src/table/RunVersions.ts"
import { partsOf } from "../jobs/JobFixture.ts"
import { entriesArbitrary, openTable, put, readings, readVersions, show, writeTable } from "./TableFixture.ts"
import type { ReadOptions, TableError } from "./TableFixture.ts"

/** A run over parts of the entries, and the numbers of its tables as they are opened (+) and closed (-). */
const runOf = (parts: ReadonlyArray<ReadonlyArray<ReturnType<typeof put>>>, options: ReadOptions = {}) => {
  const calls: Array<string> = []
  const tables = parts.map((part, number) =>
    Effect.map(openTable(writeTable(part, { file: number + 1 }), options), (reader): OpenVersions => {
      calls.push(`+${number}`)
      return {
        versions: () => reader.versions(),
        close: Effect.sync(() => {
          calls.push(`-${number}`)
        })
      }
    })
  )
  return { calls, tables }
}

describe("RunVersions", () => {
  for (const { mode, name } of readings.slice(1, 4)) {
    it.effect.prop(
      `I10: gives all entries of all tables in order, ${name}`,
      { entries: entriesArbitrary },
      ({ entries }) =>
        Effect.gen(function*() {
          for (const keys of [1, 4]) {
            const run = new RunVersions(runOf(partsOf(entries, keys), { mode }).tables)
            assert.deepStrictEqual((yield* readVersions(run)).map(show), entries.map(show))
          }
        }),
      { arbitrary: { runs: 40, size: 100 } }
    )
  }

  it.effect("opens a table when it is reached, and closes it when it is passed", () =>
    Effect.gen(function*() {
      const { calls, tables } = runOf([[put("a", 1), put("b", 1)], [put("c", 1)], [put("d", 1)]])
      const run = new RunVersions(tables)
      yield* readVersions(run)
      yield* run.close
      yield* run.close
      assert.deepStrictEqual(calls, ["+0", "-0", "+1", "-1", "+2", "-2"])
    }))

  it.effect("can be walked twice, and left in the middle", () =>
    Effect.gen(function*() {
      const { calls, tables } = runOf([[put("a", 1)], [put("b", 1)]])
      const run = new RunVersions(tables)
      run.first()
      yield* run.load
      assert.deepStrictEqual((yield* readVersions(run)).map(show), (yield* readVersions(run)).map(show))
      yield* run.close
      assert.strictEqual(calls.filter((call) => call.startsWith("+")).length, 5)
      assert.strictEqual(calls.filter((call) => call.startsWith("-")).length, 5)
    }))

  it.effect("has nothing open after a table could not be opened", () =>
    Effect.gen(function*() {
      const { calls, tables } = runOf([[put("a", 1)]])
      const missing: Effect.Effect<OpenVersions, TableError> = Effect.fail(
        new DiskError({ operation: "openRead", path: "b", code: "ENOENT" })
      )
      const error = yield* Effect.flip(readVersions(new RunVersions([...tables, missing])))
      assert.strictEqual(error._tag, "DiskError")
      assert.deepStrictEqual(calls, ["+0", "-0"])
    }))

  it.effect("gives nothing for no tables", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* readVersions(new RunVersions([])), [])
    }))
})
