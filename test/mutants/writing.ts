/** Mutants of what happens to a write: mailbox, log, memtable, acknowledgement. */
import type { Mutant } from "./Mutant.ts"

export const writing: ReadonlyArray<Mutant> = [
  {
    name: "acknowledged-before-visible",
    bug: "A writer is woken before what it wrote is visible.",
    breaks: ["I1"],
    shownAs: ["I3"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Wal.ts",
      find: `
          engine.visible = first + records - 1
          acknowledge(requests, first)`,
      replace: `
          acknowledge(requests, first)
          engine.visible = first + records - 1`
    }]
  },
  {
    name: "visible-before-inserted",
    bug: "The visible sequence rises before the whole group is in the memtable.",
    breaks: ["I3"],
    shownAs: ["I12", "I1"],
    seeds: [601, 800],
    edits: [{
      file: "src/engine/Wal.ts",
      find: `
          if (isSync && syncing === undefined) yield* tail.sync`,
      replace: `
          if (isSync && syncing === undefined) yield* tail.sync
          engine.visible = first + records - 1`
    }]
  },
  {
    name: "visible-before-synced",
    bug: "A group that enters the memtable during its sync is visible before the sync has ended.",
    breaks: ["I12"],
    shownAs: ["I1", "I8", "I3"],
    seeds: [681, 800],
    edits: [{
      file: "src/engine/Wal.ts",
      find: "if (syncing !== undefined) yield* Fiber.join(syncing)",
      replace: `engine.visible = first + records - 1
          if (syncing !== undefined) yield* Fiber.join(syncing)`
    }]
  },
  {
    name: "batch-in-pieces",
    bug: "Each stretch of a batch is a request of its own.",
    breaks: ["I3", "I14"],
    shownAs: ["I4"],
    seeds: [1, 60],
    edits: [
      {
        file: "src/engine/Mailbox.ts",
        find: `import { deleteSize,`,
        replace: `import { RecordReader, deleteSize,`
      },
      {
        file: "src/engine/Mailbox.ts",
        find: "return this.#add(new CommitRequest(this, noBytes, 0, 0, ranges, records, bytes, level, waiter))",
        replace: `
    const reader = new RecordReader()
    for (const range of ranges.slice(0, -1)) {
      let count = 0
      for (let at = range.start; at < range.end; count++) at = reader.read(range.buffer, at, range.end)
      const size = range.end - range.start
      this.#add(new CommitRequest(this, noBytes, 0, 0, [range], count, size, level, undefined))
      records -= count
      bytes -= range.end - range.start
    }
    return this.#add(new CommitRequest(this, noBytes, 0, 0, ranges.slice(-1), records, bytes, level, waiter))`
      }
    ]
  },
  {
    name: "other-order-in-the-log",
    bug: "Within a group, writes that ask for more durability come first in the log, but not in the memtable.",
    knownWay: "log and memtable in different orders for the same key",
    breaks: ["I3", "I10"],
    shownAs: ["I4", "I5"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Wal.ts",
      find: "if (records > 0) yield* tail.append(memtable.segment, ranges, first, records, bytes)",
      replace: `if (records > 0) {
          const urgentFirst = rangesOf([...requests].sort((a, b) => b.level - a.level))
          yield* tail.append(memtable.segment, urgentFirst, first, records, bytes)
        }`
    }]
  },
  {
    name: "buffered-acknowledged-early",
    bug: "A group of buffered writes is acknowledged before its append.",
    breaks: ["I5"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Wal.ts",
      find: "const isEarly = level === levelOf.async && records > 0",
      replace: "const isEarly = level < levelOf.sync && records > 0"
    }]
  },
  {
    name: "level-of-the-last-request",
    bug: "A group is synced only if its last request asks for it.",
    breaks: ["I5"],
    shownAs: ["I4", "I16"],
    seeds: [1, 400],
    edits: [{
      file: "src/engine/Mailbox.ts",
      find: "if (request.level > level) level = request.level",
      replace: "level = request.level"
    }]
  },
  {
    name: "older-segment-left-unsynced",
    bug: "A sync makes the last segment durable, and not the one before it.",
    knownWay: "acknowledging in segment n+1 while n is unsynced",
    breaks: ["I6", "I5"],
    shownAs: ["I16"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/LogTail.ts",
      find: "if (!this.#segment.isDurable) this.#behind.push(this.#segment)",
      replace: ""
    }]
  },
  {
    name: "close-without-sync",
    bug: "A close leaves buffered and async writes unsynced.",
    breaks: ["I5"],
    shownAs: ["I16", "I15"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Wal.ts",
      find: "else if (mailbox.refusal !== undefined) return yield* tail.sync",
      replace: "else if (mailbox.refusal !== undefined) return"
    }]
  },
  {
    name: "sync-retried",
    bug: "A sync of the log that failed is tried again on the same file.",
    knownWay: "retrying fsync after it failed",
    breaks: ["I12", "I5"],
    shownAs: ["I16"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Segment.ts",
      find: "return Effect.onExit(this.writer.file.sync, (exit) => {",
      replace: "return Effect.onExit(Effect.retry(this.writer.file.sync, { times: 1 }), (exit) => {"
    }]
  },
  {
    name: "failed-group-forgotten",
    bug: "A failed append or sync of the log fails its own group, and the next one is written.",
    breaks: ["I12", "I5"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Wal.ts",
      find: "else if (!mailbox.isEmpty) yield* Effect.andThen(pacing.wait, commitNext)",
      replace: `else if (!mailbox.isEmpty) {
            yield* Effect.catch(Effect.andThen(pacing.wait, commitNext), (error) =>
              Effect.sync(() => {
                isCommitting = false
                for (const request of group?.requests ?? []) request.refuse(error)
                group = undefined
              }))
          }`
    }]
  },
  {
    name: "waiting-outside-not-refused",
    bug: "When writes stop, those that wait outside of the mailbox are forgotten.",
    breaks: ["I12", "I13"],
    seeds: [121, 400],
    edits: [{
      file: "src/engine/Mailbox.ts",
      find: "const waiting = [...this.#requests, ...this.#outside]",
      replace: "const waiting = this.#requests"
    }]
  },
  {
    name: "waiting-outside-not-admitted",
    bug: "Whoever waits outside of the mailbox is not let in when it has been emptied.",
    breaks: ["I13"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Mailbox.ts",
      find: `
    this.#admit()
    if (taken.length === 0`,
      replace: `
    if (taken.length === 0`
    }]
  },
  {
    name: "withdrawn-bytes-kept",
    bug: "An interrupted write that was withdrawn goes on counting as queued.",
    breaks: ["I14", "I13"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Mailbox.ts",
      find: `
        this.#queuedBytes -= request.bytes
        continue`,
      replace: `
        continue`
    }]
  },
  {
    name: "memtable-overfilled",
    bug: "A memtable takes what its arena takes, whatever its limit.",
    breaks: ["I13"],
    seeds: [1, 60],
    edits: [{
      file: "src/engine/Mailbox.ts",
      find: "const withinLimit = index.usedBytes + nextBytes <= index.limit || (index.isEmpty && taken.length === 0)",
      replace: "const withinLimit = true"
    }]
  }
]
