/** What can go wrong at one call of a simulated disk. */
import type { DiskCall, FaultPlan } from "../../../src/testing/index.ts"
import { fileKind } from "../Mishaps.ts"

export interface FaultKind {
  readonly name: string
  /** How long it lasts: `"once"`, until it heals by itself, or until the store has closed. */
  readonly lasts: "once" | "a while" | "for good"
  /** The call is late and succeeds, or another in its place does. */
  readonly isHarmless?: true
  /** The plan that strikes at the call and, if it lasts, at further ones; nothing if the call can't go wrong so. */
  readonly plan: (call: DiskCall) => FaultPlan | undefined
}

const isRead = ({ operation }: DiskCall): boolean => operation === "read" || operation === "readSync"

/** Calls that take effect at once, or fail at once. */
const canWait = ({ operation }: DiskCall): boolean => operation !== "readSync" && operation !== "isHeld"

/** Calls that say what is there, and change nothing. */
const looks: ReadonlySet<DiskCall["operation"]> = new Set([
  "openRead",
  "kind",
  "list",
  "checkWritable",
  "lock",
  "isHeld"
])

const changesSomething = (call: DiskCall): boolean => !isRead(call) && !looks.has(call.operation)

/** The same call on a file of the same kind. */
const alike = (call: DiskCall) => (other: DiskCall): boolean =>
  other.operation === call.operation && fileKind(other.path) === fileKind(call.path)

const once = (code: string): FaultKind => ({
  name: code,
  lasts: "once",
  plan: ({ index }) => ({ from: index, code, keep: "none" })
})

/** Long enough that retries begin anew more than once. */
const aWhile = "30 seconds"

export const faultKinds: ReadonlyArray<FaultKind> = [
  ...["EIO", "ENOSPC", "EMFILE", "EACCES"].map(once),
  {
    name: "EIO after it was done",
    lasts: "once",
    plan: (call) => changesSomething(call) ? { from: call.index, keep: "all" } : undefined
  },
  {
    name: "a short write",
    lasts: "once",
    plan: (call) => call.operation === "append" ? { from: call.index, code: "ENOSPC", keep: "some" } : undefined
  },
  {
    name: "a short read",
    lasts: "once",
    plan: (call) => isRead(call) ? { from: call.index, code: "ESHORT" } : undefined
  },
  {
    name: "a stall",
    lasts: "once",
    isHarmless: true,
    plan: (call) => canWait(call) ? { from: call.index, stall: aWhile } : undefined
  },
  {
    name: "a stall, then EIO",
    lasts: "once",
    plan: (call) => canWait(call) ? { from: call.index, stall: aWhile, code: "EIO", keep: "none" } : undefined
  },
  {
    name: "a claim that another made first",
    lasts: "once",
    isHarmless: true,
    plan: (call) => call.operation === "claim" ? { from: call.index, code: "EEXIST", keep: "all" } : undefined
  },
  {
    name: "EIO at all such calls for a while",
    lasts: "a while",
    plan: (call) => ({ from: call.index, when: alike(call), healAfter: aWhile, keep: "none" })
  },
  {
    name: "a full disk for a while",
    lasts: "a while",
    plan: (call) =>
      changesSomething(call)
        ? { from: call.index, when: changesSomething, code: "ENOSPC", healAfter: aWhile }
        : undefined
  },
  {
    name: "EMFILE at all openings for a while",
    lasts: "a while",
    plan: (call) =>
      call.operation === "openRead" || call.operation === "createAppend"
        ? {
          from: call.index,
          when: ({ operation }) => operation === "openRead" || operation === "createAppend",
          code: "EMFILE",
          healAfter: aWhile
        }
        : undefined
  },
  {
    name: "EIO at all such calls for good",
    lasts: "for good",
    plan: (call) => ({ from: call.index, when: alike(call), times: Infinity, keep: "all" })
  },
  {
    name: "EIO at all calls for good",
    lasts: "for good",
    plan: (call) => ({ from: call.index, times: Infinity, keep: "none" })
  }
]
