/** A stretch of keys, by the bounds of a scan as they were given: nothing is reckoned that the store reckons too. */
import type { KeyRange } from "../../Snapshot.ts"
import { isKey, keyOf } from "./Content.ts"
import type { Key } from "./Content.ts"

const bounds = ["gt", "gte", "lt", "lte", "prefix"] as const

export type KeySpan = { readonly [Bound in typeof bounds[number]]?: Key }

/** The bounds of a range, copied. What is no key is left out: the store refuses it. */
export const spanOf = (range: KeyRange = {}): KeySpan => {
  const span: { [Bound in typeof bounds[number]]?: Key } = {}
  for (const name of bounds) {
    const bound = range[name]
    if (isKey(bound)) span[name] = keyOf(bound)
  }
  return span
}

export const isWithin = ({ gt, gte, lt, lte, prefix }: KeySpan, key: Key): boolean =>
  (gt === undefined || key > gt) && (gte === undefined || key >= gte)
  && (lt === undefined || key < lt) && (lte === undefined || key <= lte)
  && (prefix === undefined || key.startsWith(prefix))
