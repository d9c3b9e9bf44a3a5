/**
 * The check of a strategy's options. A constructor does not throw: what is wrong
 * is kept in the strategy, and the opening of the store fails with it.
 */
import { inWords } from "../StoreError.ts"
import type { CompactionStrategy } from "./Strategy.ts"

export const KiB = 1024
export const MiB = 1024 * KiB

/** Bytes that a table may be asked to have. */
export const tableSizes = { from: 64 * KiB, to: 4095 * MiB }

/** Tables in level 0 that are merged together, from which on writers are slowed, and that there are at most. */
export const level0Options = {
  level0Tables: { from: 1, to: 1024, fallback: 4 },
  slowdownTables: { from: 1, to: 65_535, fallback: 0 },
  stopTables: { from: 2, to: 65_536, fallback: 0 }
}

/** The bounds of level 0, the defaults of which follow from one another; or what is wrong with them. */
export const readLevel0 = (
  numbers: (name: keyof typeof level0Options) => number
): { readonly level0Tables: number; readonly slowdownTables: number; readonly stopTables: number } | string => {
  const level0Tables = numbers("level0Tables")
  const slowdownTables = numbers("slowdownTables") || 3 * level0Tables
  const stopTables = numbers("stopTables") || 2 * slowdownTables
  if (slowdownTables < level0Tables) return "needs slowdownTables to be at least level0Tables"
  if (stopTables <= slowdownTables) return "needs stopTables to be more than slowdownTables"
  return { level0Tables, slowdownTables, stopTables }
}

/** The whole numbers that an option may be. */
export interface NumberOption {
  readonly from: number
  readonly to: number
  /** 0, which no option may be: it has no default, or one that follows from others. */
  readonly fallback: number
}

/** What each option is, its default included; or what is wrong with the first that is not allowed. */
export const readNumbers = <Name extends string>(
  given: { readonly [name in Name]?: number | undefined },
  known: Readonly<Record<Name, NumberOption>>
): ((name: Name) => number) | string => {
  if (typeof given !== "object" || given === null) return `takes an object of options, not ${inWords(given)}`
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(known, name)) {
      return `has no option ${inWords(name)}; its options are ${Object.keys(known).join(", ")}`
    }
  }
  const valueOf = (name: Name): number => given[name] ?? known[name].fallback
  for (const name in known) {
    const { from, to } = known[name]
    const value = given[name]
    if (value !== undefined && !(Number.isInteger(value) && value >= from && value <= to)) {
      return `needs ${name} to be a whole number from ${from} to ${to}, not ${inWords(value)}`
    }
  }
  return valueOf
}

/** The strategy that stands for options that are wrong: no store opens with it. */
export const refused = (name: string, problem: string): CompactionStrategy => ({
  name,
  problem: `${name} ${problem}`,
  pick: () => undefined,
  debt: () => 0,
  slowdownTables: 1,
  stopTables: 2,
  tableSize: 1,
  bottomLevel: 0
})
