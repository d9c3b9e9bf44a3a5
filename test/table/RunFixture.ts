/** Contents cut into the tables of a run. */
import { Arbitrary, Effect, Schema } from "effect"
import { compareBytes } from "../../src/record/Bytes.ts"
import { openTable, writeTable } from "./TableFixture.ts"
import type { Entry, ReadOptions } from "./TableFixture.ts"

export const cutsArbitrary = Arbitrary.array(
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 150 }))),
  { maxLength: 8 }
)

/** Cuts sorted entries between keys into the contents of tables, none of them empty. */
export const cut = (entries: ReadonlyArray<Entry>, cuts: ReadonlyArray<number>): Array<ReadonlyArray<Entry>> => {
  const parts: Array<Array<Entry>> = []
  for (const [i, entry] of entries.entries()) {
    const before = entries[i - 1]
    const beginsKey = before === undefined || compareBytes(before.key, entry.key) !== 0
    if (before === undefined || (cuts.includes(i) && beginsKey)) parts.push([])
    parts.at(-1)?.push(entry)
  }
  return parts
}

export const openTables = (
  parts: ReadonlyArray<ReadonlyArray<Entry>>,
  options: ReadOptions & { readonly blockSize?: number } = {}
) =>
  Effect.forEach(
    parts,
    (entries, i) => openTable(writeTable(entries, { file: i + 1, blockSize: options.blockSize ?? 128 }), options)
  )
