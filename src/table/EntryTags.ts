/**
 * Tags of a block's entries: for each a byte of its key's hash and its place, so
 * that a lookup goes to its entry at once. A search from restart to restart and
 * through an interval touches a dozen cache lines of the block, most of them of
 * values that it passes over, and from a large cache each comes from main memory.
 *
 * Made when a block is copied into the cache, in the memory behind it: nothing of
 * it is in the file. A block that is not as `BlockBuilder` makes it, or has so
 * many entries that a search is as quick, gets none.
 */
import { bytesPerTag, EntryReader, restartInterval } from "./Block.ts"
import type { Block, BlockTags } from "./Block.ts"
import { KeyAssembler } from "./KeyAssembler.ts"
import { KeyHash } from "./KeyHash.ts"

/** Entries of which each is worth its tag. */
const mostEntries = 96
const largestOffset = 0xffff

/** The most that tags take of a block's memory. */
export const mostTagBytes = mostEntries * bytesPerTag

export const tagOf = (hash: KeyHash): number => hash.high & 0xff

/** The tags of one block after another. */
export class EntryTags implements BlockTags {
  /** Entries of the block; 0 if it gets no tags. */
  count = 0
  readonly #tags = new Uint8Array(mostEntries)
  readonly #offsets = new Uint16Array(mostEntries)
  readonly #entry = new EntryReader()
  readonly #key = new KeyAssembler()
  readonly #hash = new KeyHash()

  read(block: Block): void {
    this.count = 0
    if (block.entriesEnd > largestOffset) return
    let count = 0
    for (let at = 0; at < block.entriesEnd; count++) {
      if (count === mostEntries || !this.#entry.read(block, at)) return
      const isRestart = count % restartInterval === 0
      if (isRestart && !this.#isAtRestart(block, count / restartInterval, at)) return
      if (!this.#key.follow(this.#entry, block)) return
      this.#hash.set(this.#key.bytes, 0, this.#key.length)
      this.#tags[count] = tagOf(this.#hash)
      this.#offsets[count] = at
      at = this.#entry.next
    }
    if (Math.ceil(count / restartInterval) === block.restartCount) this.count = count
  }

  #isAtRestart(block: Block, restart: number, at: number): boolean {
    return restart < block.restartCount && block.restart(restart) === at && this.#entry.shared === 0
  }

  /** Writes them to where a copy of the block has room for them. */
  write(bytes: Uint8Array, start: number): void {
    const { count } = this
    for (let i = 0; i < count; i++) {
      bytes[start + i] = this.#tags[i]!
      const at = start + count + i * 2
      bytes[at] = this.#offsets[i]!
      bytes[at + 1] = this.#offsets[i]! >>> 8
    }
  }
}
