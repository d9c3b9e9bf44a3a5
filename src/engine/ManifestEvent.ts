/**
 * The event log of the store's structure: its events, and the fold that makes
 * the present structure of them.
 *
 * The manifest names the segments as well as the tables, so that a segment that
 * is missing is damage and one that is left over is an orphan (I11).
 */
import { Schema } from "effect"
import { levelCount } from "../compaction/Strategy.ts"
import { compareBytes } from "../record/Bytes.ts"

const Table = Schema.Struct({
  file: Schema.Natural,
  generation: Schema.Natural,
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

/** What is known of a segment that a clean close left, and that was kept by the opening after it. */
const KeptSpan = Schema.Struct({
  firstSequence: Schema.Natural,
  lastSequence: Schema.Natural,
  /** Where its log ends in its file: all before is on stable storage, and nothing comes after. */
  end: Schema.Natural
})

const LiveSegment = Schema.Struct({
  segment: Schema.Natural,
  generation: Schema.Natural,
  salt: Salt,
  /** Absent while it takes records, and until a clean close is found. */
  kept: Schema.optionalKey(KeptSpan)
})

export const ManifestEvent = Schema.Union([
  /** The whole structure: the first event of every manifest, and of no other place. */
  Schema.TaggedStruct("Snapshot", {
    /** The generation in which the store was created. */
    origin: Schema.Natural,
    tables: Schema.Array(Table),
    /** Live segments, oldest first. */
    segments: Schema.Array(LiveSegment),
    /** The number of the segment that is made next. */
    nextSegment: Schema.Natural,
    nextTable: Schema.Natural,
    /** Every sequence in the tables, and every one that recovery discarded, is at or below it. */
    lastSequence: Schema.Natural
  }),
  /** The segment exists durably; it may take records from now on. */
  Schema.TaggedStruct("SegmentCreated", { segment: Schema.Natural, generation: Schema.Natural, salt: Salt }),
  /** All records of the segments, the oldest live ones, are in the table, or in none if there were none worth keeping. */
  Schema.TaggedStruct("MemtableFlushed", {
    segments: Schema.Array(Schema.Natural),
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
export type LiveSegment = ManifestSnapshot["segments"][number]

/** The fold of the events. */
export interface ManifestState {
  /** The generation in which the store was created. */
  readonly origin: number
  /** Level by level; level 0 newest first, the others in key order and disjoint. */
  readonly tables: ReadonlyArray<TableEntry>
  /** Live segments, oldest first. */
  readonly segments: ReadonlyArray<LiveSegment>
  readonly nextSegment: number
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

/** What is wrong with segments of a snapshot, or undefined. */
const segmentProblem = (segments: ReadonlyArray<LiveSegment>, next: number): string | undefined => {
  let before = 0
  for (const { segment } of segments) {
    if (segment <= before) return `segment ${segment} is named behind segment ${before}`
    before = segment
  }
  return before < next ? undefined : `segment ${before} is named, and ${next} as the next one`
}

const nextAfter = (next: number, tables: ReadonlyArray<TableEntry>): number =>
  tables.reduce((highest, table) => Math.max(highest, table.file + 1), next)

/** The structure after `event`, or a string that says why the event can't follow. */
export const applyEvent = (state: ManifestState | undefined, event: ManifestEvent): ManifestState | string => {
  if (state === undefined) {
    if (event._tag !== "Snapshot") return `the first event is ${event._tag}, not Snapshot`
    const tables = arrange(event.tables)
    if (typeof tables === "string") return tables
    const problem = segmentProblem(event.segments, event.nextSegment)
    if (problem !== undefined) return problem
    return {
      origin: event.origin,
      tables,
      segments: event.segments,
      nextSegment: event.nextSegment,
      nextTable: nextAfter(event.nextTable, event.tables),
      lastSequence: event.lastSequence
    }
  }
  switch (event._tag) {
    case "Snapshot":
      return "a Snapshot follows other events"
    case "SegmentCreated": {
      const { generation, salt, segment } = event
      if (segment !== state.nextSegment) return `segment ${segment} was created where ${state.nextSegment} is next`
      return {
        ...state,
        segments: [...state.segments, { segment, generation, salt }],
        nextSegment: segment + 1
      }
    }
    case "MemtableFlushed": {
      const count = event.segments.length
      if (count === 0 || !event.segments.every((segment, at) => state.segments[at]?.segment === segment)) {
        return `segments ${event.segments.join(", ")} were flushed out of order`
      }
      const tables = event.table === undefined ? state.tables : arrange([event.table, ...state.tables])
      if (typeof tables === "string") return tables
      return {
        ...state,
        tables,
        segments: state.segments.slice(count),
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
export const snapshotOf = (state: ManifestState): ManifestSnapshot => ({
  _tag: "Snapshot",
  origin: state.origin,
  tables: state.tables,
  segments: state.segments,
  nextSegment: state.nextSegment,
  nextTable: state.nextTable,
  lastSequence: state.lastSequence
})
