/**
 * The event log of the store's structure: its events, and the fold that makes
 * the present structure of them.
 *
 * The manifest names the segments as well as the tables, so that a segment that
 * is missing is damage and one that is left over is an orphan (I11).
 */
import { Schema } from "effect"
import { levelCount } from "../compaction/Strategy.ts"
import type { SegmentSalt } from "../log/SegmentFormat.ts"
import { compareBytes } from "../record/Bytes.ts"

const Table = Schema.Struct({
  file: Schema.Natural,
  level: Schema.Natural,
  size: Schema.Natural,
  footerChecksum: Schema.Natural,
  entries: Schema.Natural,
  tombstones: Schema.Natural,
  shadowed: Schema.Natural,
  smallestKey: Schema.Uint8ArrayFromBase64,
  largestKey: Schema.Uint8ArrayFromBase64,
  smallestSequence: Schema.Natural,
  largestSequence: Schema.Natural
})

/** By it a segment is told from one of another store, or of another life of this one, under its name. */
const Salt = Schema.Struct({ low: Schema.Natural, high: Schema.Natural })

export const ManifestEvent = Schema.Union([
  /** The whole structure: the first event of every manifest, and of no other place. */
  Schema.TaggedStruct("Snapshot", {
    tables: Schema.Array(Table),
    /** Live segments, oldest first. */
    segments: Schema.Array(Schema.Natural),
    /** Theirs, in the same order. Absent if there are none, and in manifests that did not keep them. */
    salts: Schema.optionalKey(Schema.Array(Salt)),
    /** Segments numbered below are retired; one that is still there is an orphan. */
    firstSegment: Schema.Natural,
    nextTable: Schema.Natural,
    /** Every sequence in the tables, and every one that recovery discarded, is at or below it. */
    lastSequence: Schema.Natural
  }),
  /** The segment exists durably; it may take records from now on. */
  Schema.TaggedStruct("SegmentCreated", { segment: Schema.Natural, salt: Schema.optionalKey(Salt) }),
  /** All records of the segment are in the table, or in none if there were none worth keeping. */
  Schema.TaggedStruct("MemtableFlushed", {
    segment: Schema.Natural,
    table: Schema.optionalKey(Table),
    lastSequence: Schema.Natural
  }),
  /** The content of the removed tables is in the added ones. */
  Schema.TaggedStruct("TablesCompacted", { removed: Schema.Array(Schema.Natural), added: Schema.Array(Table) }),
  /** The tables are gone with all that was in them. */
  Schema.TaggedStruct("TablesDropped", { removed: Schema.Array(Schema.Natural) }),
  /** The log was synced up to this position and no write came after it. */
  Schema.TaggedStruct("CleanlyClosed", {
    segment: Schema.Natural,
    offset: Schema.Natural
  })
])
export type ManifestEvent = typeof ManifestEvent.Type
export type ManifestSnapshot = Extract<ManifestEvent, { readonly _tag: "Snapshot" }>
type TableEntry = ManifestSnapshot["tables"][number]

/** The fold of the events. */
export interface ManifestState {
  /** Level by level; level 0 newest first, the others in key order and disjoint. */
  readonly tables: ReadonlyArray<TableEntry>
  /** Live segments, oldest first. */
  readonly segments: ReadonlyArray<number>
  /** Of the live segments, as far as they are known. */
  readonly salts: ReadonlyMap<number, SegmentSalt>
  readonly firstSegment: number
  readonly nextTable: number
  readonly lastSequence: number
  /** Set once the log was closed in order: no write follows in this manifest, though a flush or a merge may. */
  readonly closed?: { readonly segment: number; readonly offset: number } | undefined
}

const inOrder = (a: TableEntry, b: TableEntry): number =>
  a.level - b.level
  || (a.level === 0 ? b.largestSequence - a.largestSequence : compareBytes(a.smallestKey, b.smallestKey))

/** The tables in their order, or what is wrong with them (I11). */
const arrange = (tables: ReadonlyArray<TableEntry>): ReadonlyArray<TableEntry> | string => {
  const arranged = [...tables].sort(inOrder)
  const files = new Set<number>()
  for (const [at, table] of arranged.entries()) {
    if (files.size === files.add(table.file).size) return `table ${table.file} is named twice`
    if (table.level >= levelCount) return `table ${table.file} is in level ${table.level}, which does not exist`
    if (compareBytes(table.smallestKey, table.largestKey) > 0) return `the keys of table ${table.file} are out of order`
    const before = arranged[at - 1]
    if (
      before !== undefined && table.level > 0 && before.level === table.level
      && compareBytes(before.largestKey, table.smallestKey) >= 0
    ) return `tables ${before.file} and ${table.file} overlap in level ${table.level}`
  }
  return arranged
}

const nextAfter = (next: number, tables: ReadonlyArray<TableEntry>): number =>
  tables.reduce((highest, table) => Math.max(highest, table.file + 1), next)

/** The structure after `event`, or a string that says why the event can't follow. */
export const applyEvent = (state: ManifestState | undefined, event: ManifestEvent): ManifestState | string => {
  if (state === undefined) {
    if (event._tag !== "Snapshot") return `the first event is ${event._tag}, not Snapshot`
    const tables = arrange(event.tables)
    if (typeof tables === "string") return tables
    return {
      tables,
      segments: [...event.segments],
      salts: new Map(event.salts?.map((salt, at) => [event.segments[at] ?? 0, salt])),
      firstSegment: event.firstSegment,
      nextTable: nextAfter(event.nextTable, event.tables),
      lastSequence: event.lastSequence
    }
  }
  switch (event._tag) {
    case "Snapshot":
      return "a Snapshot follows other events"
    case "SegmentCreated": {
      const next = state.firstSegment + state.segments.length
      if (event.segment !== next) return `segment ${event.segment} was created where ${next} is next`
      const salts = event.salt === undefined ? state.salts : new Map(state.salts).set(event.segment, event.salt)
      return { ...state, segments: [...state.segments, event.segment], salts }
    }
    case "MemtableFlushed": {
      if (state.segments[0] !== event.segment) return `segment ${event.segment} was flushed out of order`
      const tables = event.table === undefined ? state.tables : arrange([event.table, ...state.tables])
      if (typeof tables === "string") return tables
      const salts = new Map(state.salts)
      salts.delete(event.segment)
      return {
        ...state,
        tables,
        segments: state.segments.slice(1),
        salts,
        firstSegment: event.segment + 1,
        nextTable: nextAfter(state.nextTable, tables),
        lastSequence: Math.max(state.lastSequence, event.lastSequence)
      }
    }
    case "TablesCompacted": {
      const removed = new Set(event.removed)
      const kept = state.tables.filter((table) => !removed.has(table.file))
      if (kept.length + removed.size !== state.tables.length) return "a table that is not there was compacted"
      const tables = arrange([...event.added, ...kept])
      if (typeof tables === "string") return tables
      return { ...state, tables, nextTable: nextAfter(state.nextTable, tables) }
    }
    case "TablesDropped": {
      const removed = new Set(event.removed)
      const tables = state.tables.filter((table) => !removed.has(table.file))
      if (tables.length + removed.size !== state.tables.length) return "a table that is not there was dropped"
      return { ...state, tables }
    }
    case "CleanlyClosed":
      return {
        ...state,
        closed: { segment: event.segment, offset: event.offset }
      }
  }
}

/** The one event that stands for the whole structure. */
export const snapshotOf = (state: ManifestState): ManifestSnapshot => {
  const salts = state.segments.flatMap((segment) => state.salts.get(segment) ?? [])
  const areKnown = salts.length > 0 && salts.length === state.segments.length
  return {
    _tag: "Snapshot",
    tables: state.tables,
    segments: state.segments,
    ...areKnown && { salts },
    firstSegment: state.firstSegment,
    nextTable: state.nextTable,
    lastSequence: state.lastSequence
  }
}
