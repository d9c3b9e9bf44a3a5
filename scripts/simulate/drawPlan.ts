/**
 * Draws a plan from a seed: a pure function, so that a seed is as good as its
 * plan for as long as this file stays as it is.
 */
import { SeededRandom } from "../../src/testing/index.ts"
import { drawEpisode } from "./drawEpisode.ts"
import {
  drawAttempt,
  drawDeath,
  drawDefects,
  drawEnd,
  drawFaults,
  drawLoss,
  drawOwnerFault,
  drawTakeover
} from "./drawMishaps.ts"
import { drawOperation } from "./drawOperation.ts"
import type { OperationMix } from "./drawOperation.ts"
import type { Damage, FileKind, Latency, Life, Plan, PlannedOptions, Rival, StrategyName } from "./Plan.ts"

const KiB = 1024

const drawOptions = (random: SeededRandom): PlannedOptions => ({
  memtableSize: random.pick([64, 64, 64, 96, 128, 1024]) * KiB,
  maxImmutables: random.pick([1, 1, 2, 3]),
  durability: random.pick(["sync", "buffered", "async"]),
  syncInterval: random.pick([1, 5, 20, 100]),
  blockSize: random.pick([512, 1024, 4096, 16 * KiB]),
  blockCacheSize: random.pick([0, 0, 32 * KiB, 1024 * KiB]),
  filterBitsPerKey: random.pick([0, 2, 10, 10]),
  compression: random.pick([["none"], ["lz4"], ["zstd"], ["none", "lz4"], ["none", "none", "zstd"]]),
  maxOpenFiles: random.pick([8, 8, 64]),
  compaction: random.pick<StrategyName>([
    "smallLevels",
    "smallLevels",
    "smallLevels",
    "smallTiers",
    "smallTiers",
    "oddPicks",
    "oddPicks",
    "levelled",
    "sizeTiered",
    "fifo"
  ])
})

/** Nobody waits for a sync: several segments at once may hold what no sync has reached. */
const drawLooseOptions = (random: SeededRandom): PlannedOptions => ({
  ...drawOptions(random),
  memtableSize: 64 * KiB,
  maxImmutables: 3,
  durability: "buffered"
})

const allLevels: ReadonlyArray<OperationMix["levels"]> = [
  ["sync"],
  ["buffered", "async"],
  ["sync", "buffered", "async"],
  [undefined]
]

const allLatencies: ReadonlyArray<Latency> = [
  "none",
  "none",
  "none",
  "even",
  "uneven",
  "slow syncs",
  "slow reads",
  "slow tables",
  "hiccups"
]
/** A segment whose flush takes long stays unsynced while the next one is written. */
const looseLatencies: ReadonlyArray<Latency> = ["none", "slow tables", "slow tables"]

const drawLife = (random: SeededRandom, isFirst: boolean): Life => {
  const isLoose = random.bool(0.3)
  const options = isLoose ? drawLooseOptions(random) : drawOptions(random)
  const looseLevels = random.pick<OperationMix["levels"]>([["buffered"], ["buffered"], ["buffered", "async"]])
  const fibers = Array.from({ length: 1 + random.int(random.pick([3, 6, 10])) }, () => {
    const size = random.pick([4, 15, 45])
    const levels = isLoose ? looseLevels : random.pick(allLevels)
    const writes = isLoose ? 0.9 : random.pick([0, 0.3, 0.6, 0.9])
    const interrupts = random.pick([0, 0.1, 0.4])
    return Array.from(
      { length: 1 + random.int(size) },
      () =>
        !isLoose && random.bool(0.03)
          ? drawEpisode(random)
          : drawOperation(random, { levels, writes, isLoose, interrupts })
    ).flat()
  })
  const mostCalls = 60 + 6 * fibers.flat().length
  return {
    seed: random.int(2 ** 31),
    options,
    latency: random.pick(isLoose ? looseLatencies : allLatencies),
    earlyWakeChance: random.pick([0, 0, 0.02]),
    attempts: isFirst ? [] : Array.from({ length: random.pick([0, 0, 1, 1, 3]) }, () => drawAttempt(random)),
    fibers,
    faults: drawFaults(random),
    defects: drawDefects(random),
    glimpses: Array.from(
      { length: random.pick([0, 3, 6]) },
      () => isLoose ? drawLoss(random) : drawDeath(random, mostCalls)
    ),
    settles: random.bool(0.6),
    end: drawEnd(random, mostCalls)
  }
}

const slowLatencies: ReadonlyArray<Latency> = ["even", "uneven", "slow syncs", "slow tables", "slow tables"]

/** How often a life is taken over. */
const takeoverChance = 0.2

const drawRival = (random: SeededRandom, mostCalls: number): Rival => {
  const writes = random.pick([0.3, 0.6, 0.9])
  return {
    ...drawTakeover(random, mostCalls),
    options: drawOptions(random),
    fibers: Array.from({ length: 1 + random.int(3) }, () =>
      Array.from(
        { length: 1 + random.int(random.pick([3, 12])) },
        () => drawOperation(random, { levels: random.pick(allLevels), writes, isLoose: false, interrupts: 0.1 })
      )),
    outlives: random.bool(0.7)
  }
}

/** What becomes of who owns the directory: another takes it over, or a look fails. */
const withOwners = (life: Life, random: SeededRandom): Life => {
  if (random.bool(takeoverChance)) {
    return {
      ...life,
      // What was drawn for one store would meet two, or end the life before.
      faults: random.bool(0.7) ? [] : life.faults,
      defects: random.bool(0.7) ? [] : life.defects,
      end: random.bool(0.6) ? { _tag: "Close" } : life.end,
      // Else a sync in the background soon finds out.
      options: random.bool() ? { ...life.options, syncInterval: 2_000 } : life.options,
      // A store goes on for a while before it looks; it does so only if its calls take time.
      latency: random.bool(0.6) ? random.pick(slowLatencies) : life.latency,
      rival: drawRival(random, 6 * life.fibers.flat().length)
    }
  }
  return random.bool(0.04) ? { ...life, faults: [...life.faults, drawOwnerFault(random, "isHeld")] } : life
}

const drawDamage = (random: SeededRandom): Damage => ({
  files: random.pick<FileKind>(["segment", "segment", "table", "table", "table", "manifest", "current"]),
  file: random.next(),
  at: random.next(),
  kind: random.pick(["flipped bit", "flipped bit", "zeros", "truncation", "garbage", "swapped sectors"])
})

export const drawPlan = (seed: number): Plan => {
  const random = new SeededRandom(seed)
  const lives = Array.from({ length: 1 + random.int(4) }, (_, life) => drawLife(random, life === 0))
    .map((life) => withOwners(life, new SeededRandom(life.seed)))
  return { seed, lives, damages: Array.from({ length: random.pick([0, 2, 6]) }, () => drawDamage(random)) }
}
