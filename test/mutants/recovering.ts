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
    const fresh = yield* writeManifest(`,
      replace: `
    for (const [name, file] of files) {
      if (file._tag === "Segment") yield* Effect.ignore(disk.remove(\`\${directory.path}/\${name}\`))
    }
    const fresh = yield* writeManifest(`
    }]
  },
  {
    name: "name-of-an-orphan-taken",
    bug: "Recovery gives its tables names that orphans of a crash may have.",
    breaks: ["I16"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Recovery.ts",
      find: "let nextTable = Math.max(state.nextTable, highestNumber(files, \"Table\") + 1)",
      replace: "let nextTable = state.nextTable"
    }]
  },
  {
    name: "old-manifest-kept",
    bug: "Recovery leaves the manifests of earlier openings.",
    breaks: ["I11"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Recovery.ts",
      find: "(file._tag === \"Manifest\" && file.number === writable.manifest.number)",
      replace: "file._tag === \"Manifest\""
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
    name: "replayed-memtables-in-log-order",
    bug: "A store that is opened read-only looks into the oldest of its replayed memtables first.",
    breaks: ["I10", "I1"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Recovery.ts",
      find: "memtables.unshift(index)",
      replace: "memtables.push(index)"
    }]
  }
]
