/**
 * A tree of tables in memory, which flushes and carries out what `planMerge`
 * plans: what is kept and where a table ends the engine's own rules say. It
 * remembers every version ever written, and so knows what any read must answer.
 */
import { levelCount } from "../../src/Compaction.ts"
import type { TreeShape } from "../../src/Compaction.ts"
import type { MergePlan } from "../../src/engine/CompactionPlan.ts"
import { compareBytes } from "../../src/record/Bytes.ts"
import { RecordKind } from "../../src/record/RecordKind.ts"
import { OutputEnd } from "../../src/table/OutputEnd.ts"
import type { TableMeta } from "../../src/table/TableMeta.ts"
import { VersionRetention } from "../../src/table/VersionRetention.ts"

export interface Version {
  readonly key: number
  readonly sequence: number
  readonly isDelete: boolean
}

interface ModelTable {
  readonly meta: TableMeta
  /** Keys ascending, the newest version of each first. */
  readonly versions: ReadonlyArray<Version>
}

export const keyOf = (key: number): Uint8Array => Uint8Array.of(key >>> 8, key & 0xff)

const inOrder = (a: Version, b: Version): number => a.key - b.key || b.sequence - a.sequence

const entrySize = 10

export class LevelModel {
  #levels: Array<Array<ModelTable>> = Array.from({ length: levelCount }, () => [])
  readonly #written = new Map<number, Array<Version>>()
  readonly #pinned = new Set<number>()
  #sequence = 0
  #file = 0
  moves = 0
  merges = 0
  splits = 0

  /** The number that the next table will have. */
  get nextTable(): number {
    return this.#file + 1
  }

  get sequence(): number {
    return this.#sequence
  }

  get shape(): TreeShape {
    return { levels: this.#levels.map((tables) => tables.map(({ meta }) => meta)), memtableSize: 64 * 1024 }
  }

  /** Every version there is, where it lies. */
  get placed(): ReadonlyArray<Version & { readonly level: number }> {
    return this.#levels.flatMap((tables, level) =>
      tables.flatMap(({ versions }) => versions.map((version) => ({ ...version, level })))
    )
  }

  get keys(): ReadonlyArray<number> {
    return [...this.#written.keys()]
  }

  /** Pins the newest sequence, or lets go of the oldest pin. */
  togglePin(): void {
    const [oldest] = this.#pinned
    if (this.#pinned.size < 3 && !this.#pinned.has(this.#sequence)) this.#pinned.add(this.#sequence)
    else if (oldest !== undefined) this.#pinned.delete(oldest)
  }

  unpinAll(): void {
    this.#pinned.clear()
  }

  /** One table of level 0 with these changes: a negative number deletes the key `-1 - number`. */
  flush(changes: ReadonlyArray<number>): void {
    const versions: Array<Version> = []
    for (const change of changes) {
      const version = {
        key: change < 0 ? -1 - change : change,
        sequence: ++this.#sequence,
        isDelete: change < 0
      }
      versions.push(version)
      const written = this.#written.get(version.key)
      if (written === undefined) this.#written.set(version.key, [version])
      else written.push(version)
    }
    const kept = this.#retain(versions.sort(inOrder), undefined)
    if (kept.length > 0) this.#levels[0]!.unshift(this.#table(kept, 0))
  }

  carryOut(plan: MergePlan): void {
    const { below, largestOverlap, outputLevel, sources, tableSize } = plan
    const taken = new Set(sources.flat())
    const inputs = this.#levels.flat().filter(({ meta }) => taken.has(meta))
    const place = this.#levels[0]!.findIndex(({ meta }) => taken.has(meta))
    this.#levels = this.#levels.map((tables) => tables.filter(({ meta }) => !taken.has(meta)))
    let added: Array<ModelTable>
    if (plan.isMove) {
      this.moves++
      added = inputs.map(({ meta, versions }) => ({ meta: { ...meta, level: outputLevel }, versions }))
    } else {
      this.merges++
      const end = new OutputEnd({ below, largestOverlap, tableSize })
      const versions = inputs.flatMap((table) => table.versions).sort(inOrder)
      const parts: Array<Array<Version>> = []
      for (const version of this.#retain(versions, plan.older)) {
        const before = parts.at(-1)
        const key = keyOf(version.key)
        const isNewKey = before?.at(-1)?.key !== version.key
        const ends = isNewKey && end.isBefore(key, 0, key.length, (before?.length ?? 0) * entrySize)
        if (before === undefined || ends) parts.push([version])
        else before.push(version)
      }
      if (parts.length > 1) this.splits++
      added = parts.map((part) => this.#table(part, outputLevel))
    }
    if (outputLevel === 0) {
      this.#levels[0]!.splice(place, 0, ...added)
    } else {
      this.#levels[outputLevel]!.push(...added)
      this.#levels[outputLevel]!.sort((a, b) => compareBytes(a.meta.smallestKey, b.meta.smallestKey))
    }
  }

  /** What is wrong: with the shape (I11), with the order of versions, or with what any reader would find (I8, I9). */
  problems(): ReadonlyArray<string> {
    const problems: Array<string> = []
    for (const [level, tables] of this.#levels.entries()) {
      for (const [at, { meta }] of tables.entries()) {
        const before = tables[at - 1]?.meta
        if (meta.level !== level) problems.push(`table ${meta.file} says it is in level ${meta.level}, not ${level}`)
        if (level > 0 && before !== undefined && compareBytes(before.largestKey, meta.smallestKey) >= 0) {
          problems.push(`tables ${before.file} and ${meta.file} overlap in level ${level}`)
        }
      }
    }
    for (const [key, written] of this.#written) {
      const found = this.#levels.flat().flatMap(({ versions }) => versions.filter((version) => version.key === key))
      for (const [at, { sequence }] of found.entries()) {
        if (at > 0 && sequence >= found[at - 1]!.sequence) problems.push(`key ${key}: an older version lies above`)
      }
      for (const pinned of [...this.#pinned, this.#sequence]) {
        const expected = valueAt(written.toReversed(), pinned)
        const read = valueAt(found, pinned)
        if (read !== expected) problems.push(`key ${key} at ${pinned} reads ${read}, not ${expected}`)
      }
    }
    return problems
  }

  #retain(versions: ReadonlyArray<Version>, older: MergePlan["older"] | undefined): Array<Version> {
    const retention = new VersionRetention([...this.#pinned].sort((a, b) => a - b), older)
    return versions.filter(({ isDelete, key, sequence }) => {
      const bytes = keyOf(key)
      return retention.keep(bytes, 0, bytes.length, sequence, isDelete ? RecordKind.delete : RecordKind.put)
    })
  }

  #table(versions: ReadonlyArray<Version>, level: number): ModelTable {
    const sequences = versions.map(({ sequence }) => sequence)
    return {
      versions,
      meta: {
        file: ++this.#file,
        generation: 1,
        level,
        size: versions.length * entrySize,
        footerChecksum: 0,
        entries: versions.length,
        tombstones: versions.filter(({ isDelete }) => isDelete).length,
        shadowed: versions.length - new Set(versions.map(({ key }) => key)).size,
        smallestKey: keyOf(versions[0]!.key),
        largestKey: keyOf(versions.at(-1)!.key),
        smallestSequence: Math.min(...sequences),
        largestSequence: Math.max(...sequences)
      }
    }
  }
}

/** What a reader at a sequence finds who takes the first version that it sees: its sequence, if it is a value. */
const valueAt = (versions: ReadonlyArray<Version>, pinned: number): number | undefined => {
  const found = versions.find(({ sequence }) => sequence <= pinned)
  return found === undefined || found.isDelete ? undefined : found.sequence
}
