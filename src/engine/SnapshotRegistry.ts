/**
 * The sequences that snapshots and scans pin (I8): flush and compaction keep
 * every version that one of them needs (I9).
 */
interface Pin {
  count: number
  readonly since: number
}

export class SnapshotRegistry {
  readonly #pins = new Map<number, Pin>()
  /** Called when a sequence is pinned no more, if somebody waits for that. */
  onUnpinned: (() => void) | undefined

  pin(sequence: number, now: number): void {
    const pin = this.#pins.get(sequence)
    if (pin === undefined) this.#pins.set(sequence, { count: 1, since: now })
    else pin.count++
  }

  unpin(sequence: number): void {
    const pin = this.#pins.get(sequence)
    if (pin === undefined) return
    pin.count--
    if (pin.count > 0) return
    this.#pins.delete(sequence)
    this.onUnpinned?.()
  }

  get count(): number {
    let total = 0
    for (const pin of this.#pins.values()) total += pin.count
    return total
  }

  /** Pinned sequences, lowest first, each once. */
  sequences(): Array<number> {
    return [...this.#pins.keys()].sort((a, b) => a - b)
  }

  /** True if a record of this sequence is seen by one that is pinned. */
  sees(sequence: number): boolean {
    for (const pinned of this.#pins.keys()) {
      if (pinned >= sequence) return true
    }
    return false
  }

  /** The lowest pinned sequence and since when it is pinned. */
  oldest(): { readonly sequence: number; readonly since: number } | undefined {
    let lowest: { sequence: number; since: number } | undefined
    for (const [sequence, pin] of this.#pins) {
      if (lowest === undefined || sequence < lowest.sequence) lowest = { sequence, since: pin.since }
    }
    return lowest
  }
}
