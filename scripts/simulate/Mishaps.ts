/**
 * What went wrong in a life on purpose so far, and which errors that excuses:
 * an operation that fails for no such reason is a problem (I12).
 */
import type { ReadError, WriteError } from "../../src/index.ts"
import type { DiskCall, FaultPlan } from "../../src/testing/index.ts"
import type { FileKind, Operation, PlannedDefect, PlannedFault } from "./Plan.ts"

/** What a path in a store's directory stands for. */
export const fileKind = (path: string): FileKind =>
  path.endsWith(".seg")
    ? "segment"
    : path.endsWith(".sst")
    ? "table"
    : path.includes("/manifest-")
    ? "manifest"
    : path.includes("/CURRENT")
    ? "current"
    : "directory"

const isRead = ({ operation }: DiskCall): boolean =>
  operation === "openRead" || operation === "read" || operation === "readSync"

export class Mishaps {
  /** Calls that faults struck, in order. */
  readonly struck: Array<DiskCall> = []
  /** Defects that were thrown. */
  readonly defects: Array<PlannedDefect> = []
  /** The power is off, or the process gone. */
  isDead = false
  /** The store's scope has begun to close. */
  isClosing = false

  /** The fault as a plan for the disk, from now on. */
  plan(fault: PlannedFault): FaultPlan {
    const { code, keep, nth, times } = fault
    let skipped = 0
    let struck = 0
    return {
      code,
      keep,
      times,
      when: (call) => {
        if (!fault.operations.includes(call.operation) || !fault.files.includes(fileKind(call.path))) return false
        if (skipped++ < nth || struck >= times) return false
        struck++
        this.struck.push(call)
        return true
      }
    }
  }

  /** Something has failed after which the store takes no writes. */
  get mayHaveStopped(): boolean {
    return this.isDead
      || this.struck.some((call) => fileKind(call.path) !== "table" && !isRead(call) && call.operation !== "remove")
      || this.defects.some(({ actor }) => actor === "Wal" || actor === "Manifest")
  }

  /** Whether the operation may fail so. */
  excuses(operation: Operation["_tag"], error: ReadError | WriteError): boolean {
    switch (error._tag) {
      case "StoreClosed":
        return this.isClosing
      case "StoreReadOnly":
        return this.mayHaveStopped && error.cause === "failure"
      case "DiskError":
        return this.isDead
          || this.struck.some((call) => isRead(call) || (operation === "Compact" && fileKind(call.path) !== "segment"))
      default:
        return false
    }
  }
}
