/** Mutants of reads, scans and snapshots, and of what keeps alive what they read. */
import type { Mutant } from "./Mutant.ts"

export const reading: ReadonlyArray<Mutant> = [
  {
    name: "older-immutables-not-found",
    bug: "Of the memtables that wait for their flush a get looks only into the newest.",
    knownWay: "a frozen memtable that answers \"not found\"",
    breaks: ["I1"],
    shownAs: ["I10"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/PointReads.ts",
      find: "for (const { index } of view.immutables) {",
      replace: "for (const { index } of view.immutables.slice(0, 1)) {"
    }]
  },
  {
    name: "get-looks-below-a-tombstone",
    bug: "A get that finds a tombstone in a table goes on to older tables.",
    knownWay: "treating a null value as \"look further down\"",
    breaks: ["I9"],
    shownAs: ["I3", "I10"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/PointReads.ts",
      find: "if (status === TableStatus.deleted) return Found.absent",
      replace: "if (status === TableStatus.deleted) continue"
    }]
  },
  {
    name: "scan-looks-below-a-tombstone",
    bug: "A scan that finds a tombstone in one source gives the value of an older one.",
    knownWay: "treating a null value as \"look further down\"",
    breaks: ["I9"],
    shownAs: ["I8"],
    seeds: [1, 60],
    edits: [{
      file: "src/table/EntryMerge.ts",
      find: "batch.kinds[batch.at] !== noVersion",
      replace: "batch.kinds[batch.at] === 1"
    }]
  },
  {
    name: "get-many-at-later-sequences",
    bug: "After it has waited for the disk, a getMany reads its next keys as of now.",
    breaks: ["I3", "I8"],
    seeds: [1, 400],
    edits: [{
      file: "src/engine/PointReads.ts",
      find: ": lookup.run(view, key, sequence)",
      replace: ": lookup.run(view, key, options?.snapshot === undefined ? engine.visible : sequence)"
    }]
  },
  {
    name: "scan-at-later-sequences",
    bug: "From its second chunk on a scan reads as of now.",
    breaks: ["I8", "I3"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Scan.ts",
      find: "const sequence = this.#sequence",
      replace: "const sequence = this.#positionLength < 0 ? this.#sequence : this.#engine.visible"
    }]
  },
  {
    name: "snapshot-of-what-is-assigned",
    bug: "A snapshot sees writes that had a sequence and were not visible when it was taken.",
    breaks: ["I8"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/PinnedSnapshot.ts",
      find: "engine.snapshots.pin(engine.visible, ",
      replace: "engine.snapshots.pin(engine.assigned, "
    }]
  },
  {
    name: "scan-pins-nothing",
    bug: "A scan does not pin the sequence that it reads at.",
    breaks: ["I8"],
    seeds: [101, 400],
    edits: [
      {
        file: "src/engine/Scan.ts",
        find: `
        this.#pin = engine.snapshots.pin(
          sequence,
          engine.milliseconds(),
          engine.view.value,
          PinnedSnapshot.isLiveIn(engine, this.#snapshot) ? this.#snapshot.keptView : undefined
        )`,
        replace: ""
      }
    ]
  },
  {
    name: "get-holds-no-view",
    bug: "A read that waits for the disk takes no reference on the view that it reads.",
    breaks: ["I8"],
    shownAs: ["I12", "I16"],
    seeds: [1, 60],
    edits: [
      {
        file: "src/engine/PointReads.ts",
        find: `
      view.retain()`,
        replace: ""
      },
      {
        file: "src/engine/PointReads.ts",
        find: "Effect.sync(() => view.release())",
        replace: "Effect.void"
      }
    ]
  },
  {
    name: "interrupted-scan-keeps-its-view",
    bug: "A scan that is interrupted while it waits for the disk does not let go of its view.",
    breaks: ["I14", "I8"],
    shownAs: ["I13"],
    seeds: [1, 60],
    edits: [
      {
        file: "src/engine/Scan.ts",
        find: `
    return Effect.ensuring(
      restore(`,
        replace: `
    return Effect.tap(
      restore(`
      },
      {
        file: "src/engine/Scan.ts",
        find: "Effect.sync(() => view.release())",
        replace: "() => Effect.sync(() => view.release())"
      }
    ]
  },
  {
    name: "interrupted-scan-keeps-its-pin",
    bug: "A scan that is interrupted right after it has pinned its sequence never unpins it.",
    breaks: ["I14", "I8"],
    shownAs: ["I13"],
    seeds: [1, 400],
    edits: [
      {
        file: "src/engine/Scan.ts",
        find: `
      Scope.addFinalizer(this.#scope, Effect.sync(() => this.#end())),`,
        replace: `
      Effect.void,`
      },
      {
        file: "src/engine/Scan.ts",
        find: `
        this.#sequence = sequence
        return this.pull`,
        replace: `
        this.#sequence = sequence
        return Effect.andThen(Scope.addFinalizer(this.#scope, Effect.sync(() => this.#end())), this.pull)`
      }
    ]
  }
]
