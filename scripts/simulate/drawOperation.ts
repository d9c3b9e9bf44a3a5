/** Draws what a fiber does next. */
import type { Durability } from "../../src/index.ts"
import type { SeededRandom } from "../../src/testing/index.ts"
import type { Operation } from "./Plan.ts"
import { accountKeys, allKeys, batchKeys, singleKeys } from "./Workload.ts"

export interface OperationMix {
  /** Levels to write at; undefined is the store's default. */
  readonly levels: ReadonlyArray<Durability | undefined>
  /** The share of writes. */
  readonly writes: number
  /** Nobody asks for a sync or a flush, so that much stays unsynced. */
  readonly isLoose: boolean
  /** The share of operations that are interrupted. */
  readonly interrupts: number
}

const KiB = 1024

const drawSize = (random: SeededRandom): number => {
  const kind = random.next()
  if (kind < 0.03) return 0
  if (kind < 0.4) return random.int(100)
  if (kind < 0.65) return 500 + random.int(4 * KiB)
  return kind < 0.96 ? 4 * KiB + random.int(20 * KiB) : random.int(100 * KiB)
}

const drawLevel = (random: SeededRandom, { levels }: OperationMix): { readonly durability?: Durability } => {
  const durability = random.pick(levels)
  return durability === undefined ? {} : { durability }
}

/** More records than the engine takes in two stretches. */
const wideBatch = 2_100

const drawRecords = (random: SeededRandom) => {
  if (random.bool(0.02)) return Array.from({ length: wideBatch }, () => ({ key: random.pick(batchKeys), size: 16 }))
  const isLarge = random.bool(0.05)
  const records = random.bool(0.03) ? 0 : isLarge ? 200 : 1 + random.int(random.pick([3, 6, 30]))
  const sizes = isLarge ? () => random.int(1000) : records > 6 ? () => random.int(400) : () => drawSize(random)
  return Array.from({ length: records }, () => {
    const key = random.pick(batchKeys)
    return random.bool(0.2) ? { key } : { key, size: sizes() }
  })
}

/** Of few keys half the time: the writes of a group meet each other. */
const drawBurst = (random: SeededRandom, mix: OperationMix) => {
  const keys = random.bool() ? singleKeys : [random.pick(singleKeys), random.pick(singleKeys)]
  return Array.from({ length: 2 + random.int(random.pick([3, 10, 25])) }, () => ({
    key: random.pick(keys),
    ...(random.bool(0.2) ? undefined : { size: drawSize(random) }),
    ...drawLevel(random, mix)
  }))
}

const drawWrite = (random: SeededRandom, mix: OperationMix): Operation => {
  const level = drawLevel(random, mix)
  const kind = random.next()
  if (kind < 0.28) return { _tag: "Put", key: random.pick(singleKeys), size: drawSize(random), ...level }
  if (kind < 0.36) return { _tag: "Delete", key: random.pick(singleKeys), ...level }
  if (kind < 0.44) return { _tag: "Burst", writes: drawBurst(random, mix) }
  if (kind < 0.75) return { _tag: "Write", records: drawRecords(random), ...level }
  return { _tag: "Transfer", seed: random.int(2 ** 31), ...level }
}

const drawRange = (random: SeededRandom) => {
  const bound = (): string => random.bool(0.8) ? random.pick(allKeys) : random.pick(allKeys).slice(0, 8)
  return {
    ...(random.bool(0.2) ? { gt: bound() } : undefined),
    ...(random.bool(0.2) ? { gte: bound() } : undefined),
    ...(random.bool(0.2) ? { lt: bound() } : undefined),
    ...(random.bool(0.2) ? { lte: bound() } : undefined),
    ...(random.bool(0.3) ? { prefix: random.pick(["single/", "batch/", "batch/01", "bank/", "none"]) } : undefined)
  }
}

const drawRead = (random: SeededRandom): Operation => {
  const through = random.bool() ? { throughSnapshot: true } : {}
  const kind = random.next()
  if (kind < 0.22) return { _tag: "Get", key: random.pick(allKeys), ...through }
  if (kind < 0.3) return { _tag: "Has", key: random.pick(allKeys), ...through }
  if (kind < 0.5) {
    const keys = Array.from({ length: 1 + random.int(8) }, () => random.pick(allKeys))
    return random.bool(0.4)
      ? { _tag: "GetMany", keys, ...through }
      : { _tag: "Watch", keys: random.bool() ? accountKeys : keys, turns: random.int(random.pick([10, 80])) }
  }
  if (kind < 0.7) return { _tag: "Audit", ...through }
  return {
    _tag: "Scan",
    range: random.bool(0.4) ? {} : drawRange(random),
    reverse: random.bool(0.3),
    ...(random.bool(0.2) ? { limit: random.int(20) } : undefined),
    ...(random.bool(0.2) ? { abandonAfter: 1 + random.int(5) } : undefined),
    ...(random.bool(0.3) ? { pause: random.int(5) } : undefined),
    ...through
  }
}

export const drawOperation = (random: SeededRandom, mix: OperationMix): Operation => {
  const operation = drawUninterrupted(random, mix)
  if (!random.bool(mix.interrupts)) return operation
  return random.bool()
    ? { ...operation, interruptAt: random.int(random.pick([4, 30, 120])) }
    : { ...operation, interruptAfter: random.int(random.pick([3, 10, 60])) }
}

const drawUninterrupted = (random: SeededRandom, mix: OperationMix): Operation => {
  const kind = random.next()
  if (kind < 0.03 && !mix.isLoose) return { _tag: "Sync" }
  if (kind < 0.07 && !mix.isLoose) return { _tag: "Flush" }
  if (kind < 0.1) return random.bool() ? { _tag: "Compact" } : { _tag: "Compact", range: drawRange(random) }
  if (kind < 0.15) return { _tag: "TakeSnapshot" }
  if (kind < 0.16) return { _tag: "ReleaseSnapshot" }
  if (kind < 0.18) return { _tag: "Sleep", milliseconds: random.int(random.pick([3, 200])) }
  if (kind < 0.19) return { _tag: "Stats" }
  return random.bool(mix.writes) ? drawWrite(random, mix) : drawRead(random)
}
