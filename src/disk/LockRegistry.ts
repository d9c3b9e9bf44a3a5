/** Who holds what in one process: one exclusive holder, or any number of shared ones. Never waits. */
export type LockMode = "exclusive" | "shared"

export class LockRegistry<Key> {
  /** Shared holders by what they hold; 0 stands for an exclusive one. */
  readonly #holders: Map<Key, number>

  /** Registries over one map are one. */
  constructor(holders = new Map<Key, number>()) {
    this.#holders = holders
  }

  /** Whether it is the caller's now; if so, `release` it once. */
  acquire(key: Key, mode: LockMode): boolean {
    const holders = this.#holders.get(key)
    if (holders === undefined) {
      this.#holders.set(key, mode === "exclusive" ? 0 : 1)
      return true
    }
    if (mode === "exclusive" || holders === 0) return false
    this.#holders.set(key, holders + 1)
    return true
  }

  release(key: Key): void {
    const holders = this.#holders.get(key)
    if (holders !== undefined && holders > 1) this.#holders.set(key, holders - 1)
    else this.#holders.delete(key)
  }
}
