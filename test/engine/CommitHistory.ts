/**
 * What was written to a store, when it was acknowledged, and what a recovered
 * store may hold of it.
 *
 * Each write puts a key of its own first and, if it is a batch, another one
 * last, so that it shows whether it is there, whole or in part; between them a
 * batch changes keys that it shares with others.
 */
import type { Durability } from "../../src/index.ts"
import { WriteBatch } from "../../src/index.ts"
import { bytesOf, nameIn, padded } from "./harness.ts"

export interface Write {
  readonly id: number
  readonly level: Durability
  readonly isBatch: boolean
  readonly size: number
  /** Shared keys, and whether the write deletes each. */
  readonly shared: ReadonlyArray<{ readonly key: string; readonly isDelete: boolean }>
  /** How many writes had been acknowledged when it began. */
  readonly acknowledgedBefore: number
  /** Of its last record, once a batch is acknowledged. */
  sequence: number | undefined
}

/** A moment in a history. */
export interface Mark {
  readonly begun: number
  readonly acknowledged: number
  /** So many of the acknowledged writes were made durable by `sync` or `flush`. */
  readonly durable: number
  readonly seen: number
}

export const firstKey = ({ id }: { readonly id: number }): string => `write/${String(id).padStart(5, "0")}/first`
export const lastKey = ({ id }: { readonly id: number }): string => `write/${String(id).padStart(5, "0")}/last`

export const valueOf = (write: Write, key: string): Uint8Array => padded(`${write.id}@${key}`, write.size)

export class CommitHistory {
  readonly writes: Array<Write> = []
  /** In the order in which they were acknowledged. */
  readonly acknowledged: Array<Write> = []
  /** Writes that a reader saw. */
  readonly seen: Array<Write> = []
  #durable = 0

  begin(level: Durability, size: number, shared: Write["shared"] | undefined): Write {
    const write: Write = {
      id: this.writes.length,
      level,
      isBatch: shared !== undefined,
      size,
      shared: shared ?? [],
      acknowledgedBefore: this.acknowledged.length,
      sequence: undefined
    }
    this.writes.push(write)
    return write
  }

  end(write: Write, sequence: number | undefined): void {
    write.sequence = sequence
    this.acknowledged.push(write)
  }

  /** All that was acknowledged at the mark is durable. */
  madeDurable(at: Mark): void {
    this.#durable = Math.max(this.#durable, at.acknowledged)
  }

  mark(): Mark {
    return {
      begun: this.writes.length,
      acknowledged: this.acknowledged.length,
      durable: this.#durable,
      seen: this.seen.length
    }
  }

  /** Takes note of the writes that a reader found. */
  sawKeys(keys: Iterable<string>): void {
    for (const key of keys) {
      const write = /^write\/(\d+)\/first$/.exec(key)
      if (write !== null) this.seen.push(this.writes[Number(write[1])]!)
    }
  }

  /**
   * What is wrong with the content that was recovered, given what was known when
   * the power was cut or the process killed: nothing, if it is the state after a
   * prefix of commit order (I4) that contains all it has to (I5).
   */
  problems(content: ReadonlyMap<string, Uint8Array>, at: Mark, end: "power cut" | "kill"): ReadonlyArray<string> {
    const problems: Array<string> = []
    const acknowledged = this.acknowledged.slice(0, at.acknowledged)
    const isThere = (write: Write): boolean => content.has(firstKey(write))
    const survives = (write: Write): boolean => write.level === "sync" || (write.level === "buffered" && end === "kill")

    // Whole or not at all, and nothing that nobody wrote.
    const present = new Set<Write>()
    const known = new Set<string>()
    for (const write of this.writes) {
      known.add(firstKey(write))
      if (write.isBatch) known.add(lastKey(write))
      if (isThere(write)) present.add(write)
      if (write.isBatch && isThere(write) !== content.has(lastKey(write))) problems.push(`write ${write.id} is torn`)
      if (isThere(write) && write.id >= at.begun) problems.push(`write ${write.id} had not begun`)
    }

    // A prefix: by sequence where it is known, and by time.
    const sequenced = acknowledged.filter((write) => write.sequence !== undefined)
      .sort((a, b) => a.sequence! - b.sequence!)
    const firstMissing = sequenced.findIndex((write) => !present.has(write))
    for (const write of firstMissing < 0 ? [] : sequenced.slice(firstMissing)) {
      if (present.has(write)) {
        problems.push(`write ${write.id} is there and write ${sequenced[firstMissing]!.id}, before it, is not`)
      }
    }
    const required = Math.max(at.durable, ...Array.from(present, (write) => write.acknowledgedBefore), 0)
    for (const write of acknowledged.slice(0, required)) {
      if (!present.has(write)) problems.push(`write ${write.id} came before what is there, or was synced, and is lost`)
    }

    // Everything acknowledged durably, and everything that a reader saw at such a level.
    for (const write of acknowledged) {
      if (survives(write) && !present.has(write)) problems.push(`write ${write.id} at "${write.level}" is lost`)
    }
    for (const write of this.seen.slice(0, at.seen)) {
      if (survives(write) && !present.has(write))
        problems.push(`write ${write.id} was seen at "${write.level}" and is lost`)
    }

    // Each key holds the last write that is there, where the order is known.
    const lastOf = new Map<string, Write>()
    for (const write of sequenced.filter((each) => present.has(each))) {
      for (const { key } of write.shared) lastOf.set(key, write)
    }
    const unordered = [...present].filter((write) => write.isBatch && !sequenced.includes(write))
    const sharedKeys = new Set([...lastOf.keys(), ...unordered.flatMap(({ shared }) => shared.map(({ key }) => key))])
    for (const key of sharedKeys) {
      const candidates = [lastOf.get(key), ...unordered].filter((write) =>
        write?.shared.some((each) => each.key === key)
      )
      const allowed = candidates.map((write) =>
        write!.shared.findLast((each) => each.key === key)!.isDelete ? undefined : `${write!.id}@${key}`
      )
      const found = nameIn(content.get(key))
      if (!allowed.includes(found)) problems.push(`${key} holds ${found}, not ${allowed.join(" or ")}`)
    }

    for (const [key, value] of content) {
      if (!known.has(key) && !sharedKeys.has(key)) problems.push(`${key} is there and nobody wrote it`)
      const write = this.writes[Number.parseInt(nameIn(value) ?? "", 10)]
      if (write === undefined || Buffer.compare(value, valueOf(write, key)) !== 0) {
        problems.push(`${key} holds bytes that nobody wrote`)
      }
    }
    return problems
  }
}

/** The batch of a write. */
export const batchOf = (write: Write): WriteBatch => {
  const batch = WriteBatch.make().put(bytesOf(firstKey(write)), valueOf(write, firstKey(write)))
  for (const { isDelete, key } of write.shared) {
    if (isDelete) batch.delete(bytesOf(key))
    else batch.put(bytesOf(key), valueOf(write, key))
  }
  return batch.put(bytesOf(lastKey(write)), valueOf(write, lastKey(write)))
}
