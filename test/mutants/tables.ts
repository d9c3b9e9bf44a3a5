/** Mutants of tables: which versions are kept, in which tables, and how they are found and verified. */
import type { Mutant } from "./Mutant.ts"

export const tables: ReadonlyArray<Mutant> = [
  {
    name: "flush-drops-tombstones",
    bug: "A flush takes the memtable for all there is, and drops its tombstones.",
    breaks: ["I9", "I10"],
    shownAs: ["I8", "I5"],
    seeds: [1, 60],
    edits: [{
      file: "src/jobs/TableJobs.ts",
      find: "older: undefined",
      replace: "older: []"
    }]
  },
  {
    name: "tombstone-dropped-above-deeper-levels",
    bug: "A merge drops a tombstone if nothing of its key lies in the next level, whatever lies below that.",
    breaks: ["I9"],
    shownAs: ["I10", "I5", "I4", "I8"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/CompactionPlan.ts",
      find: "const older = unionOf(levels.slice(outputLevel + 1).flat().filter((table) => overlaps(table, hull)))",
      replace: "const older = unionOf(below)"
    }]
  },
  {
    name: "tombstone-dropped-under-a-snapshot",
    bug: "A merge drops a tombstone though an older version stays for a snapshot.",
    breaks: ["I9", "I8"],
    shownAs: ["I4"],
    seeds: [1, 60],
    edits: [{
      file: "src/table/VersionRetention.ts",
      find: `
    return (this.#pinned.length > 0 && this.#pinned[0]! < sequence)
      || this.#mayHideOlder(keyBuffer, keyOffset, keyLength)`,
      replace: `
    return this.#mayHideOlder(keyBuffer, keyOffset, keyLength)`
    }]
  },
  {
    name: "version-at-the-pin-dropped",
    bug: "A merge drops the version whose sequence is the very one that a snapshot pins.",
    breaks: ["I8"],
    seeds: [1, 60],
    edits: [{
      file: "src/table/VersionRetention.ts",
      find: "if (pinned[middle]! < from) low = middle + 1",
      replace: "if (pinned[middle]! <= from) low = middle + 1"
    }]
  },
  {
    name: "newer-table-below-an-older-one",
    bug: "A merge takes tables of level 0 down and leaves older ones that overlap them.",
    breaks: ["I9", "I10"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/CompactionPlan.ts",
      find: "if (!chosen.has(table) && (hull === undefined || !overlaps(table, hull))) continue",
      replace: "if (!chosen.has(table)) continue"
    }]
  },
  {
    name: "overlap-in-a-level",
    bug: "A merge takes with it what its newest table overlaps in the output level, and the manifest lets it pass.",
    breaks: ["I11", "I9"],
    shownAs: ["I12"],
    seeds: [1, 60],
    edits: [
      {
        file: "src/engine/CompactionPlan.ts",
        find: "const hull = reaching.length > 0 ? hullOf(reaching) : undefined",
        replace: "const hull = reaching.length > 0 ? hullOf(reaching.slice(0, 1)) : undefined"
      },
      {
        file: "src/engine/ManifestEvent.ts",
        find: "before !== undefined && table.level > 0 && before.level === table.level",
        replace: "before !== undefined && table.level > levelCount"
      }
    ]
  },
  {
    name: "filter-without-the-last-key",
    bug: "The last key of a table is left out of its filter.",
    breaks: ["I11", "I1"],
    seeds: [1, 60],
    edits: [{
      file: "src/table/Filter.ts",
      find: "for (let i = this.#done; i < end; i++) {",
      replace: "for (let i = this.#done; i < end - 1; i++) {"
    }]
  },
  {
    name: "compressed-block-not-verified",
    bug: "The checksum of a block is looked at only if it is not compressed.",
    breaks: ["I15"],
    seeds: [1, 60],
    edits: [{
      file: "src/table/Block.ts",
      find: "if (uint32At(bytes, stored + 1) !==",
      replace: "if (bytes[stored] === CompressionCode.none && uint32At(bytes, stored + 1) !=="
    }]
  },
  {
    name: "merge-leaves-files-open",
    bug: "A merge that fails or is interrupted does not close what it reads.",
    breaks: ["I14", "I12"],
    seeds: [1, 60],
    edits: [{
      file: "src/jobs/TableWriting.ts",
      find: "Effect.ensuring(write, job.closeSource)",
      replace: "Effect.tap(write, () => job.closeSource)"
    }]
  },
  {
    name: "filter-not-verified",
    bug: "The checksum of a table's filter is not looked at.",
    breaks: ["I15"],
    seeds: [81, 400],
    edits: [{
      file: "src/table/TableReader.ts",
      find: "const filterBytes = section(filterOffset, footer.filterLength, footer.filterChecksum)",
      replace: "const filterBytes = bytes.subarray(0, footer.filterLength)"
    }]
  }
]
