/**
 * The check of a strategy's options. A constructor does not throw: what is wrong
 * is kept in the strategy, and the opening of the store fails with it.
 */
import { inWords } from "../StoreError.ts"

/** The whole numbers that an option may be. */
export interface NumberOption {
  readonly from: number
  readonly to: number
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
