/**
 * The whole key of each entry of a block that is read forward, put together from
 * what the entry shares with the key at its restart and its own bytes.
 *
 * The shared bytes are already there: within an interval each entry shares no
 * more than the one before it.
 */
import { copyRange } from "../record/Bytes.ts"
import type { Block, EntryReader } from "./Block.ts"

export class KeyAssembler {
  bytes = new Uint8Array(64)
  length = 0
  /** Leading bytes that are those of the key at the restart. */
  #shared = 0

  /** Goes on to the entry behind the last one; false if it cannot follow it. */
  follow(entry: EntryReader, block: Block): boolean {
    const shared = entry.shared
    if (shared > this.#shared && shared !== 0) return false
    const suffixLength = entry.suffixLength
    this.#grow(shared + suffixLength)
    copyRange(block.bytes, entry.suffixOffset, this.bytes, shared, suffixLength)
    this.length = shared + suffixLength
    this.#shared = shared === 0 ? suffixLength : shared
    return true
  }

  #grow(length: number): void {
    if (length <= this.bytes.length) return
    const grown = new Uint8Array(length * 2)
    grown.set(this.bytes)
    this.bytes = grown
  }
}
