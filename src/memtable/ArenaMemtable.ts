/**
 * One memtable: an ordered index from keys to their versions in one arena,
 * which other threads may read once it takes no more inserts. An adaptive radix
 * tree; its order holds after every insert, and a lookup allocates nothing.
 *
 * A version above the visible sequence may already be here: every read names
 * the sequence it reads at, and a key without a version at or below it is
 * absent (I1, I3, I8). Size is exact to the byte (I13).
 *
 * Inserts come from one thread, and never between the begin and the end of a
 * read: all calls here are synchronous. Deciding which memtable is read or
 * written is not done here.
 */
import { compareRanges } from "../record/Bytes.ts"
import type { RecordKind } from "../record/RecordKind.ts"
import {
  alignArena,
  Arena,
  firstWord,
  headerWords,
  keysWord,
  lastWord,
  maxArenaBytes,
  recordsWord,
  rootWord
} from "./Arena.ts"
import { MemtableCursor } from "./MemtableCursor.ts"
import { MemtableVersions } from "./MemtableVersions.ts"
import {
  addChild,
  childLinkOf,
  depthOf,
  isLeaf,
  makeNode4,
  nodeBytesPerKey,
  terminalLinkOf,
  terminalOf
} from "./RadixNodes.ts"
import * as Layout from "./RecordLayout.ts"

/** What another thread needs to read a memtable. It stays right while records are inserted. */
export interface MemtableHandle {
  readonly buffer: SharedArrayBuffer
  readonly limit: number
}

export interface MemtableOptions {
  /** Bytes from which on the memtable is full. */
  readonly limit: number
  /** At or below every sequence to come, and less than 2^32 below the last. */
  readonly baseSequence: number
  /** What must fit into the new memtable, for a batch that an empty ordinary one has no room for. */
  readonly reserve?: { readonly records: number; readonly bytes: number }
}

const maxDistance = 0xffff_ffff

/**
 * Address space for a given limit: as long as the memtable is not full, a
 * record of the limit's size fits. The records below the limit take at least 20
 * bytes each, so that `fits` puts them and their nodes at less than three times
 * the limit.
 */
const ordinaryBytes = (limit: number): number => limit * 4 + 0x10_0000

/** Bytes that suffice for `records` further records above `keys` keys whose records end at `recordBytes`. */
const sufficientBytes = (recordBytes: number, keys: number, records: number, encodedBytes: number): number =>
  recordBytes + encodedBytes + records * Layout.recordOverheadBytes + (keys + records) * nodeBytesPerKey

export class ArenaMemtable {
  readonly handle: MemtableHandle
  readonly limit: number
  /** The arena's memory, into which offsets of keys and values point. */
  readonly bytes: Uint8Array
  readonly #arena: Arena
  readonly #words: Uint32Array
  #baseSequence: number

  private constructor(arena: Arena, limit: number) {
    this.handle = { buffer: arena.buffer, limit }
    this.limit = limit
    this.bytes = arena.bytes
    this.#arena = arena
    this.#words = arena.words
    this.#baseSequence = arena.baseSequence
  }

  /** Throws a RangeError if the memory cannot be had. */
  static make(options: MemtableOptions): ArenaMemtable {
    const { limit, reserve } = options
    const reserved = reserve === undefined ? 0 : sufficientBytes(headerWords * 4, 0, reserve.records, reserve.bytes)
    const size = alignArena(Math.max(ordinaryBytes(limit), reserved))
    if (!(size <= maxArenaBytes)) throw new RangeError(`A memtable cannot take ${size} bytes.`)
    const arena = new Arena(new SharedArrayBuffer(size))
    arena.reset(options.baseSequence)
    return new ArenaMemtable(arena, limit)
  }

  /** Another thread's view of a memtable, to be read only. */
  static attach(handle: MemtableHandle): ArenaMemtable {
    return new ArenaMemtable(new Arena(handle.buffer), handle.limit)
  }

  /** Empties the memtable for a new life. No cursor, version reference or attached view of the old one may be used after. */
  reset(baseSequence: number): void {
    this.#arena.reset(baseSequence)
    this.#baseSequence = baseSequence
  }

  /** Whether so many records with so many encoded bytes can be inserted, whatever their keys. */
  fits(records: number, encodedBytes: number): boolean {
    const words = this.#words
    return sufficientBytes(this.#arena.recordBytes, words[keysWord]!, records, encodedBytes) <= words.length * 4
      && words[recordsWord]! + records <= maxDistance
  }

  /** Bytes in use, index included; nodes freed by growth count until the memtable is reset. */
  get usedBytes(): number {
    return this.#arena.usedBytes
  }

  /** The part of `usedBytes` that freed nodes hold for the nodes to come. */
  get freeBytes(): number {
    return this.#arena.freeBytes
  }

  get isFull(): boolean {
    return this.#arena.usedBytes >= this.limit
  }

  /** Records, that is versions of all keys. */
  get count(): number {
    return this.#words[recordsWord]!
  }

  get keyCount(): number {
    return this.#words[keysWord]!
  }

  get isEmpty(): boolean {
    return this.count === 0
  }

  get baseSequence(): number {
    return this.#baseSequence
  }

  /** Sequence of the first record; without meaning while there is none. */
  get firstSequence(): number {
    return this.#baseSequence + this.#words[firstWord]!
  }

  /** Sequence of the last record; without meaning while there is none. */
  get lastSequence(): number {
    return this.#baseSequence + this.#words[lastWord]!
  }

  /**
   * Inserts one record and copies its bytes. Sequences rise from call to call.
   * Ask `fits` before: an arena without room is a RangeError here, and so is a
   * sequence out of order or out of range. A refused record changes nothing
   * that can be read.
   */
  insert(
    kind: RecordKind,
    source: Uint8Array,
    keyOffset: number,
    keyLength: number,
    valueOffset: number,
    valueLength: number,
    sequence: number
  ): void {
    const words = this.#words
    const distance = sequence - this.#baseSequence
    const records = words[recordsWord]!
    if (distance > maxDistance || distance < 0 || (records !== 0 && distance <= words[lastWord]!)) {
      throw new RangeError(`Sequence ${sequence} does not follow ${this.lastSequence} in this memtable.`)
    }
    const link = this.#place(source, keyOffset, keyLength, kind, distance, valueOffset, valueLength)
    if (link === 0) words[keysWord] = words[keysWord]! + 1
    else this.#addVersion(words[link]!, kind, source, valueOffset, valueLength, distance)
    words[recordsWord] = records + 1
    words[lastWord] = distance
    if (records === 0) words[firstWord] = distance
  }

  /** Adds a leaf for the key and its first version, or returns the link to the leaf that the key already has. */
  #place(
    source: Uint8Array,
    keyOffset: number,
    keyLength: number,
    kind: RecordKind,
    distance: number,
    valueOffset: number,
    valueLength: number
  ): number {
    const words = this.#words
    const bytes = this.bytes
    let link = rootWord
    let agreed = 0
    for (;;) {
      const ref = words[link]!
      if (ref === 0) {
        // Only the root and a terminal are followed before it is known that they lead anywhere.
        words[link] = this.#addLeaf(kind, source, keyOffset, keyLength, valueOffset, valueLength, distance)
        return 0
      }
      const header = words[ref]!
      const leaf = isLeaf(header) ? ref : words[ref + 2]!
      const depth = depthOf(header)
      const shared = depth < keyLength ? depth : keyLength
      if (agreed < shared) {
        const leafKey = Layout.keyOffsetOf(leaf)
        while (agreed < shared && bytes[leafKey + agreed] === source[keyOffset + agreed]) agreed++
      }
      if (isLeaf(header)) {
        if (agreed === keyLength && agreed === depth) return link
      } else if (agreed === depth) {
        if (agreed === keyLength) {
          link = terminalLinkOf(ref)
        } else {
          const byte = source[keyOffset + agreed]!
          const next = childLinkOf(words, bytes, ref, header, byte)
          if (next === 0) {
            const added = this.#addLeaf(kind, source, keyOffset, keyLength, valueOffset, valueLength, distance)
            addChild(this.#arena, link, ref, byte, added)
            return 0
          }
          agreed++
          link = next
        }
        continue
      }
      const added = this.#addLeaf(kind, source, keyOffset, keyLength, valueOffset, valueLength, distance)
      this.#fork(link, ref, leaf, agreed, source, keyOffset, keyLength, added)
      return 0
    }
  }

  /** Puts a node that branches at `depth` where `ref` is linked, above `ref` and the added leaf. */
  #fork(
    link: number,
    ref: number,
    someLeaf: number,
    depth: number,
    source: Uint8Array,
    keyOffset: number,
    keyLength: number,
    added: number
  ): void {
    const arena = this.#arena
    const words = this.#words
    const endsHere = Layout.keyLengthOf(words, someLeaf) === depth
    const terminal = endsHere ? ref : keyLength === depth ? added : 0
    const node = makeNode4(arena, depth, terminal, someLeaf)
    if (!endsHere) addChild(arena, 0, node, this.bytes[Layout.keyOffsetOf(someLeaf) + depth]!, ref)
    if (keyLength !== depth) addChild(arena, 0, node, source[keyOffset + depth]!, added)
    words[link] = node
  }

  #addLeaf(
    kind: RecordKind,
    source: Uint8Array,
    keyOffset: number,
    keyLength: number,
    valueOffset: number,
    valueLength: number,
    distance: number
  ): number {
    const arena = this.#arena
    const words = this.#words
    const leaf = arena.allocateRecord(Layout.leafHeaderBytes + keyLength + valueLength)
    Layout.writeLeafHeader(words, leaf, keyLength, distance, kind, valueLength)
    const target = Layout.keyOffsetOf(leaf)
    if (valueOffset === keyOffset + keyLength) {
      arena.copyIn(source, keyOffset, target, keyLength + valueLength)
    } else {
      arena.copyIn(source, keyOffset, target, keyLength)
      arena.copyIn(source, valueOffset, target + keyLength, valueLength)
    }
    return leaf
  }

  #addVersion(
    leaf: number,
    kind: RecordKind,
    source: Uint8Array,
    valueOffset: number,
    valueLength: number,
    distance: number
  ): void {
    const version = this.#arena.allocateRecord(Layout.versionHeaderBytes + valueLength)
    this.#arena.copyIn(source, valueOffset, version * 4 + Layout.versionHeaderBytes, valueLength)
    Layout.writeVersionHeader(this.#words, version, leaf, distance, kind, valueLength)
  }

  /** Reference of the newest version of a key at or below `sequence`, or 0. It stays valid until `reset`. */
  find(key: Uint8Array, sequence: number): number {
    const words = this.#words
    const bytes = this.bytes
    const keyLength = key.length
    let ref = words[rootWord]!
    if (ref === 0) return 0
    let header = words[ref]!
    while (!isLeaf(header)) {
      const depth = depthOf(header)
      if (depth < keyLength) {
        const link = childLinkOf(words, bytes, ref, header, key[depth]!)
        if (link === 0) return 0
        ref = words[link]!
      } else {
        if (depth > keyLength) return 0
        ref = terminalOf(words, ref)
        if (ref === 0) return 0
      }
      header = words[ref]!
    }
    // Skipped bytes were not compared on the way: the leaf's key decides.
    if (compareRanges(bytes, Layout.keyOffsetOf(ref), depthOf(header), key, 0, keyLength) !== 0) return 0
    return Layout.versionAt(words, Layout.newestOf(words, ref), sequence - this.#baseSequence)
  }

  kindOf(version: number): RecordKind {
    return Layout.kindOf(this.#words, version)
  }

  sequenceOf(version: number): number {
    return this.#baseSequence + this.#words[version]!
  }

  valueOffsetOf(version: number): number {
    return Layout.valueOffsetOf(this.#words, version)
  }

  valueLengthOf(version: number): number {
    return Layout.valueLengthOf(this.#words, version)
  }

  /** A cursor that stays right while records are inserted between its moves. */
  cursor(): MemtableCursor {
    return new MemtableCursor(this.#words, this.bytes, this.#baseSequence)
  }

  /** All keys with all their versions; nothing may be inserted while it is used. */
  versions(): MemtableVersions {
    return new MemtableVersions(this.#words, this.bytes, this.#baseSequence)
  }
}
