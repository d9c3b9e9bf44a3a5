/**
 * First-in, first-out queues of the slots of a `BlockCache`, linked through
 * arrays of numbers: a slot goes to a queue, or out of its middle, without an
 * object of its own and without a search. A slot is in one queue at a time;
 * slot 0 is nobody's and ends each queue.
 */

/** The links of all slots, shared by the queues. */
export class SlotLinks {
  newer = new Int32Array(64)
  older = new Int32Array(64)

  /** Makes room for slots below `slots`. */
  grow(slots: number): void {
    const newer = new Int32Array(slots)
    newer.set(this.newer)
    this.newer = newer
    const older = new Int32Array(slots)
    older.set(this.older)
    this.older = older
  }
}

export class SlotQueue {
  /** Bytes of the slots in it. */
  bytes = 0
  /** The slot that came in first; 0 if the queue is empty. */
  oldest = 0
  #newest = 0
  readonly #links: SlotLinks

  constructor(links: SlotLinks) {
    this.#links = links
  }

  push(slot: number, bytes: number): void {
    const { newer, older } = this.#links
    older[slot] = this.#newest
    newer[slot] = 0
    if (this.#newest === 0) this.oldest = slot
    else newer[this.#newest] = slot
    this.#newest = slot
    this.bytes += bytes
  }

  remove(slot: number, bytes: number): void {
    const { newer, older } = this.#links
    const before = older[slot]!
    const behind = newer[slot]!
    if (before === 0) this.oldest = behind
    else newer[before] = behind
    if (behind === 0) this.#newest = before
    else older[behind] = before
    this.bytes -= bytes
  }
}
