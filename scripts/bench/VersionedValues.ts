/**
 * Values that tell which record and which version of it they are, and whether
 * a store gave back what was written. Version 0 is what each record has before.
 *
 * A value begins with its record, its version and the number of its pattern, and
 * goes on with that pattern. Writers stamp the patterns themselves, which costs
 * less than a copy: each put in flight has patterns of its own.
 */
import { makeValues } from "./records.ts"
import type { ValueOf } from "./records.ts"

const stampLength = 12

export class VersionedValues {
  readonly #values = makeValues()
  readonly #views = this.#values.map((value) => new DataView(value.buffer, value.byteOffset, value.byteLength))
  /** What a record has in version 0. */
  readonly #first: ValueOf
  /** Two for each record, side by side: its last version that was begun, and the last acknowledged. */
  readonly #versions: Uint32Array
  readonly #patternsEach: number

  constructor(records: number, inFlight: number, first: ValueOf) {
    this.#first = first
    this.#patternsEach = Math.floor(this.#values.length / inFlight)
    this.#versions = new Uint32Array(records * 2)
  }

  /** The value of a record's next version. REQUIRES that its last one was acknowledged, and the last put of the place. */
  begin(record: number, place: number): Uint8Array {
    const pattern = place * this.#patternsEach + record % this.#patternsEach
    const version = this.#versions[record * 2]! + 1
    this.#versions[record * 2] = version
    const view = this.#views[pattern]!
    view.setUint32(0, record)
    view.setUint32(4, version)
    view.setUint32(8, pattern)
    return this.#values[pattern]!
  }

  acknowledge(record: number): void {
    this.#versions[record * 2 + 1] = this.#versions[record * 2]!
  }

  /** The version that a read that begins now must find, or a later one. */
  acknowledged(record: number): number {
    return this.#versions[record * 2 + 1]!
  }

  /** Whether it is a version of the record that was begun, at or after `version`, and whole. */
  isRight(record: number, version: number, found: Uint8Array | undefined): boolean {
    if (found === undefined) return false
    if (version === 0 && Buffer.compare(found, this.#first(record)) === 0) return true
    const view = new DataView(found.buffer, found.byteOffset, found.byteLength)
    if (found.length < stampLength || view.getUint32(0) !== record) return false
    const foundVersion = view.getUint32(4)
    if (foundVersion < version || foundVersion > this.#versions[record * 2]!) return false
    const pattern = this.#values[view.getUint32(8)]
    if (pattern === undefined || pattern.length !== found.length) return false
    for (let i = stampLength; i < pattern.length; i++) {
      if (found[i] !== pattern[i]) return false
    }
    return true
  }
}
