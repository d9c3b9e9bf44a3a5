/**
 * All versions of all keys of a memtable that takes no more inserts: what flush
 * and recovery read (I2, I9: older versions and tombstones included).
 */
import * as Effect from "effect/Effect"
import { RecordKind } from "../record/RecordKind.ts"
import type { VersionIterator } from "../record/VersionIterator.ts"
import { MoveStatus } from "../record/VersionIterator.ts"
import { MemtableCursor } from "./MemtableCursor.ts"
import * as Layout from "./RecordLayout.ts"

export class MemtableVersions implements VersionIterator {
  valid = false
  readonly keyBuffer: Uint8Array
  keyOffset = 0
  keyLength = 0
  kind: RecordKind = RecordKind.put
  sequence = 0
  readonly valueBuffer: Uint8Array
  valueOffset = 0
  valueLength = 0

  readonly load = Effect.void

  readonly #words: Uint32Array
  readonly #baseSequence: number
  readonly #cursor: MemtableCursor
  #version = 0

  constructor(words: Uint32Array, bytes: Uint8Array, baseSequence: number) {
    this.#words = words
    this.#baseSequence = baseSequence
    this.#cursor = new MemtableCursor(words, bytes, baseSequence)
    this.keyBuffer = bytes
    this.valueBuffer = bytes
  }

  first(): MoveStatus {
    this.#cursor.seekFirst()
    return this.#enterKey()
  }

  advance(): MoveStatus {
    if (!this.valid) return MoveStatus.ready
    const older = Layout.olderOf(this.#words, this.#version)
    if (older !== 0) return this.#show(older)
    this.#cursor.next()
    return this.#enterKey()
  }

  resume(): MoveStatus {
    return MoveStatus.ready
  }

  #enterKey(): MoveStatus {
    const cursor = this.#cursor
    this.valid = cursor.valid
    if (!cursor.valid) return MoveStatus.ready
    this.keyOffset = cursor.keyOffset
    this.keyLength = cursor.keyLength
    return this.#show(Layout.newestOf(this.#words, cursor.leaf))
  }

  #show(version: number): MoveStatus {
    const words = this.#words
    this.#version = version
    this.kind = Layout.kindOf(words, version)
    this.sequence = this.#baseSequence + words[version]!
    this.valueOffset = Layout.valueOffsetOf(words, version)
    this.valueLength = Layout.valueLengthOf(words, version)
    return MoveStatus.ready
  }
}
