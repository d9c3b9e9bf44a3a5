/** Whether tables are as the manifest says, and find what they hold (I9, I11). */
import { Cause, Effect, Exit } from "effect"
import { compareBytes } from "../../record/Bytes.ts"
import { BlockCache } from "../../table/BlockCache.ts"
import { ReadPolicy } from "../../table/ReadPolicy.ts"
import type { TableMeta } from "../../table/TableMeta.ts"
import { TableReader } from "../../table/TableReader.ts"
import { keyOf, shownKey } from "../history/Content.ts"
import type { Key } from "../history/Content.ts"
import type { Problem } from "../Problem.ts"
import { fileOfBytes } from "./FileBytes.ts"
import { readVersions } from "./TableEntries.ts"
import type { TableEntry } from "./TableEntries.ts"

/** A table's file. */
export interface TableBytes {
  readonly meta: TableMeta
  readonly bytes: Uint8Array
}

const read = ({ bytes, meta }: TableBytes) =>
  Effect.gen(function*() {
    const file = fileOfBytes(nameOf(meta), bytes)
    const reader = yield* TableReader.open(file, meta, new BlockCache(0), { policy: new ReadPolicy("sync") })
    return { reader, entries: yield* readVersions(reader.versions()) }
  })

const nameOf = ({ file, level }: TableMeta): string => `table ${file} of level ${level}`

/** What is wrong with one table by itself. */
export const entryProblems = (
  meta: TableMeta,
  reader: Pick<TableReader, "mayContain">,
  entries: ReadonlyArray<TableEntry>
): ReadonlyArray<string> => {
  const problems: Array<string> = []
  for (const [at, { key, sequence }] of entries.entries()) {
    const before = entries[at - 1]
    const order = before === undefined ? -1 : compareBytes(before.key, key)
    if (order > 0 || (order === 0 && before !== undefined && before.sequence <= sequence)) {
      problems.push(`is not sorted at ${shownKey(keyOf(key))}`)
    }
    if (order !== 0 && !reader.mayContain(key)) problems.push(`has a filter that denies ${shownKey(keyOf(key))}`)
    if (sequence < meta.smallestSequence || sequence > meta.largestSequence) {
      problems.push(`has sequence ${sequence}, which the manifest leaves out`)
    }
  }
  const [first, last] = [entries[0], entries.at(-1)]
  if (first === undefined || last === undefined) return ["is empty"]
  if (compareBytes(first.key, meta.smallestKey) !== 0 || compareBytes(last.key, meta.largestKey) !== 0) {
    problems.push("does not have the bounds that the manifest says")
  }
  if (entries.length !== meta.entries) {
    problems.push(`has ${entries.length} entries, not the ${meta.entries} that the manifest says`)
  }
  return problems
}

/** Checks the tables in the manifest's order: level 0 newest first, the others in key order. */
export const tableProblems = (tables: ReadonlyArray<TableBytes>): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const ends = new Map<number, Uint8Array>()
  /** For each key the oldest version in what is read before the tables at hand, and where. */
  const oldest = new Map<Key, { readonly sequence: number; readonly meta: TableMeta }>()
  for (const table of tables) {
    const { meta } = table
    const tell = (message: string, invariant = "I11") =>
      void problems.push({ invariant, message: `${nameOf(meta)} ${message}` })
    const exit = Effect.runSyncExit(read(table))
    if (Exit.isFailure(exit)) {
      tell(`can't be read: ${Cause.pretty(exit.cause)}`)
      continue
    }
    const { entries, reader } = exit.value
    for (const problem of entryProblems(meta, reader, entries)) tell(problem)
    const [first, last] = [entries[0], entries.at(-1)]
    if (first === undefined || last === undefined) continue
    const end = ends.get(meta.level)
    if (meta.level > 0 && end !== undefined && compareBytes(end, first.key) >= 0) tell("overlaps the one before it")
    ends.set(meta.level, last.key)
    for (const { key, sequence } of entries) {
      const name = keyOf(key)
      const above = oldest.get(name)
      const isSameTable = above?.meta === meta
      if (above !== undefined && !isSameTable && sequence >= above.sequence) {
        tell(`has a newer version of ${shownKey(name)} than ${nameOf(above.meta)}, which is read before it`, "I9")
      }
      oldest.set(name, { sequence, meta })
    }
  }
  return problems
}
