/** How often things happened: numbers by group and name, which add up over runs. */
import { Schema } from "effect"

export const CountsJson = Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Number))
export type CountsJson = typeof CountsJson.Type

export class Counts {
  readonly #groups = new Map<string, Map<string, number>>()

  add(group: string, name: string, count = 1): void {
    const names = this.#groups.get(group) ?? new Map<string, number>()
    this.#groups.set(group, names)
    names.set(name, (names.get(name) ?? 0) + count)
  }

  addAll(other: CountsJson): void {
    for (const [group, names] of Object.entries(other)) {
      for (const [name, count] of Object.entries(names)) this.add(group, name, count)
    }
  }

  get(group: string, name: string): number {
    return this.#groups.get(group)?.get(name) ?? 0
  }

  total(group: string): number {
    return this.names(group).reduce((sum, [, count]) => sum + count, 0)
  }

  names(group: string): ReadonlyArray<readonly [name: string, count: number]> {
    return [...this.#groups.get(group) ?? []]
  }

  toJSON(): CountsJson {
    return Object.fromEntries(Array.from(this.#groups, ([group, names]) => [group, Object.fromEntries(names)]))
  }
}
