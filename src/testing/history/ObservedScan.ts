/** One run of a scan: what it has shown so far, and whether it kept to its range, its order and its limit. */
import { Exit, Pull } from "effect"
import type { Cause } from "effect"
import type { ScanRange } from "../../engine/ScanRange.ts"
import type { Entry } from "../../Snapshot.ts"
import type { ReadError } from "../../StoreError.ts"
import { findingOf, isWithin, keyOf, shownKey } from "./Content.ts"
import type { Key, KeySpan, SpanEnd } from "./Content.ts"
import type { HistoryLog, Part, Report } from "./HistoryLog.ts"

const spanOf = ({ lower, upper }: ScanRange): KeySpan => {
  const end = (bound: ScanRange["lower"]): SpanEnd | undefined =>
    bound === undefined ? undefined : { key: keyOf(bound.key), inclusive: bound.inclusive }
  return { lower: end(lower), upper: end(upper) }
}

export class ObservedScan {
  readonly #log: HistoryLog
  readonly #report: Report
  readonly #range: ScanRange
  readonly #span: KeySpan
  readonly #begun: number
  readonly #part: Part = { found: new Map(), covered: undefined }
  #isReported = false
  #last: Key | undefined

  constructor(log: HistoryLog, range: ScanRange, report: Report) {
    this.#log = log
    this.#report = report
    this.#range = range
    this.#span = spanOf(range)
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
    const { limit, reverse } = this.#range
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
    if (this.#part.found.size > limit) this.#wrong(`more entries than its limit, ${limit}`)
    if (this.#last === undefined) return
    const here = { key: this.#last, inclusive: true }
    this.#part.covered = reverse ? { ...this.#span, lower: here } : { ...this.#span, upper: here }
  }

  #end(): void {
    if (this.#part.found.size < this.#range.limit) this.#part.covered = this.#span
  }

  #wrong(what: string): void {
    this.#log.problems.push({ invariant: "I8", message: `a scan gave ${what}` })
  }
}
