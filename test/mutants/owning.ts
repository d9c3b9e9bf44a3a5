/** Mutants of who owns the directory: generations, looks, and what is done with a loss. */
import type { Mutant } from "./Mutant.ts"

export const owning: ReadonlyArray<Mutant> = [
  {
    name: "look-before-the-append",
    bug: "Whether the store is still the owner is looked for before a group is appended, and not after its sync.",
    breaks: ["I26"],
    shownAs: ["I5"],
    seeds: [3251, 3400],
    edits: [
      {
        file: "src/engine/Wal.ts",
        find: "if (records > 0) yield* tail.append(",
        replace: `const early = fence.look()
        if (records > 0) yield* tail.append(`
      },
      {
        file: "src/engine/Wal.ts",
        find: "const lost = isSync ? fence.lookAfterSync() : fence.lookIfDue()",
        replace: "const lost = isSync ? early : fence.lookIfDue()"
      }
    ]
  },
  {
    name: "no-look-for-buffered-writes",
    bug: "Buffered writes are acknowledged without a look at the owner, however long ago the last one was.",
    breaks: ["I26"],
    seeds: [971, 1100],
    edits: [{
      file: "src/engine/Wal.ts",
      find: "const lost = isSync ? fence.lookAfterSync() : fence.lookIfDue()",
      replace: "const lost = isSync ? fence.lookAfterSync() : undefined"
    }]
  },
  {
    name: "segments-named-alike",
    bug: "The name of a segment is that of its number, whoever made it.",
    breaks: ["I26"],
    shownAs: ["I16", "I12", "I5", "I4", "I11", "I15"],
    seeds: [1, 60],
    edits: [{
      file: "src/log/SegmentName.ts",
      find: "`wal-${String(segment).padStart(10, \"0\")}-${generation}.seg`",
      replace: "`wal-${String(segment).padStart(10, \"0\")}-${generation > 0 ? 1 : 0}.seg`"
    }]
  },
  {
    name: "tables-named-alike",
    bug: "The name of a table is that of its number, whoever made it.",
    breaks: ["I26"],
    shownAs: ["I16", "I12", "I5", "I4", "I7", "I11"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/FileNames.ts",
      find: "numbered(\"table-\", \".sst\", number, generation)",
      replace: "numbered(\"table-\", \".sst\", number, generation > 0 ? 1 : 0)"
    }]
  },
  {
    name: "reserved-files-removed",
    bug: "A job that fails removes every file that it had a name for, those that it has not made as well.",
    breaks: ["I26"],
    seeds: [1, 60],
    edits: [{
      file: "src/jobs/removeMade.ts",
      find: "targets.filter(({ isMade }) => isMade)",
      replace: "targets.filter(() => true)"
    }]
  },
  {
    name: "event-without-a-look",
    bug: "A structural event counts although the store has lost its directory by the time it is durable.",
    breaks: ["I26"],
    shownAs: ["I5"],
    seeds: [1, 60],
    edits: [
      {
        file: "src/engine/Manifest.ts",
        find: `
  yield* manifest.file.sync
  yield* fence.check`,
        replace: `
  yield* manifest.file.sync`
      },
      {
        file: "src/engine/Manifest.ts",
        find: `
      yield* fence.check
      begin()`,
        replace: `
      begin()`
      }
    ]
  },
  {
    name: "removal-without-a-look",
    bug: "Files are removed whoever the owner is by now.",
    breaks: ["I26"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Retirement.ts",
      find: "fence === undefined || fence.look() !== undefined",
      replace: "fence === undefined || fence.lost !== undefined"
    }]
  },
  {
    name: "log-read-before-the-takeover",
    bug: "A newcomer removes the owner file of whoever was there before only once it has read the log.",
    breaks: ["I26", "I5"],
    shownAs: ["I4", "I11"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Fence.ts",
      find: "if (file._tag !== \"Owner\" || file.generation >= generation) continue",
      replace: "if (file._tag !== \"Owner\" || file.generation >= generation || generation > 0) continue"
    }]
  }
]
