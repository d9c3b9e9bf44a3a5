/**
 * A bank whose total never changes: whoever adds its accounts up, in a scan, by
 * `getMany`, in a snapshot or after a crash, must come to the same (I3, I4). It
 * finds batches that are seen in part, and states that never were.
 */
import { Effect, Stream } from "effect"
import type { Entry, KeyRange, Snapshot } from "../Snapshot.ts"
import type { ReadError } from "../StoreError.ts"
import { WriteBatch } from "../WriteBatch.ts"
import { keyOf, shownKey } from "./history/Content.ts"
import type { Problem } from "./Problem.ts"
import type { SeededRandom } from "./SeededRandom.ts"

/** How large a bank is. */
export interface BankOptions {
  /** What its keys begin with. Default `"bank/"`. */
  readonly prefix?: string
  /** Groups of accounts between which no money moves. Default 4. */
  readonly groups?: number
  /** Accounts of a group, all of which a transfer writes; at least 2. Default 2. */
  readonly accounts?: number
  /** Bytes of a balance, 16 at least. Default 64. */
  readonly valueSize?: number
}

/** What a group holds together. */
const groupTotal = 1_000_000

const text = new TextEncoder()
const decoder = new TextDecoder()

/**
 * The keys, the writes and the audit of a bank. A transfer deals the money of one
 * group out anew, in one batch, and needs to read nothing: so any number of fibers
 * may transfer at once, and one that was interrupted may take effect or not.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { LsmStore } from "effect-lsm"
 * import { Bank, SeededRandom } from "effect-lsm/testing"
 *
 * const bank = new Bank()
 * const random = new SeededRandom(1)
 * const program = Effect.gen(function*() {
 *   const store = yield* LsmStore
 *   yield* store.write(bank.opening())
 *   for (let turn = 0; turn < 10; turn++) yield* store.write(bank.transfer(random))
 *   const sound = yield* bank.audit(store)
 *   for (const account of bank.accounts.slice(0, 1)) yield* store.delete(account)
 *   return [sound.length, (yield* bank.audit(store)).length]
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(LsmStore.layerMemory()))) // => [0, 2]
 * ```
 */
export class Bank {
  readonly accounts: ReadonlyArray<Uint8Array>
  /** The range that holds the accounts, and nothing else. */
  readonly range: KeyRange
  readonly #groups: ReadonlyArray<ReadonlyArray<Uint8Array>>
  readonly #valueSize: number

  constructor(options: BankOptions = {}) {
    const { accounts = 2, groups = 4, prefix = "bank/", valueSize = 64 } = options
    this.#groups = Array.from(
      { length: groups },
      (_, group) => Array.from({ length: accounts }, (__, account) => text.encode(`${prefix}${group}/${account}`))
    )
    this.accounts = this.#groups.flat()
    this.range = { prefix: text.encode(prefix) }
    this.#valueSize = valueSize
  }

  /** The batch that opens all accounts; before it there are none. */
  opening(): WriteBatch {
    const batch = WriteBatch.make()
    for (const group of this.#groups) {
      for (const [at, account] of group.entries()) batch.put(account, this.#balance(at === 0 ? groupTotal : 0))
    }
    return batch
  }

  /** A batch that moves money within one group. */
  transfer(random: SeededRandom): WriteBatch {
    const batch = WriteBatch.make()
    const group = random.pick(this.#groups)
    let left = groupTotal
    for (const [at, account] of group.entries()) {
      const share = at === group.length - 1 ? left : random.int(left + 1)
      batch.put(account, this.#balance(share))
      left -= share
    }
    return batch
  }

  /** What is wrong with these entries, if they are all that there is in `range`: no accounts yet, or all of the money. */
  problems(entries: Iterable<Entry>, invariant = "I3"): ReadonlyArray<Problem> {
    const found = new Map(Array.from(entries, ([key, value]) => [keyOf(key), value]))
    if (found.size === 0) return []
    const problems: Array<Problem> = []
    for (const group of this.#groups) {
      const balances = group.map((account) => found.get(keyOf(account)))
      for (const account of group) found.delete(keyOf(account))
      const total = balances.reduce((sum, value) => sum + (value === undefined ? Number.NaN : balanceIn(value)), 0)
      if (total === groupTotal) continue
      const shown = balances.map((value) => value === undefined ? "none" : balanceIn(value)).join(", ")
      problems.push({ invariant, message: `accounts hold ${shown}, which is not ${groupTotal} in all` })
    }
    for (const key of found.keys()) problems.push({ invariant, message: `${shownKey(key)} is no account` })
    return problems
  }

  /** Adds up, by a scan and by `getMany`, in a store or in a snapshot. */
  audit(reads: Pick<Snapshot, "scan" | "getMany">): Effect.Effect<ReadonlyArray<Problem>, ReadError> {
    return Effect.map(
      Effect.all([Stream.runCollect(reads.scan(this.range)), reads.getMany(this.accounts)]),
      ([scanned, values]) => [...this.problems(scanned), ...this.#valueProblems(values)]
    )
  }

  #valueProblems(values: ReadonlyArray<Uint8Array | undefined>): ReadonlyArray<Problem> {
    const entries: Array<Entry> = []
    for (const [at, account] of this.accounts.entries()) {
      const value = values[at]
      if (value !== undefined) entries.push([account, value])
    }
    return this.problems(entries)
  }

  #balance(amount: number): Uint8Array {
    return text.encode(`${amount};`.padEnd(this.#valueSize, "."))
  }
}

const balanceIn = (value: Uint8Array): number => Number.parseInt(decoder.decode(value.subarray(0, 16)), 10)
