/** Mutants of rotation, flush, compaction and the manifest: which memtables, segments and tables there are. */
import type { Mutant } from "./Mutant.ts"

export const structure: ReadonlyArray<Mutant> = [
  {
    name: "new-memtable-first",
    bug: "A rotation publishes the new memtable, and in a second step the old one among the immutables.",
    knownWay: "installing the new memtable before the old one is findable",
    breaks: ["I1", "I7"],
    shownAs: ["I8", "I3"],
    seeds: [381, 780],
    edits: [{
      file: "src/engine/RotationCoordinator.ts",
      find:
        "yield* publishView(engine.view, (view) => new ReadView(next, [view.active, ...view.immutables], view.tables))",
      replace: `memtable.retain()
    yield* publishView(engine.view, (view) => new ReadView(next, view.immutables, view.tables))
    yield* publishView(engine.view, (view) => new ReadView(view.active, [memtable, ...view.immutables], view.tables))
    memtable.release()`
    }]
  },
  {
    name: "rotation-among-writers",
    bug: "A rotation closes the gate, but does not wait for the permits that are out.",
    breaks: ["I2", "I1"],
    shownAs: ["I5", "I8", "I3"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/RotationCoordinator.ts",
      find: "Effect.andThen(gate.awaitDrained, swap(memtable, room, segment))",
      replace: "swap(memtable, room, segment)"
    }]
  },
  {
    name: "immutables-without-bound",
    bug: "A rotation does not wait while too many memtables wait for their flush.",
    breaks: ["I13"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/RotationCoordinator.ts",
      find: `
    yield* awaitRoom
    const stopped`,
      replace: `
    const stopped`
    }]
  },
  {
    name: "segment-entry-not-synced",
    bug: "The directory is not synced after a segment was made.",
    knownWay: "forgetting to sync the directory",
    breaks: ["I6", "I5"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Segment.ts",
      find: "Effect.andThen(segment.sync, directory.trySync(mark))",
      replace: "Effect.as(segment.sync, true)"
    }]
  },
  {
    name: "segment-removed-before-the-event",
    bug: "A flush removes the segment before its event is in the manifest.",
    knownWay: "deleting the segment before the manifest is durable",
    breaks: ["I7", "I5"],
    seeds: [1, 60],
    edits: [
      {
        file: "src/engine/Flusher.ts",
        find: `
        yield* memtable.retireSegments
        for (const { path } of segments) yield* retirement.removeFile(path)`,
        replace: ""
      },
      {
        file: "src/engine/Flusher.ts",
        find: `
        yield* newTables.journal(tables, {`,
        replace: `
        yield* memtable.retireSegments
        for (const { path } of segments) yield* retirement.removeFile(path)
        yield* newTables.journal(tables, {`
      }
    ]
  },
  {
    name: "flushed-memtable-gone-first",
    bug: "A flush takes the memtable out of the view, and in a second step puts its table in.",
    breaks: ["I7", "I1"],
    shownAs: ["I8", "I10", "I5"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Flusher.ts",
      find: `
            view.immutables.filter((immutable) => immutable !== memtable),
            view.tables.with(nothing, tables.map((each) => ({ table: each, level: 0 })))
          ))`,
      replace: `
            view.immutables.filter((immutable) => immutable !== memtable),
            view.tables
          ))
        yield* publishView(engine.view, (view) =>
          view.withTables(view.tables.with(nothing, tables.map((each) => ({ table: each, level: 0 })))))`
    }]
  },
  {
    name: "failed-flush-forgotten",
    bug: "A flush that failed is not tried again before the next rotation.",
    breaks: ["I13", "I12"],
    seeds: [1, 400],
    edits: [{
      file: "src/engine/Flusher.ts",
      find: `
        yield* inSpan("flush", { root: true, attributes }, (span) => flush(oldest, span))`,
      replace: `
        const exit = yield* Effect.exit(inSpan("flush", { root: true, attributes }, (span) => flush(oldest, span)))
        if (exit._tag === "Failure") return`
    }]
  },
  {
    name: "same-name-for-a-retried-flush",
    bug: "A flush that is tried again writes to the file name that it had before.",
    breaks: ["I12"],
    seeds: [1, 400],
    edits: [
      {
        file: "src/engine/NewTable.ts",
        find: `
    const pathOf =`,
        replace: `
    let flushName: number | undefined
    const pathOf =`
      },
      {
        file: "src/engine/NewTable.ts",
        find: "const file = manifest.nextTable()",
        replace: "const file = change.removed.length > 0 ? manifest.nextTable() : flushName ??= manifest.nextTable()"
      },
      {
        file: "src/engine/NewTable.ts",
        find: "Effect.andThen(engine.directory.sync(mark), open(metas))",
        replace: `Effect.tap(Effect.andThen(engine.directory.sync(mark), open(metas)), () =>
                Effect.sync(() => {
                  if (change.removed.length === 0) flushName = undefined
                }))`
      }
    ]
  },
  {
    name: "table-entry-not-synced",
    bug: "The directory is not synced before the manifest names a new table.",
    knownWay: "forgetting to sync the directory",
    breaks: ["I7", "I5"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/NewTable.ts",
      find: "Effect.andThen(engine.directory.sync(mark), open(metas))",
      replace: "open(metas)"
    }]
  },
  {
    name: "table-not-synced",
    bug: "A table's file is not synced before the manifest names it.",
    breaks: ["I7", "I5", "I16"],
    seeds: [1, 60],
    edits: [{
      file: "src/jobs/TableWriting.ts",
      find: `
      yield* file.sync`,
      replace: ""
    }]
  },
  {
    name: "manifest-not-synced",
    bug: "An event counts as durable once it is appended to the manifest.",
    breaks: ["I7", "I5"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Manifest.ts",
      find: `
  yield* manifest.file.append([frame])
  yield* manifest.file.sync`,
      replace: `
  yield* manifest.file.append([frame])`
    }]
  },
  {
    name: "merge-published-before-the-event",
    bug: "Readers get the outcome of a merge, and its inputs go, before its event is in the manifest.",
    breaks: ["I7"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Compactor.ts",
      find: `
        yield* newTables.journal(tables, { _tag: "TablesCompacted", removed, added })
        yield* publish(sources, tables.map((table) => ({ table, level })))`,
      replace: `
        yield* publish(sources, tables.map((table) => ({ table, level })))
        yield* newTables.journal(tables, { _tag: "TablesCompacted", removed, added })`
    }]
  },
  {
    name: "moved-table-keeps-its-level",
    bug: "When a table moves to another level the manifest is not told the new one.",
    breaks: ["I10", "I9"],
    shownAs: ["I11"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Compactor.ts",
      find: "added: inputs.map((table) => ({ ...table, level }))",
      replace: "added: inputs"
    }]
  },
  {
    name: "obsolete-file-kept",
    bug: "A table that was merged is closed when nobody reads it, but its file stays.",
    breaks: ["I8", "I11"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Retirement.ts",
      find: `
          if (table.isObsolete)
            yield* removeFile(table.path)`,
      replace: ""
    }]
  },
  {
    name: "defect-ends-an-actor",
    bug: "An actor that meets a defect ends as if it had been interrupted, and nobody is told.",
    knownWay: "a background writer that dies unnoticed while appends go on succeeding",
    breaks: ["I12", "I13"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Actor.ts",
      find: "} else if (Cause.hasInterruptsOnly(exit.cause)) {",
      replace: "} else if (!Cause.hasFails(exit.cause)) {"
    }]
  },
  {
    name: "one-compaction-a-wake-up",
    bug: "The compactor makes one compaction a wake-up, and takes those that come meanwhile for the same.",
    breaks: ["I13"],
    seeds: [1, 60],
    edits: [
      {
        file: "src/engine/Compactor.ts",
        find: `
        isWoken = false
        if (!isBehind)`,
        replace: `
        if (!isBehind)`
      },
      {
        file: "src/engine/Compactor.ts",
        find: "if (!isBehind && request === undefined) return",
        replace: `isWoken = false
          if (request === undefined) return`
      }
    ]
  },
  {
    name: "failed-directory-sync-forgotten",
    bug: "Who syncs the directory does not learn that a sync for somebody else has given its files up.",
    breaks: ["I12", "I6", "I7"],
    seeds: [421, 500],
    edits: [{
      file: "src/engine/SyncedDirectory.ts",
      find: "if (this.#failures > mark) return Effect.succeed(false)",
      replace: ""
    }]
  }
]
