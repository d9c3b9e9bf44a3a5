/**
 * All versions of all keys of one table in order, for compaction.
 *
 * Reads ahead in pieces of many blocks and bypasses the block cache, which is the
 * readers'. Synchronously only under the `"sync"` policy, that is in a worker.
 */
import * as Effect from "effect/Effect"
import { RecordKind } from "../record/RecordKind.ts"
import { MoveStatus } from "../record/VersionIterator.ts"
import type { VersionIterator } from "../record/VersionIterator.ts"
import type { TableError } from "../StoreError.ts"
import { EntryReader } from "./Block.ts"
import type { Block } from "./Block.ts"
import { KeyAssembler } from "./KeyAssembler.ts"
import type { TableReader } from "./TableReader.ts"

const readAhead = 256 * 1024
/** Memory for decompressed blocks; larger ones have their own. */
const payloadSize = 64 * 1024

export class TableVersions implements VersionIterator {
  valid = false
  keyBuffer: Uint8Array
  readonly keyOffset = 0
  keyLength = 0
  kind: RecordKind = RecordKind.put
  sequence = 0
  valueBuffer: Uint8Array = new Uint8Array(0)
  valueOffset = 0
  valueLength = 0

  readonly #table: TableReader
  readonly #entry = new EntryReader()
  readonly #key = new KeyAssembler()
  /** The block being walked, its number, and the next entry in it. */
  #block: Block | undefined
  #number = -1
  #next = 0
  /** The blocks `from` up to `to` as they are in the file. */
  #piece: Uint8Array | undefined
  /** Holds one piece after the other where they are read at once. */
  #buffer: Uint8Array | undefined
  /** Holds one decompressed block after the other. */
  #payload: Uint8Array | undefined
  #from = 0
  #to = 0
  #waiting = false

  constructor(table: TableReader) {
    this.#table = table
    this.keyBuffer = this.#key.bytes
  }

  first(): MoveStatus {
    this.valid = false
    this.#block = undefined
    this.#number = -1
    return this.#step()
  }

  advance(): MoveStatus {
    if (!this.valid) return MoveStatus.ready
    this.valid = false
    return this.#step()
  }

  readonly load: Effect.Effect<void, TableError> = Effect.suspend(() => {
    if (!this.#waiting) return Effect.void
    const from = this.#number + 1
    const to = this.#pieceEnd(from)
    return Effect.map(this.#table.loadPiece(from, to), (piece) => {
      this.#keep(piece, from, to)
    })
  })

  resume(): MoveStatus {
    if (!this.#waiting) return MoveStatus.ready
    return this.#step()
  }

  #step(): MoveStatus {
    this.#waiting = false
    let block = this.#block
    if (block === undefined || this.#next >= block.entriesEnd) {
      const number = this.#number + 1
      if (number >= this.#table.index.count) return this.#finish()
      const bytes = this.#bytesOf(number)
      if (bytes === undefined) {
        this.#waiting = true
        return MoveStatus.needsLoad
      }
      block = this.#table.decode(bytes, number, this.#payload ??= new Uint8Array(payloadSize))
      this.#block = block
      this.#number = number
      this.#next = 0
    }
    const entry = this.#entry
    const key = this.#key
    if (!entry.read(block, this.#next) || !key.follow(entry, block)) throw this.#table.corrupted(this.#number)
    this.#next = entry.next
    this.keyBuffer = key.bytes
    this.keyLength = key.length
    this.kind = entry.kind
    this.sequence = entry.sequence(block)
    this.valueBuffer = block.bytes
    this.valueOffset = entry.valueOffset
    this.valueLength = entry.valueLength
    this.valid = true
    return MoveStatus.ready
  }

  #finish(): MoveStatus {
    this.#block = undefined
    this.#piece = undefined
    this.#buffer = undefined
    this.#payload = undefined
    return MoveStatus.ready
  }

  #bytesOf(number: number): Uint8Array | undefined {
    const index = this.#table.index
    if (this.#piece === undefined || number < this.#from || number >= this.#to) {
      if (!this.#table.policy.synchronousBulk) return undefined
      const to = this.#pieceEnd(number)
      const into = this.#buffer ??= new Uint8Array(readAhead)
      this.#keep(this.#table.readNow(number, to, into), number, to)
    }
    const start = index.extent(this.#from, number)
    return this.#piece?.subarray(start, start + index.extent(number, number + 1))
  }

  #keep(piece: Uint8Array, from: number, to: number): void {
    this.#piece = piece
    this.#from = from
    this.#to = to
  }

  /** As many blocks as fit into one piece, but at least one. */
  #pieceEnd(from: number): number {
    const index = this.#table.index
    let to = from + 1
    while (to < index.count && index.extent(from, to + 1) <= readAhead) to++
    return to
  }
}
