/** Mutants of recovery: replay of the log, and what becomes of the files that were there. */
import type { Mutant } from "./Mutant.ts"

export const recovering: ReadonlyArray<Mutant> = [
  {
    name: "hole-in-the-log",
    bug: "Replay goes on with a segment although the one before it has lost its end.",
    breaks: ["I4"],
    seeds: [1, 60],
    edits: [
      {
        file: "src/log/GroupChain.ts",
        find: `
      if (lost !== undefined) return lost`,
        replace: ""
      },
      {
        file: "src/log/GroupChain.ts",
        find: "header.firstSequence === expected) return undefined",
        replace: "header.firstSequence >= expected) return undefined"
      }
    ]
  },
  {
    name: "group-not-verified",
    bug: "The checksum of a group's records is looked at only if the group is long.",
    breaks: ["I15", "I4"],
    seeds: [1, 60],
    edits: [{
      file: "src/log/SegmentReader.ts",
      find: "if (to === this.#payloadEnd && this.#sum !==",
      replace: "if (to === this.#payloadEnd && !whole && this.#sum !=="
    }]
  },
  {
    name: "lost-end-of-the-log",
    bug: "A log that ends before the place up to which it was synced is taken for whole if no group follows.",
    breaks: ["I15", "I5"],
    seeds: [81, 400],
    edits: [{
      file: "src/log/LogReplay.ts",
      find: "if (last !== undefined && isAfter(evidence.durable, end)) {",
      replace: "if (cut !== undefined && last !== undefined && isAfter(evidence.durable, end)) {"
    }]
  },
  {
    name: "segments-removed-early",
    bug: "Recovery removes the segments that it has replayed before the manifest names what it made of them.",
    breaks: ["I16", "I5"],
    shownAs: ["I7"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Recovery.ts",
      find: `
    const written = yield* writeManifest(`,
      replace: `
    for (const [name, file] of files) {
      if (file._tag === "Segment") yield* Effect.ignore(disk.remove(\`\${directory.path}/\${name}\`))
    }
    const written = yield* writeManifest(`
    }]
  },
  {
    name: "old-manifest-kept",
    bug: "Recovery leaves the manifests of earlier openings.",
    breaks: ["I11"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Recovery.ts",
      find: "if (file._tag === \"Lock\" || file.generation >= generation || named.has(name)) continue",
      replace:
        `if (file._tag === "Lock" || file._tag === "Manifest" || file.generation >= generation || named.has(name)) continue`
    }]
  },
  {
    name: "manifest-entry-not-synced",
    bug: "CURRENT is moved to a manifest whose directory entry is not durable.",
    knownWay: "forgetting to sync the directory",
    breaks: ["I16", "I5"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Manifest.ts",
      find: `
      // The manifest's own entry must be durable before CURRENT names it.
      yield* directory.sync(mark)`,
      replace: ""
    }]
  },
  {
    name: "discarded-sequences-given-again",
    bug: "New sequences start above the last one that was replayed, and not above those that were discarded.",
    breaks: ["I16"],
    seeds: [121, 400],
    edits: [{
      file: "src/log/LogReplay.ts",
      find: "highestSequenceSeen: Math.max(evidence.highestSequence, chain.lastSequence)",
      replace: "highestSequenceSeen: chain.lastSequence"
    }]
  },
  {
    name: "damage-passes-for-the-end-of-a-kept-segment",
    bug: "Of a segment whose end is known what is sound is taken for all, and only a clean close's end is looked for.",
    breaks: ["I15", "I16"],
    shownAs: ["I4", "I5"],
    seeds: [1, 60],
    edits: [
      {
        file: "src/log/LogReplay.ts",
        find: "if (known !== undefined && (offset",
        replace: "if (known !== undefined && known.offset < 0 && (offset"
      },
      {
        file: "src/engine/Replay.ts",
        find: "durable: closed ?? (lastKept && { segment: lastKept.segment, offset: lastKept.kept!.end }),",
        replace: "durable: lastKept === undefined ? closed : undefined,"
      }
    ]
  },
  {
    name: "empty-segment-kept",
    bug: "An empty segment that a clean close has left is kept, and named with no sequences.",
    breaks: ["I16", "I13"],
    shownAs: ["I2", "I11", "I4", "I12"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Replay.ts",
      find: "if (firstSequence === 0) return",
      replace: ""
    }]
  },
  {
    name: "replayed-memtables-in-log-order",
    bug: "A store looks into the oldest of its replayed memtables first.",
    breaks: ["I10", "I1"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Engine.ts",
      find: "memtables.map((memtable) => writable === undefined",
      replace: "memtables.toReversed().map((memtable) => writable === undefined"
    }]
  }
]
