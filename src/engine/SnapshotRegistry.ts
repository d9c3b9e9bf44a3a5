/**
 * The sequences that snapshots and scans pin (I8): flush and compaction keep
 * every version that one of them needs (I9).
 *
 * A drop gives up tables with all that is in them, which no sequence holds back.
 * It looks first that no pin sees them; whoever pins a sequence after that look,
 * and before readers are rid of the tables, keeps the view that it found.
 */
import type { ReadView } from "./ReadView.ts"

interface Sequence {
  count: number
  readonly since: number
}

/** What one snapshot or one scan holds. */
export interface Pin {
  readonly sequence: number
  /** What it reads, whatever is published later; undefined: what is published. */
  readonly view: ReadView | undefined
}

export class SnapshotRegistry {
  readonly #sequences = new Map<number, Sequence>()
  /** Called when a sequence is pinned no more, if somebody waits for that. */
  onUnpinned: (() => void) | undefined
  /** A drop is under way: what is published now is about to lose tables. */
  isDropping = false

  /** Pins a sequence of what is published; `kept` is the view of a snapshot that has kept one. */
  pin(sequence: number, now: number, published: ReadView, kept?: ReadView): Pin {
    const known = this.#sequences.get(sequence)
    if (known === undefined) this.#sequences.set(sequence, { count: 1, since: now })
    else known.count++
    const view = kept ?? (this.isDropping ? published : undefined)
    view?.retain()
    return { sequence, view }
  }

  unpin({ sequence, view }: Pin): void {
    view?.release()
    const known = this.#sequences.get(sequence)
    if (known === undefined) return
    known.count--
    if (known.count > 0) return
    this.#sequences.delete(sequence)
    this.onUnpinned?.()
  }

  get count(): number {
    let total = 0
    for (const { count } of this.#sequences.values()) total += count
    return total
  }

  /** Pinned sequences, lowest first, each once. */
  sequences(): Array<number> {
    return [...this.#sequences.keys()].sort((a, b) => a - b)
  }

  /** True if a record of this sequence is seen by one that is pinned. */
  sees(sequence: number): boolean {
    for (const pinned of this.#sequences.keys()) {
      if (pinned >= sequence) return true
    }
    return false
  }

  /** The lowest pinned sequence and since when it is pinned. */
  oldest(): { readonly sequence: number; readonly since: number } | undefined {
    let lowest: { sequence: number; since: number } | undefined
    for (const [sequence, { since }] of this.#sequences) {
      if (lowest === undefined || sequence < lowest.sequence) lowest = { sequence, since }
    }
    return lowest
  }
}
