/**
 * What the writers of a crash test write, as a pure function: the parent
 * computes what the killed child wrote, and need not be told.
 *
 * Operation n of a fiber follows its operation n - 1 once that is acknowledged,
 * so a count of acknowledgements for each fiber says all: what is acknowledged,
 * what may be in flight, and what can't have been written.
 *
 * A value tells where it comes from: the first four numbers of 32 bits are the
 * incarnation of the child, the fiber, the operation, and the place within the
 * operation. The bytes after them follow from those.
 */
import { SeededRandom } from "../../src/testing/SeededRandom.ts"
import type { Plan } from "./Plan.ts"

/** `length` is undefined for a delete. */
export interface Write {
  readonly key: string
  readonly length: number | undefined
}

export interface Operation {
  readonly level: "sync" | "buffered"
  /** More than one: an atomic batch. No key is in it twice. */
  readonly writes: ReadonlyArray<Write>
}

const hotKeys = 200
export const wideKeys = 15_000
const ownKeys = 6
const identityLength = 16

/** Every key that is ever written, given so many fibers at most. */
export const allKeys = (fibers: number): ReadonlyArray<string> => {
  const keys: Array<string> = []
  for (let key = 0; key < hotKeys; key++) keys.push(`hot/${key}`)
  for (let fiber = 0; fiber < fibers; fiber++) {
    for (let key = 0; key < ownKeys; key++) keys.push(`own/${fiber}/${key}`)
  }
  for (let key = 0; key < wideKeys; key++) keys.push(`wide/${key}`)
  return keys
}

const valueLength = (random: SeededRandom): number => {
  const size = random.next()
  return identityLength + random.int(size < 0.8 ? 150 : size < 0.985 ? 1500 : 20_000)
}

const sharedKey = (random: SeededRandom): string =>
  random.bool(0.3) ? `hot/${random.int(hotKeys)}` : `wide/${random.int(wideKeys)}`

const sharedWrite = (random: SeededRandom): Write => ({
  key: sharedKey(random),
  length: random.bool(0.25) ? undefined : valueLength(random)
})

const distinct = (writes: ReadonlyArray<Write>): ReadonlyArray<Write> => [
  ...new Map(writes.map((write) => [write.key, write])).values()
]

/** A fiber's own keys, always written together: they show a batch that was torn. */
const ownWrites = (fiber: number, random: SeededRandom): ReadonlyArray<Write> =>
  Array.from({ length: ownKeys }, (_, key) => ({ key: `own/${fiber}/${key}`, length: valueLength(random) }))

const batch = (fiber: number, random: SeededRandom): ReadonlyArray<Write> => {
  const size = random.next()
  const shared = size < 0.5 ? random.int(4) : size < 0.97 ? 2 + random.int(30) : 300 + random.int(600)
  const writes = Array.from({ length: shared }, () => sharedWrite(random))
  return distinct(size < 0.8 ? [...ownWrites(fiber, random), ...writes] : [...writes, sharedWrite(random)])
}

export const operation = (plan: Plan, fiber: number, count: number): Operation => {
  const incarnation = Math.imul(plan.seed ^ Math.imul(plan.incarnation, 0x9e3779b1), 0x85ebca6b)
  const random = new SeededRandom(incarnation ^ Math.imul(fiber + 1, 0xc2b2ae35) ^ Math.imul(count + 1, 0x27d4eb2f))
  const level = plan.levels === "both" ? random.pick(["sync", "buffered"]) : plan.levels
  return { level, writes: random.bool(0.15) ? batch(fiber, random) : [sharedWrite(random)] }
}

/** Where a value comes from. */
export interface Identity {
  readonly incarnation: number
  readonly fiber: number
  readonly count: number
  /** Its place in the operation's writes. */
  readonly place: number
}

export const isSameIdentity = (one: Identity, other: Identity): boolean =>
  one.incarnation === other.incarnation && one.fiber === other.fiber && one.count === other.count
  && one.place === other.place

export const makeValue = ({ count, fiber, incarnation, place }: Identity, length: number): Uint8Array => {
  const value = new Uint8Array(length)
  const header = new DataView(value.buffer)
  header.setUint32(0, incarnation)
  header.setUint32(4, fiber)
  header.setUint32(8, count)
  header.setUint32(12, place)
  let state = Math.imul(incarnation + 1, 0x9e3779b1) ^ Math.imul(fiber + 1, 0xc2b2ae35) ^ (count << 8) ^ place
  for (let at = identityLength; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    value[at] = state >>> 24
  }
  return value
}

/** What a value says of itself, or undefined if it is too short to say anything. */
export const readIdentity = (value: Uint8Array): Identity | undefined => {
  if (value.length < identityLength) return undefined
  const header = new DataView(value.buffer, value.byteOffset, identityLength)
  return {
    incarnation: header.getUint32(0),
    fiber: header.getUint32(4),
    count: header.getUint32(8),
    place: header.getUint32(12)
  }
}
