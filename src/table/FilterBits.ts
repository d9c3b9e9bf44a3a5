/**
 * Shares out the memory for filters among the sorted runs of a tree, as in the
 * Monkey paper: a small run gets more bits a key than a large one, because a
 * false yes costs a lookup the same in each. That makes the expected number of
 * blocks read in vain the least that the memory can buy.
 *
 * Called once a job. Tables keep the filter that they were written with, so that
 * the budget holds of a tree as it settles.
 */
import type { TableMeta } from "./TableMeta.ts"

/** The option's largest value: beyond it a filter is all memory and no gain. */
const maxBits = 32
const stepsPerBit = 4
/** So few bits a key say yes to everything. */
const fewestBits = 0.5
const searchSteps = 40

const blockBits = 256
const wordBits = 32

/**
 * How often a filter (`Filter.ts`) says yes wrongly: a block of 256 bits that n
 * keys fell into does so with probability (1 - (31/32)^n)^8, and n is a Poisson
 * variable.
 */
export const falsePositiveRate = (bitsPerKey: number): number => {
  if (bitsPerKey < fewestBits) return 1
  const load = blockBits / bitsPerKey
  const last = load + 12 * Math.sqrt(load) + 40
  let rate = 0
  let chance = Math.exp(-load)
  let unset = 1
  for (let n = 0; n < last; n++) {
    const two = (1 - unset) * (1 - unset)
    const four = two * two
    rate += chance * four * four
    chance *= load / (n + 1)
    unset *= 1 - 1 / wordBits
  }
  return rate
}

interface Curve {
  /** Bits at the corners of the curve's lower convex hull, ascending from 0. */
  readonly bits: ReadonlyArray<number>
  /** What a bit saves from each corner to the next: falling. */
  readonly gains: ReadonlyArray<number>
}

/** The curve is flat at first: a filter of one bit is worth nothing, and the hull leaps over such filters. */
const makeCurve = (): Curve => {
  const bits: Array<number> = []
  const gains: Array<number> = []
  let from = 0
  while (from < maxBits) {
    const start = falsePositiveRate(from)
    let best = maxBits
    let gain = 0
    for (let step = from * stepsPerBit + 1; step <= maxBits * stepsPerBit; step++) {
      const to = step / stepsPerBit
      const saved = (start - falsePositiveRate(to)) / (to - from)
      if (saved <= gain) {
        // Behind the first leap the curve is convex: the nearest corner is the best.
        if (from > 0) break
        continue
      }
      gain = saved
      best = to
    }
    bits.push(from)
    gains.push(gain)
    from = best
  }
  bits.push(maxBits)
  return { bits, gains }
}

let curve: Curve | undefined

/** The most bits of which each saves at least so much. */
const bitsFor = ({ bits, gains }: Curve, gain: number): number => {
  let low = 0
  let high = gains.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (gains[middle]! >= gain) low = middle + 1
    else high = middle
  }
  return bits[low]!
}

const memoryOf = (bits: ReadonlyArray<number>, runs: ReadonlyArray<number>): number =>
  bits.reduce((sum, bitsPerKey, run) => sum + bitsPerKey * runs[run]!, 0)

/** Those of a lookup of a key that is nowhere, in each run. */
const readsInVain = (bits: ReadonlyArray<number>): number =>
  bits.reduce((sum, bitsPerKey) => sum + falsePositiveRate(bitsPerKey), 0)

/** The bits of which every one, in whichever run, saves as much for its memory. */
const fill = (runs: ReadonlyArray<number>, budget: number): ReadonlyArray<number> => {
  const known = curve ??= makeCurve()
  const at = (price: number) => runs.map((keys) => bitsFor(known, Math.exp(price) * keys))
  // The logarithm of what a bit of memory must save: too little of it, and the budget is exceeded.
  let low = Math.log(known.gains.at(-1)!) - Math.log(Math.max(...runs)) - 1
  let high = Math.log(known.gains[0]!) + 1
  if (memoryOf(at(low), runs) <= budget) return at(low)
  for (let step = 0; step < searchSteps; step++) {
    const middle = (low + high) / 2
    if (memoryOf(at(middle), runs) > budget) low = middle
    else high = middle
  }
  const most = at(low)
  const least = at(high)
  const spent = memoryOf(least, runs)
  const part = (budget - spent) / (memoryOf(most, runs) - spent)
  return least.map((bits, run) => bits + (most[run]! - bits) * part)
}

/**
 * The bits a key for each of the runs, given the keys of each, that cost no more
 * memory than `bitsPerKey` for all of them would. A run with more keys never gets
 * more bits.
 */
export const shareFilterBits = (bitsPerKey: number, runs: ReadonlyArray<number>): ReadonlyArray<number> => {
  const average = Math.min(Math.max(bitsPerKey, 0), maxBits)
  if (average === 0) return runs.map(() => 0)
  const shared = share(average, runs.filter((keys) => keys > 0))
  let next = 0
  return runs.map((keys) => keys > 0 ? shared[next++]! : average)
}

const share = (average: number, runs: ReadonlyArray<number>): ReadonlyArray<number> => {
  if (runs.length === 0) return runs
  const uniform = runs.map(() => average)
  const budget = runs.reduce((sum, keys) => sum + keys, 0) * average
  const filled = fill(runs, budget)
  // What was left for the largest runs may be worth more in the others.
  const largest = Math.max(...runs)
  const others = runs.filter((keys) => keys < largest)
  const choices = [uniform, filled]
  if (others.length > 0) {
    const filledOthers = fill(others, budget)
    let next = 0
    choices.push(runs.map((keys) => keys < largest ? filledOthers[next++]! : 0))
  }
  return choices.reduce((best, choice) => readsInVain(choice) < readsInVain(best) ? choice : best)
}

/** What a job does to the tree. */
export interface FilterChange {
  /** The level that the new tables come to. */
  readonly level: number
  /** Keys that they have, at most. */
  readonly keys: number
  /** Tables that go away. */
  readonly removed: ReadonlyArray<TableMeta>
}

/** Distinct keys of tables, those that several of them have counted again. */
export const keysOf = (tables: ReadonlyArray<TableMeta>): number =>
  tables.reduce((sum, { entries, shadowed }) => sum + entries - shadowed, 0)

/**
 * The bits a key for the tables that a job writes. `bitsPerKey` is for all keys of
 * the tree on average; `levels` is the tree before the job. Each table of level 0
 * is a run, and every other level is one.
 */
export const filterBits = (
  bitsPerKey: number,
  levels: ReadonlyArray<ReadonlyArray<TableMeta>>,
  change: FilterChange
): number => {
  const removed = new Set(change.removed.map(({ file }) => file))
  // The run that the new tables are in comes first.
  const runs = [change.keys]
  levels.forEach((tables, level) => {
    const kept = tables.filter(({ file }) => !removed.has(file))
    if (level === 0) { for (const table of kept) runs.push(keysOf([table])) }
    else if (level === change.level) runs[0] = runs[0]! + keysOf(kept)
    else runs.push(keysOf(kept))
  })
  return shareFilterBits(bitsPerKey, runs)[0]!
}
