/**
 * All versions of all keys of many sources in one order: by key, then sequence
 * descending. A version that several sources have is given once. For flush and
 * compaction; sources are given newest first.
 */
import { RecordKind } from "../record/RecordKind.ts"
import { MoveStatus } from "../record/VersionIterator.ts"
import type { VersionIterator } from "../record/VersionIterator.ts"
import { MergeOrder } from "./MergeOrder.ts"
import { PendingSources } from "./PendingSources.ts"

export class MergingVersions implements VersionIterator {
  valid = false
  keyBuffer: Uint8Array = new Uint8Array(0)
  keyOffset = 0
  keyLength = 0
  kind: RecordKind = RecordKind.put
  sequence = 0
  valueBuffer: Uint8Array = new Uint8Array(0)
  valueOffset = 0
  valueLength = 0

  readonly #sources: ReadonlyArray<VersionIterator>
  readonly #order: MergeOrder
  readonly #pending: PendingSources
  #starting = false

  constructor(sources: ReadonlyArray<VersionIterator>) {
    this.#sources = sources
    this.#order = new MergeOrder(sources.length)
    this.#pending = new PendingSources(sources)
    this.load = this.#pending.load
  }

  readonly load: VersionIterator["load"]

  first(): MoveStatus {
    this.valid = false
    this.#pending.clear()
    this.#starting = true
    const sources = this.#sources
    for (let i = 0; i < sources.length; i++) this.#pending.note(i, sources[i]!.first())
    return this.#settle()
  }

  advance(): MoveStatus {
    if (!this.valid) return MoveStatus.ready
    this.valid = false
    const order = this.#order
    for (let g = 0; g < order.group; g++) {
      const number = order.sources[g]!
      this.#pending.note(number, this.#sources[number]!.advance())
    }
    return this.#settle()
  }

  resume(): MoveStatus {
    if (this.#pending.isEmpty) return MoveStatus.ready
    this.#pending.resume()
    return this.#settle()
  }

  #settle(): MoveStatus {
    if (!this.#pending.isEmpty) return MoveStatus.needsLoad
    const order = this.#order
    if (this.#starting) order.rebuild(this.#sources)
    else order.settle(this.#sources)
    this.#starting = false
    if (order.count === 0) return MoveStatus.ready
    const source = this.#sources[order.sources[0]!]!
    this.keyBuffer = source.keyBuffer
    this.keyOffset = source.keyOffset
    this.keyLength = source.keyLength
    this.kind = source.kind
    this.sequence = source.sequence
    this.valueBuffer = source.valueBuffer
    this.valueOffset = source.valueOffset
    this.valueLength = source.valueLength
    this.valid = true
    return MoveStatus.ready
  }
}
