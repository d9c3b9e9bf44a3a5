/**
 * Tags of a cached block's entries: for each a byte of its key's hash and its
 * place, so that a lookup goes to its entry at once. A search from restart to
 * restart and through an interval touches a dozen cache lines of the block, most
 * of them of values that it passes over, and from a large cache each comes from
 * main memory. With tags it is two stretches: the tags, and the entry.
 *
 * In memory, before the block's payload; nothing of it is in the file:
 *   count        u8      entries, 1 to 96
 *   first key    u8      where in the payload the first entry's key begins
 *   prefix       u8      leading bytes that the keys at all restarts share, if they are more than a few
 *   entries end  u16     as in `Block`
 *   tag          u8*     of each entry
 *   window       4 bytes* of the key at each restart: those that follow the prefix
 *   place        u16*    of each entry in the payload
 * The windows tell most lookups that an entry's shared bytes are the key's,
 * without the restart, which is elsewhere in the block. Numbers are little-endian.
 *
 * Made when a block is copied into the cache. A block that is not as
 * `BlockBuilder` makes it, or has so many entries that a search is as quick, gets
 * none: whoever goes by tags relies on entries that were read once (I15).
 */
import { copyRange } from "../record/Bytes.ts"
import { Block, EntryReader, restartInterval } from "./Block.ts"
import { KeyAssembler } from "./KeyAssembler.ts"
import { KeyHash } from "./KeyHash.ts"

/** Entries of which each is worth its tag. */
const mostEntries = 96
const largestOffset = 0xffff
const headerSize = 5
const windowSize = 4
/** So few common bytes are not worth a prefix: the windows begin with them. */
const smallestPrefix = 3
const largestPrefix = 0xff

const windowsOf = (entries: number): number => Math.ceil(entries / restartInterval) * windowSize
const bytesFor = (entries: number): number => headerSize + entries * 3 + windowsOf(entries)

/** The most that tags take of a block's memory. */
export const mostTagBytes = bytesFor(mostEntries)

export const tagOf = (hash: KeyHash): number => hash.high & 0xff

const uint16At = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8)

const putUint16 = (bytes: Uint8Array, at: number, value: number): void => {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
}

/** The tags of one block after another. */
export class EntryTags {
  /** Entries of the block; 0 if it gets no tags. */
  count = 0
  readonly #tags = new Uint8Array(mostEntries)
  readonly #offsets = new Uint16Array(mostEntries)
  readonly #restartKeys = new Uint16Array(mostEntries / restartInterval)
  #prefix = 0
  readonly #entry = new EntryReader()
  readonly #key = new KeyAssembler()
  readonly #hash = new KeyHash()

  read(block: Block): void {
    this.count = 0
    if (block.entriesEnd > largestOffset) return
    const entry = this.#entry
    const tags = this.#tags
    const offsets = this.#offsets
    let prefix = largestPrefix
    let count = 0
    for (let at = 0; at < block.entriesEnd; count++) {
      if (count === mostEntries || !entry.read(block, at)) return
      if (count % restartInterval === 0) {
        const restart = count / restartInterval
        if (!this.#isAtRestart(block, restart, at)) return
        this.#restartKeys[restart] = entry.suffixOffset
        prefix = this.#common(block.bytes, entry.suffixOffset, Math.min(prefix, entry.suffixLength))
      }
      if (!this.#key.follow(entry, block)) return
      this.#hash.set(this.#key.bytes, 0, this.#key.length)
      tags[count] = tagOf(this.#hash)
      offsets[count] = at
      at = entry.next
    }
    this.#prefix = prefix < smallestPrefix ? 0 : prefix
    if (Math.ceil(count / restartInterval) === block.restartCount) this.count = count
  }

  #isAtRestart(block: Block, restart: number, at: number): boolean {
    return restart < block.restartCount && block.restart(restart) === at && this.#entry.shared === 0
  }

  /** How many of so many bytes the key at an offset shares with the block's first key. */
  #common(bytes: Uint8Array, keyOffset: number, limit: number): number {
    const first = this.#restartKeys[0]!
    let common = 0
    while (common < limit && bytes[first + common] === bytes[keyOffset + common]) common++
    return common
  }

  /** What the block takes with its tags. */
  sizeWith(block: Block): number {
    return bytesFor(this.count) + block.payloadLength
  }

  /** Writes tags and payload of the block that was read. */
  write(block: Block, memory: Uint8Array, start: number): void {
    const { bytes } = block
    const { count } = this
    const prefix = this.#prefix
    memory[start] = count
    memory[start + 1] = this.#restartKeys[0]!
    memory[start + 2] = prefix
    putUint16(memory, start + 3, block.entriesEnd)
    let at = start + headerSize
    for (let i = 0; i < count; i++) memory[at++] = this.#tags[i]!
    // Where a key ends within its window, what follows it is never compared.
    for (let i = 0; i < block.restartCount; i++, at += windowSize) {
      copyRange(bytes, this.#restartKeys[i]! + prefix, memory, at, windowSize)
    }
    for (let i = 0; i < count; i++, at += 2) putUint16(memory, at, this.#offsets[i]!)
    memory.set(bytes.subarray(0, block.payloadLength), at)
  }
}

/** How many bytes a block and its tags have that begin at `start`. */
export const taggedLength = (memory: Uint8Array, start: number): number => {
  const count = memory[start]!
  return bytesFor(count) + uint16At(memory, start + 3) + Math.ceil(count / restartInterval) * 4 + 4
}

/** The block that a memory begins with the tags of. */
export const taggedBlock = (memory: Uint8Array): Block => {
  const count = memory[0]!
  const payload = memory.subarray(bytesFor(count))
  return Block.verified(payload, uint16At(memory, 3), Math.ceil(count / restartInterval), memory)
}

/** Whether the key's bytes `from` up to `to` are at an offset. */
const isAt = (bytes: Uint8Array, offset: number, key: Uint8Array, from: number, to: number): boolean => {
  const start = offset - from
  for (let i = from; i < to; i++) {
    if (bytes[start + i] !== key[i]) return false
  }
  return true
}

/** Finds entries by their tags; `entry` describes the one last found. */
export class TagSearch {
  readonly entry = new EntryReader()
  readonly #restart = new EntryReader()

  /** Finds the newest version at or below `sequence` of a key in the block whose tags begin at `start`. */
  find(memory: Uint8Array, start: number, key: Uint8Array, tag: number, sequence: number): boolean {
    const tags = start + headerSize
    const end = tags + memory[start]!
    for (let at = tags; at < end; at++) {
      if (memory[at] === tag && this.#isFound(memory, start, at - tags, key, sequence)) return true
    }
    return false
  }

  #isFound(memory: Uint8Array, start: number, index: number, key: Uint8Array, sequence: number): boolean {
    const { entry } = this
    const count = memory[start]!
    const windows = start + headerSize + count
    const places = windows + ((count + restartInterval - 1) >>> 3) * windowSize
    const payload = places + count * 2
    const entriesEnd = payload + uint16At(memory, start + 3)
    if (!entry.readAt(memory, payload + uint16At(memory, places + index * 2), entriesEnd)) return false
    const { shared } = entry
    if (shared + entry.suffixLength !== key.length) return false
    if (!isAt(memory, entry.suffixOffset, key, shared, key.length)) return false
    if (shared > 0) {
      const interval = index >>> 3
      const prefix = memory[start + 2]!
      if (shared > prefix + windowSize) {
        const restart = payload + uint16At(memory, places + interval * restartInterval * 2)
        if (!this.#restart.readAt(memory, restart, entriesEnd)) return false
        if (!isAt(memory, this.#restart.suffixOffset, key, 0, shared)) return false
      } else {
        if (!isAt(memory, payload + memory[start + 1]!, key, 0, shared < prefix ? shared : prefix)) return false
        if (!isAt(memory, windows + interval * windowSize, key, prefix, shared)) return false
      }
    }
    return entry.sequenceIn(memory) <= sequence
  }
}
