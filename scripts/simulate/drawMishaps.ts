/** Draws what goes wrong: ends, faults, defects, and openings that come to nothing. */
import { SeededRandom } from "../../src/testing/index.ts"
import type {
  ActorName,
  Attempt,
  Calls,
  Crash,
  End,
  FileKind,
  Kill,
  PlannedDefect,
  PlannedFault,
  Rival
} from "./Plan.ts"

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

export const drawDeath = (random: SeededRandom, mostCalls: number): Crash | Kill =>
  random.bool(0.75)
    ? { _tag: "Crash", mode: drawCrashMode(random), ...drawMoment(random, mostCalls) }
    : { _tag: "Kill", ...drawMoment(random, mostCalls) }

/** A crash among the writes to the log, which may keep of several segments any part that no sync has reached. */
export const drawLoss = (random: SeededRandom): Crash => ({
  _tag: "Crash",
  mode: "random",
  call: random.int(30),
  of: { operations: ["append"], files: ["segment"] }
})

export const drawEnd = (random: SeededRandom, mostCalls: number): End => {
  if (random.bool(0.45)) return drawDeath(random, mostCalls)
  return {
    _tag: "Close",
    ...(random.bool(0.2) ? { after: random.int(random.pick([5, 50, 500])) } : undefined),
    ...(random.bool(0.2) ? { interruptAt: random.int(150) } : undefined)
  }
}

const targets: ReadonlyArray<Calls> = [
  { operations: ["syncDirectory"], files: ["directory"] },
  { operations: ["append", "sync", "createAppend"], files: ["table"] },
  { operations: ["append", "sync", "createAppend"], files: ["table"] },
  { operations: ["openRead", "read", "readSync"], files: ["table"] },
  { operations: ["openRead", "read", "readSync"], files: ["table"] },
  { operations: ["syncDirectory"], files: ["directory"] },
  { operations: ["append"], files: ["segment"] },
  { operations: ["sync"], files: ["segment"] },
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

/** Reads that take long, so that much happens meanwhile, or calls that fail or take long. */
export const drawFaults = (random: SeededRandom): ReadonlyArray<PlannedFault> => {
  const kind = random.next()
  if (kind < 0.5) return []
  const read: Calls = { operations: ["read"], files: ["table"] }
  if (kind < 0.6) return [{ ...read, nth: random.int(20), times: random.pick([1, 3]), stall: random.pick([50, 2_000]) }]
  return Array.from({ length: 1 + random.int(2) }, () => drawFault(random))
}

export const drawDefects = (random: SeededRandom): ReadonlyArray<PlannedDefect> => {
  if (random.bool(0.8)) return []
  const actor = random.pick<ActorName>([
    "Wal",
    "RotationCoordinator",
    "Flusher",
    "Flusher",
    "Compactor",
    "Compactor",
    "Manifest"
  ])
  return [{ actor, message: random.int(random.pick([3, 12])) }]
}

export const drawAttempt = (random: SeededRandom): Attempt => {
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
  const nth = random.int(8)
  const owner = new SeededRandom(seed)
  if (owner.bool(0.2)) {
    return { seed, end: { _tag: "Close" }, fault: drawOwnerFault(owner, owner.pick(["claim", "isHeld"])) }
  }
  return { seed, end: { _tag: "Close" }, fault: { ...fault, nth } }
}

/** A claim or a look that fails. */
export const drawOwnerFault = (random: SeededRandom, operation: "claim" | "isHeld"): PlannedFault => ({
  operations: [operation],
  files: ["owner"],
  nth: operation === "claim" ? 0 : random.int(random.pick([3, 20, 60])),
  code: random.pick(["EIO", "ENOSPC", "EMFILE", "EACCES"]),
  keep: random.pick(["none", "all"])
})

/** Calls around which it matters who owns the directory, for the most part those of a store that is in use. */
const owners: ReadonlyArray<{ readonly of: Calls; readonly most: number }> = [
  { of: { operations: ["append"], files: ["segment"] }, most: 8 },
  { of: { operations: ["append", "sync"], files: ["segment"] }, most: 30 },
  { of: { operations: ["sync"], files: ["segment"] }, most: 12 },
  { of: { operations: ["append"], files: ["table"] }, most: 8 },
  { of: { operations: ["createAppend", "append", "sync"], files: ["table"] }, most: 40 },
  { of: { operations: ["openRead", "read"], files: ["table"] }, most: 12 },
  { of: { operations: ["remove"], files: ["table", "segment"] }, most: 6 },
  { of: { operations: ["append", "sync"], files: ["manifest"] }, most: 12 },
  { of: { operations: ["isHeld"], files: ["owner"] }, most: 40 },
  { of: { operations: ["rename", "createAppend"], files: ["current", "segment", "manifest"] }, most: 5 }
]

export const drawTakeover = (
  random: SeededRandom,
  mostCalls: number
): Pick<Rival, "how" | "call" | "of" | "stall"> => {
  const how = random.bool(0.75) ? "lock lost" : "directory moved"
  // Long enough that the other store is open by then, for the most part.
  const stalled = random.bool() ? { stall: random.pick([20, 500, 500]) } : undefined
  if (random.bool(0.2)) return { how, ...stalled, call: random.int(mostCalls + 1) }
  const { most, of } = random.pick(owners)
  return { how, ...stalled, call: random.int(most), of }
}
