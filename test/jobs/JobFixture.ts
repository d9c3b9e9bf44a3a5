/** Jobs over tables on a disk of their own: arbitrary ones, and what is left of them afterwards. */
import { Arbitrary, Effect, Schema } from "effect"
import type { Disk } from "../../src/disk/Disk.ts"
import type { JobDisk } from "../../src/disk/JobDisk.ts"
import type { FlushJob, KeyBounds, MergeJob, Run } from "../../src/jobs/Jobs.ts"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import { compareBytes } from "../../src/record/Bytes.ts"
import type { DiskError } from "../../src/StoreError.ts"
import { BlockCache } from "../../src/table/BlockCache.ts"
import { ReadPolicy } from "../../src/table/ReadPolicy.ts"
import type { TableMeta } from "../../src/table/TableMeta.ts"
import { TableReader } from "../../src/table/TableReader.ts"
import { compareEntries, historyArbitrary, readVersions, writeTable } from "../table/TableFixture.ts"
import type { Entry, TableError } from "../table/TableFixture.ts"

/** What a merge is made of: entries in runs, newest run first, and those that lie below. */
export interface MergeCase {
  readonly runs: ReadonlyArray<ReadonlyArray<Entry>>
  readonly older: ReadonlyArray<Entry>
  readonly pinned: ReadonlyArray<number>
  readonly tableSize: number
  readonly targets: number
  readonly keysPerTable: number
}

const small = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

/** A history cut into runs by age; its oldest part lies below the merge. */
export const mergeCaseArbitrary: Arbitrary.Arbitrary<MergeCase> = Arbitrary.map(
  Arbitrary.all({
    history: historyArbitrary,
    runs: small(1, 4),
    hasOlder: Arbitrary.schema(Schema.Literals([true, false])),
    picks: Arbitrary.array(small(0, 150), { maxLength: 5 }),
    tableSize: Arbitrary.schema(Schema.Literals([1, 200, 1_000, 1_000_000])),
    targets: Arbitrary.schema(Schema.Literals([1, 2, 200])),
    keysPerTable: Arbitrary.schema(Schema.Literals([1, 3, 1_000]))
  }),
  ({ hasOlder, history, keysPerTable, picks, runs, tableSize, targets }) => {
    const parts = runs + (hasOlder ? 1 : 0)
    const length = Math.max(1, Math.ceil(history.length / parts))
    const cut = Array.from({ length: parts }, (_, part) => history.slice(part * length, (part + 1) * length))
    const older = hasOlder ? cut.shift() ?? [] : []
    const pins = picks.map((pick) => (history[pick % (history.length + 1)]?.sequence ?? 3) + pick % 3 - 1)
    return {
      runs: cut.reverse().map((entries) => entries.toSorted(compareEntries)),
      older: older.toSorted(compareEntries),
      pinned: [...new Set(pins)].toSorted((a, b) => a - b),
      tableSize,
      targets,
      keysPerTable
    }
  }
)

/** Sorted entries in parts that share no key, of at most so many keys each. */
export const partsOf = (entries: ReadonlyArray<Entry>, keys: number): ReadonlyArray<ReadonlyArray<Entry>> => {
  const parts: Array<Array<Entry>> = []
  let inPart = 0
  for (const [at, entry] of entries.entries()) {
    const before = entries[at - 1]
    const isNewKey = before === undefined || compareBytes(before.key, entry.key) !== 0
    if (isNewKey) inPart = (inPart + 1) % keys
    if (isNewKey && (inPart === 1 || keys === 1)) parts.push([])
    parts.at(-1)?.push(entry)
  }
  return parts
}

export const boundsOf = (entries: ReadonlyArray<Entry>): KeyBounds => ({
  smallestKey: entries[0]?.key ?? new Uint8Array(0),
  largestKey: entries.at(-1)?.key ?? new Uint8Array(0)
})

export const pathOf = (directory: string, file: number): string => `${directory}/${file}.sst`

/** Writes a file as it is. */
export const writeFile = (
  disk: Disk["Service"],
  path: string,
  bytes: Uint8Array
): Effect.Effect<void, DiskError> =>
  Effect.acquireUseRelease(
    disk.createAppend(path),
    (file) => Effect.andThen(file.append([bytes]), file.sync),
    (file) => file.close
  )

/** Writes the sources of a merge, numbered from 1; the targets are numbered from 1,001. */
export const prepareMerge = (
  disk: Disk["Service"],
  directory: string,
  merge: MergeCase
): Effect.Effect<MergeJob, DiskError> =>
  Effect.gen(function*() {
    let file = 0
    const sources: Array<Run> = []
    for (const entries of merge.runs) {
      const run: Array<Run[number]> = []
      for (const part of partsOf(entries, merge.keysPerTable)) {
        file++
        const { bytes, meta } = writeTable(part, { file })
        const path = pathOf(directory, file)
        yield* writeFile(disk, path, bytes)
        run.push({ path, meta })
      }
      sources.push(run)
    }
    return {
      sources,
      targets: Array.from({ length: merge.targets }, (_, target) => ({
        file: 1_001 + target,
        generation: 3,
        path: pathOf(directory, 1_001 + target),
        isMade: false
      })),
      shape: { level: 3, blockSize: 512, filterBitsPerKey: 10, compression: "none", pinned: merge.pinned },
      tableSize: merge.tableSize,
      below: [],
      largestOverlap: Infinity,
      older: partsOf(merge.older, merge.keysPerTable).map(boundsOf)
    }
  })

/** A memtable of the history's records, and its flush into file 1,001. */
export const prepareFlush = (
  directory: string,
  history: ReadonlyArray<Entry>,
  pinned: ReadonlyArray<number> = []
): FlushJob => {
  const memtable = ArenaMemtable.make({ limit: 1 << 20, baseSequence: history[0]?.sequence ?? 1 })
  for (const { key, kind, sequence, value } of history) {
    const record = new Uint8Array(key.length + value.length)
    record.set(key)
    record.set(value, key.length)
    memtable.insert(kind, record, 0, key.length, key.length, value.length, sequence)
  }
  return {
    memtable: memtable.handle,
    target: { file: 1_001, generation: 3, path: pathOf(directory, 1_001), isMade: false },
    shape: { level: 0, blockSize: 512, filterBitsPerKey: 10, compression: "none", pinned }
  }
}

/** All entries of a table on a disk, which the reader verifies. */
export const readTable = (disk: JobDisk, path: string, meta: TableMeta): Effect.Effect<Array<Entry>, TableError> =>
  Effect.acquireUseRelease(
    disk.openRead(path),
    (file) =>
      Effect.flatMap(
        TableReader.open(file, meta, new BlockCache(0), { policy: new ReadPolicy("sync") }),
        (reader) => readVersions(reader.versions())
      ),
    (file) => file.close
  )
