/**
 * Makes a failing plan smaller, for as long as it fails in the same way: delta
 * debugging over the plan as data. Lists lose halves, quarters and so on down to
 * single elements, optional parts go, numbers come down, and what is left is
 * tried again until nothing helps or the patience is at its end.
 */
import { Option, Schema } from "effect"
import { Plan } from "./Plan.ts"

export interface Patience {
  /** Most plans that are tried. */
  readonly runs: number
  readonly milliseconds: number
}

type Json = Schema.Json
type JsonObject = { readonly [key: string]: Json }

/** Tells whether the plan still fails with this in its place. */
type Test = (candidate: Json) => boolean

const isList = (value: Json): value is ReadonlyArray<Json> => Array.isArray(value)

/** Another seed is another story. */
const kept = new Set(["seed", "_tag"])

/** Values that are simpler than any that a plan has in this place. */
const simplest: { readonly [key: string]: Json } = {
  end: { _tag: "Close" },
  latency: "none",
  compaction: "smallLevels",
  compression: ["none"],
  durability: "sync",
  maxOpenFiles: 64,
  filterBitsPerKey: 10
}

const shrinkList = (list: ReadonlyArray<Json>, test: Test): ReadonlyArray<Json> => {
  let rest = list
  for (let size = rest.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < rest.length;) {
      const fewer = [...rest.slice(0, at), ...rest.slice(at + size)]
      if (test(fewer)) rest = fewer
      else at += size
    }
  }
  for (let at = rest.length - 1; at >= 0; at--) {
    const element = rest[at]
    if (element === undefined) continue
    const smaller = shrinkValue(element, (candidate) => test(rest.with(at, candidate)))
    rest = rest.with(at, smaller)
  }
  return rest
}

const shrinkNumber = (number: number, test: Test): number => {
  if (number === 0 || test(0)) return 0
  let least = 0
  let most = number
  while (Number.isInteger(number) && most - least > 1) {
    const middle = Math.floor((least + most) / 2)
    if (test(middle)) most = middle
    else least = middle
  }
  return most
}

const shrinkObject = (object: JsonObject, test: Test): JsonObject => {
  let rest = object
  for (const [key, value] of Object.entries(object)) {
    if (kept.has(key)) continue
    const { [key]: _, ...without } = rest
    if (test(without)) {
      rest = without
      continue
    }
    const simple = simplest[key]
    if (simple !== undefined && JSON.stringify(simple) !== JSON.stringify(value)) {
      const simpler = { ...rest, [key]: simple }
      if (test(simpler)) {
        rest = simpler
        continue
      }
    }
    rest = { ...rest, [key]: shrinkValue(value, (candidate) => test({ ...rest, [key]: candidate })) }
  }
  return rest
}

const shrinkValue = (value: Json, test: Test): Json => {
  if (isList(value)) return shrinkList(value, test)
  if (typeof value === "number") return shrinkNumber(value, test)
  if (value === true) return !test(false)
  return typeof value === "object" && value !== null ? shrinkObject(value, test) : value
}

const decodePlan = Schema.decodeUnknownOption(Plan)
const encodePlan = Schema.encodeSync(Plan)

/** The smallest plan that was found for which `fails` still holds, as it does for the given one. */
export const shrinkPlan = (plan: Plan, fails: (candidate: Plan) => boolean, patience: Patience): Plan => {
  const until = performance.now() + patience.milliseconds
  let runs = 0
  const test: Test = (candidate) => {
    if (runs >= patience.runs || performance.now() > until) return false
    const decoded = decodePlan(candidate)
    if (Option.isNone(decoded)) return false
    runs++
    return fails(decoded.value)
  }
  let smallest: Json = encodePlan(plan)
  for (;;) {
    const smaller = shrinkValue(smallest, test)
    if (JSON.stringify(smaller) === JSON.stringify(smallest)) break
    smallest = smaller
  }
  return Schema.decodeUnknownSync(Plan)(smallest)
}
