/**
 * Draws a plan from a seed: a pure function, so that a seed is as good as its
 * plan for as long as this file stays as it is.
 */
import { SeededRandom } from "../../src/testing/index.ts"
import { drawEpisode } from "./drawEpisode.ts"
import { drawOperation } from "./drawOperation.ts"
import type {
  ActorName,
  Attempt,
  Calls,
  Crash,
  Damage,
  End,
  FileKind,
  Kill,
  Latency,
  Life,
  Plan,
  PlannedDefect,
  PlannedFault,
  PlannedOptions,
  StrategyName
} from "./Plan.ts"

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
    "levelled",
    "sizeTiered",
    "fifo"
  ])
})

const drawCrashMode = (random: SeededRandom) => random.pick(["synced", "all", "torn", "random", "random", "random"])

/** Calls at which the structure of a store changes. */
const structural: ReadonlyArray<Calls> = [
  { operations: ["createAppend"], files: ["segment"] },
  { operations: ["append", "sync"], files: ["segment"] },
  { operations: ["createAppend", "append", "sync"], files: ["table"] },
  { operations: ["append", "sync"], files: ["manifest"] },
  { operations: ["syncDirectory"], files: ["directory", "parent"] },
  { operations: ["remove"], files: ["table", "segment", "manifest"] },
  { operations: ["openRead"], files: ["table"] }
]

const drawMoment = (random: SeededRandom, mostCalls: number) =>
  random.bool(0.4)
    ? { call: random.int(random.pick([3, 12, 40])), of: random.pick(structural) }
    : { call: random.int(random.bool(0.2) ? 60 : mostCalls) }

const drawDeath = (random: SeededRandom, mostCalls: number): Crash | Kill =>
  random.bool(0.75)
    ? { _tag: "Crash", mode: drawCrashMode(random), ...drawMoment(random, mostCalls) }
    : { _tag: "Kill", ...drawMoment(random, mostCalls) }

const drawEnd = (random: SeededRandom, mostCalls: number): End => {
  if (random.bool(0.6)) return drawDeath(random, mostCalls)
  return {
    _tag: "Close",
    ...(random.bool(0.2) ? { after: random.int(random.pick([5, 50, 500])) } : undefined),
    ...(random.bool(0.2) ? { interruptAt: random.int(150) } : undefined)
  }
}

const targets: ReadonlyArray<Calls> = [
  { operations: ["append", "sync", "createAppend"], files: ["table"] },
  { operations: ["append", "sync", "createAppend"], files: ["table"] },
  { operations: ["openRead", "read", "readSync"], files: ["table"] },
  { operations: ["openRead", "read", "readSync"], files: ["table"] },
  { operations: ["syncDirectory"], files: ["directory"] },
  { operations: ["append"], files: ["segment"] },
  { operations: ["sync"], files: ["segment"] },
  { operations: ["createAppend"], files: ["segment"] },
  { operations: ["append"], files: ["manifest"] },
  { operations: ["sync"], files: ["manifest"] },
  { operations: ["remove"], files: ["table", "segment", "manifest"] },
  { operations: ["close"], files: ["table", "segment"] }
]

const drawFailure = (random: SeededRandom, { operations }: Calls): Partial<PlannedFault> => {
  const isRead = operations.includes("read")
  return {
    code: random.pick(isRead ? ["EIO", "EMFILE", "ESHORT"] : ["EIO", "ENOSPC", "EMFILE", "EACCES"]),
    ...(isRead ? undefined : { keep: random.pick(["none", "some", "all"]) }),
    ...(random.bool(0.25)
      ? { healAfter: random.pick([1, 100, 10_000, 300_000]) }
      : { times: random.pick([1, 1, 1, 2, 5]) })
  }
}

const drawFault = (random: SeededRandom, target = random.pick(targets)): PlannedFault => {
  const isStall = random.bool(0.3)
  return {
    ...target,
    nth: random.int(random.pick([2, 10, 40])),
    ...(isStall ? { stall: random.pick([1, 50, 2_000, 60_000]) } : undefined),
    ...(isStall && random.bool() ? { times: random.pick([1, 3]) } : drawFailure(random, target))
  }
}

const drawAttempt = (random: SeededRandom): Attempt => {
  const seed = random.int(2 ** 31)
  const kind = random.next()
  const call = random.int(random.pick([20, 60, 120]))
  if (kind < 0.15) return { seed, readOnly: true, end: { _tag: "Close" } }
  if (kind < 0.5) return { seed, end: { _tag: "Crash", mode: drawCrashMode(random), call } }
  if (kind < 0.65) return { seed, end: { _tag: "Kill", call } }
  if (kind < 0.8) return { seed, end: { _tag: "Close" }, interruptAt: random.int(random.pick([30, 300])) }
  const operation = random.pick([
    "createAppend",
    "append",
    "sync",
    "rename",
    "syncDirectory",
    "read",
    "openRead",
    "kind",
    "list",
    "checkWritable",
    "lock",
    "remove"
  ])
  const files: ReadonlyArray<FileKind> = ["segment", "table", "manifest", "current", "directory"]
  const fault = drawFault(random, { operations: [operation], files })
  return { seed, end: { _tag: "Close" }, fault: { ...fault, nth: random.int(8) } }
}

const drawLife = (random: SeededRandom, isFirst: boolean): Life => {
  const options = drawOptions(random)
  const fibers = Array.from({ length: 1 + random.int(random.pick([3, 6, 10])) }, () => {
    const size = random.pick([4, 15, 45])
    const levels = random.pick([["sync"], ["buffered", "async"], ["sync", "buffered", "async"], [undefined]] as const)
    const writes = random.pick([0, 0.3, 0.6, 0.9])
    const interrupts = random.pick([0, 0.1, 0.4])
    return Array.from(
      { length: 1 + random.int(size) },
      () => random.bool(0.03) ? drawEpisode(random) : drawOperation(random, { levels, writes, interrupts })
    ).flat()
  })
  const defects: Array<PlannedDefect> = random.bool(0.2)
    ? [{
      actor: random.pick<ActorName>([
        "Wal",
        "RotationCoordinator",
        "Flusher",
        "Flusher",
        "Compactor",
        "Compactor",
        "Manifest"
      ]),
      message: random.int(random.pick([3, 12]))
    }]
    : []
  const faults = random.bool(0.4) ? Array.from({ length: 1 + random.int(2) }, () => drawFault(random)) : []
  const mostCalls = 60 + 6 * fibers.flat().length
  return {
    seed: random.int(2 ** 31),
    options,
    latency: random.pick<Latency>([
      "none",
      "none",
      "none",
      "even",
      "uneven",
      "slow syncs",
      "slow reads",
      "slow tables",
      "hiccups"
    ]),
    earlyWakeChance: random.pick([0, 0, 0.02]),
    attempts: isFirst ? [] : Array.from({ length: random.pick([0, 0, 1, 1, 3]) }, () => drawAttempt(random)),
    fibers,
    faults,
    defects,
    glimpses: Array.from({ length: random.pick([0, 3, 6]) }, () => drawDeath(random, mostCalls)),
    settles: random.bool(0.4),
    end: drawEnd(random, mostCalls)
  }
}

const drawDamage = (random: SeededRandom): Damage => ({
  files: random.pick<FileKind>(["segment", "segment", "table", "table", "manifest", "current"]),
  file: random.next(),
  // The end of a file says what is in the rest of it.
  at: random.bool() ? random.next() : 1 - random.next() ** 3,
  kind: random.pick(["flipped bit", "flipped bit", "zeros", "truncation", "garbage", "swapped sectors"])
})

export const drawPlan = (seed: number): Plan => {
  const random = new SeededRandom(seed)
  const lives = Array.from({ length: 1 + random.int(4) }, (_, life) => drawLife(random, life === 0))
  return { seed, lives, damages: Array.from({ length: random.pick([0, 0, 1, 4]) }, () => drawDamage(random)) }
}
