/**
 * Copies of ranges that mostly come one after another from one array into
 * another, which is worth a view of each: 100 bytes are then copied in 14 ns
 * instead of 48 to 80. For an array seen once it is not.
 *
 * It holds on to the arrays that it has views of, until `forget`.
 */
import { copyRange, noBytes } from "./Bytes.ts"

/** From this length on the runtime's own copy beats a loop. */
const nativeCopyLength = 512

const noView: DataView = new DataView(new ArrayBuffer(0))

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export class RangeCopier {
  readonly #largestViewed: number
  /** The source of the last copy that had no view. */
  #seen: Uint8Array = noBytes
  #source: Uint8Array = noBytes
  #sourceView = noView
  #target: Uint8Array = noBytes
  #targetView = noView

  /** Sources of more than `largestViewed` bytes get no view, so that it does not hold on to them. */
  constructor(largestViewed = Number.POSITIVE_INFINITY) {
    this.#largestViewed = largestViewed
  }

  /** Copies a range; the ranges must not overlap in one buffer. */
  copy(source: Uint8Array, offset: number, target: Uint8Array, targetOffset: number, length: number): void {
    if (source !== this.#source || length >= nativeCopyLength) {
      return this.#copyUnviewed(source, offset, target, targetOffset, length)
    }
    if (target !== this.#target) {
      this.#target = target
      this.#targetView = viewOf(target)
    }
    const from = this.#sourceView
    const to = this.#targetView
    const end = offset + length
    let at = offset
    let put = targetOffset
    for (; at + 16 <= end; at += 16, put += 16) {
      to.setUint32(put, from.getUint32(at, true), true)
      to.setUint32(put + 4, from.getUint32(at + 4, true), true)
      to.setUint32(put + 8, from.getUint32(at + 8, true), true)
      to.setUint32(put + 12, from.getUint32(at + 12, true), true)
    }
    while (at < end) target[put++] = source[at++]!
  }

  #copyUnviewed(source: Uint8Array, offset: number, target: Uint8Array, targetOffset: number, length: number): void {
    copyRange(source, offset, target, targetOffset, length)
    if (length >= nativeCopyLength || source.byteLength > this.#largestViewed) return
    if (source === this.#seen) {
      this.#source = source
      this.#sourceView = viewOf(source)
    }
    this.#seen = source
  }

  /** Lets go of all arrays. */
  forget(): void {
    this.#seen = noBytes
    this.#source = noBytes
    this.#sourceView = noView
    this.#target = noBytes
    this.#targetView = noView
  }
}
