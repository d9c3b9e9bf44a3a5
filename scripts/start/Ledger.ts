/** What has happened to each record so far, as its writers know it. */
import { compareBytes } from "../../src/record/Bytes.ts"
import { cityKey, cityValue } from "./Cities.ts"
import type { Cities } from "./Cities.ts"

const issued = 1
const acknowledged = 2

export class Ledger {
  readonly source: Cities
  readonly #states: Uint8Array
  acknowledged = 0

  constructor(source: Cities) {
    this.source = source
    this.#states = new Uint8Array(source.count)
  }

  markIssued(number: number): void {
    this.#states[number] = issued
  }

  markAcknowledged(number: number): void {
    this.#states[number] = acknowledged
    this.acknowledged++
  }

  isIssued(number: number): boolean {
    return this.#states[number] !== 0
  }

  isAcknowledged(number: number): boolean {
    return this.#states[number] === acknowledged
  }

  /** What is wrong with an answer, given whether the record was acknowledged before the question. */
  problemWith(number: number, wasAcknowledged: boolean, answer: Uint8Array | undefined): string | undefined {
    const name = () => new TextDecoder().decode(cityKey(this.source, number))
    if (answer === undefined) return wasAcknowledged ? `${name()} is acknowledged and not found` : undefined
    if (!this.isIssued(number)) return `${name()} is found before it is written`
    return compareBytes(answer, cityValue(this.source, number)) === 0 ? undefined : `${name()} has another value`
  }
}
