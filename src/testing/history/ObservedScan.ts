/** One run of a scan: what it has shown so far, and whether it kept to its range, its order and its limit. */
import { Exit, Pull } from "effect"
import type { Cause } from "effect"
import type { Entry, SnapshotScanOptions } from "../../Snapshot.ts"
import type { ReadError } from "../../StoreError.ts"
import { findingOf, keyOf, shownKey } from "./Content.ts"
import type { Key } from "./Content.ts"
import type { HistoryLog, Part, Report } from "./HistoryLog.ts"
import { isWithin, spanOf } from "./KeySpan.ts"
import type { KeySpan } from "./KeySpan.ts"

export class ObservedScan {
  readonly #log: HistoryLog
  readonly #report: Report
  readonly #isReverse: boolean
  readonly #limit: number
  readonly #span: KeySpan
  readonly #begun: number
  readonly #part: Part = { found: new Map(), covered: undefined }
  #isReported = false
  #last: Key | undefined

  constructor(log: HistoryLog, report: Report, options: SnapshotScanOptions = {}) {
    this.#log = log
    this.#report = report
    this.#isReverse = options.reverse ?? false
    this.#limit = options.limit ?? Number.POSITIVE_INFINITY
    this.#span = spanOf(options)
    this.#begun = log.tick()
  }

  /** Takes down what came of one pull. A scan shows the store as of some time before its first one ended. */
  pulled(exit: Exit.Exit<ReadonlyArray<Entry>, ReadError | Cause.Done>): void {
    if (Exit.isSuccess(exit)) this.#show(exit.value)
    else if (Pull.isDoneCause(exit.cause)) this.#end()
    else return
    this.#log.tick()
    if (!this.#isReported) this.#report(this.#begun, this.#part)
    this.#isReported = true
  }

  #show(entries: ReadonlyArray<Entry>): void {
    const reverse = this.#isReverse
    for (const [keyBytes, value] of entries) {
      const key = keyOf(keyBytes)
      const last = this.#last
      if (last !== undefined && (reverse ? key >= last : key <= last)) {
        this.#wrong(`${shownKey(key)} after ${shownKey(last)}${reverse ? ", in reverse" : ""}`)
      }
      if (!isWithin(this.#span, key)) this.#wrong(`${shownKey(key)}, which is not in its range`)
      this.#part.found.set(key, findingOf(value))
      this.#last = key
    }
    if (this.#part.found.size > this.#limit) this.#wrong(`more entries than its limit, ${this.#limit}`)
    if (this.#last === undefined) return
    this.#part.covered = reverse ? { ...this.#span, gte: this.#last } : { ...this.#span, lte: this.#last }
  }

  #end(): void {
    if (this.#part.found.size < this.#limit) this.#part.covered = this.#span
  }

  #wrong(what: string): void {
    this.#log.problems.push({ invariant: "I8", message: `a scan gave ${what}` })
  }
}
