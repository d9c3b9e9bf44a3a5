/** Histories made by hand, call by call. */
import { absent, anyValue } from "../../src/testing/history/Content.ts"
import type { Finding, Key, Value } from "../../src/testing/history/Content.ts"
import { HistoryCheck } from "../../src/testing/history/HistoryCheck.ts"
import { HistoryLog } from "../../src/testing/history/HistoryLog.ts"
import type { Observation, Outcome, ReadName, RecordedWrite } from "../../src/testing/history/HistoryLog.ts"
import type { KeySpan } from "../../src/testing/history/KeySpan.ts"
import type { StoreEnd } from "../../src/testing/index.ts"

/** What each key becomes, or is found to be; `null` is no value. */
type Values = { readonly [key: string]: string | null }

const entries = (values: Values): Map<Key, Value> =>
  new Map(Object.entries(values).map(([key, value]) => [key, value ?? absent]))

const present = (values: Values): Map<Key, Value> =>
  new Map([...entries(values)].filter(([, value]) => value !== absent))

interface WriteWords {
  readonly level?: "sync" | "buffered" | "async"
  readonly sequence?: number
}

export class Story {
  readonly log: HistoryLog

  constructor(initial: Values = {}) {
    this.log = new HistoryLog(present(initial))
  }

  /** A write that goes on. */
  begin(values: Values, { level = "sync" }: WriteWords = {}): RecordedWrite {
    return this.log.begin(entries(values), Object.keys(values).length, level)
  }

  end(write: RecordedWrite, outcome: Outcome = "acknowledged", sequence?: number): void {
    this.log.end(write, outcome, sequence)
  }

  /** A write from its beginning to its acknowledgement. */
  write(values: Values, words: WriteWords = {}): RecordedWrite {
    const write = this.begin(values, words)
    this.end(write, "acknowledged", words.sequence)
    return write
  }

  /** A read of keys by name. */
  read(name: ReadName, values: Values, sequence?: number): void {
    this.log.saw(name, this.log.tick(), { found: entries(values), covered: undefined }, sequence)
  }

  has(key: Key, isThere: boolean): void {
    const finding: Finding = isThere ? anyValue : absent
    this.log.saw("has", this.log.tick(), { found: new Map([[key, finding]]), covered: undefined }, undefined)
  }

  /** A scan that has found this, and nothing else, in a stretch of keys. */
  scan(values: Values, covered: KeySpan = {}): void {
    this.log.saw("scan", this.log.tick(), { found: present(values), covered }, undefined)
  }

  snapshot(sequence: number): Observation {
    return this.log.open("snapshot", this.log.tick(), sequence)
  }

  /** A read through a snapshot. */
  through(snapshot: Observation, values: Values): void {
    this.log.sawMore(snapshot, { found: entries(values), covered: undefined })
  }

  /** A sync or a flush. */
  sync(): void {
    const begun = this.log.tick()
    this.log.barriers.push({ begun, ended: this.log.tick() })
  }

  /** The invariants that are broken. */
  get broken(): ReadonlyArray<string> {
    return new HistoryCheck(this.log).problems.map(({ invariant }) => invariant)
  }

  /** The invariants that a content breaks which was found after such an end at that time; now, unless told. */
  after(values: Values, end: StoreEnd, time = this.log.now): ReadonlyArray<string> {
    const problems = new HistoryCheck(this.log).contentProblems(present(values), time, end)
    return [...new Set(problems.map(({ invariant }) => invariant))]
  }
}
