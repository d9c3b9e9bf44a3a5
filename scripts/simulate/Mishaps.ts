/**
 * What went wrong in a life on purpose so far, and which errors that excuses:
 * an operation that fails for no such reason is a problem (I12).
 */
import type { ReadError, StoreOpenError, WriteError } from "../../src/index.ts"
import type { DiskCall, Fault, Problem, SimulatedDisk } from "../../src/testing/index.ts"
import type { Calls, FileKind, Operation, PlannedDefect, PlannedFault } from "./Plan.ts"
import { parent } from "./storeOptions.ts"

/** What a path stands for. */
export const fileKind = (path: string): FileKind =>
  path.endsWith(".seg")
    ? "segment"
    : path.endsWith(".sst")
    ? "table"
    : path.includes("/manifest-")
    ? "manifest"
    : path.includes("/CURRENT-")
    ? "current"
    : path.includes("/OWNER-")
    ? "owner"
    : path === parent
    ? "parent"
    : "directory"

export const isOneOf = ({ files, operations }: Calls, { operation, path }: DiskCall): boolean =>
  operations.includes(operation) && files.includes(fileKind(path))

const isRead = ({ operation }: DiskCall): boolean =>
  operation === "openRead" || operation === "read" || operation === "readSync"

interface Planted {
  readonly planned: PlannedFault
  readonly fault: Fault
}

export class Mishaps {
  readonly #faults: Array<Planted>
  /** Defects that were thrown. */
  readonly defects: Array<PlannedDefect> = []
  /** The power is off, or the process gone. */
  isDead = false
  /** The store's scope has begun to close. */
  isClosing = false
  /** Another store has claimed the directory, or stands in its place. */
  isOvertaken = false

  /** On the disk of another store, whose faults strike this one as well. */
  constructor(beside?: Mishaps) {
    this.#faults = beside === undefined ? [] : beside.#faults
  }

  /** From now on the disk's calls fail as planned. */
  plant(disk: SimulatedDisk, planned: PlannedFault): void {
    const { files, operations, ...plan } = planned
    const when = (call: DiskCall) => isOneOf({ files, operations }, call)
    this.#faults.push({ planned, fault: disk.fail({ ...plan, when }) })
  }

  /** Calls that faults struck. */
  get struck(): ReadonlyArray<{ readonly call: DiskCall; readonly planned: PlannedFault }> {
    return this.#faults.flatMap(({ fault, planned }) => fault.struck.map((call) => ({ call, planned })))
  }

  /** Calls that were not only late, but failed. */
  get failed(): ReadonlyArray<{ readonly call: DiskCall; readonly code: string }> {
    return this.struck.flatMap(({ call, planned: { code, stall } }) => {
      const given = code ?? (stall === undefined ? "EIO" : undefined)
      return given === undefined ? [] : [{ call, code: given }]
    })
  }

  /** Something has failed after which the store takes no writes. */
  get mayHaveStopped(): boolean {
    return this.isDead
      || this.isOvertaken
      || this.defects.some(({ actor }) => actor === "Wal" || actor === "Manifest")
      || this.failed.some(({ call }) => {
        const kind = fileKind(call.path)
        return kind !== "table" && !isRead(call) && call.operation !== "close" && call.operation !== "remove"
      })
  }

  /** Another store has claimed the directory, and nothing else has gone wrong. */
  get isOnlyOvertaken(): boolean {
    return this.isOvertaken && !this.isDead && this.failed.length === 0 && this.defects.length === 0
  }

  /** A look at the owner has failed, which counts as a loss, or there is another. */
  get mayBeFenced(): boolean {
    return this.isDead || this.isOvertaken || this.failed.some(({ call }) => call.operation === "isHeld")
  }

  /** Files may be left that the manifest does not name, until the next recovery. */
  get mayLeaveFiles(): boolean {
    return this.mayHaveStopped
      || this.failed.some(({ call: { operation } }) => operation === "remove" || operation === "createAppend")
  }

  /** Nothing has gone wrong, so that nothing waits for its time to be tried again. */
  get isQuiet(): boolean {
    return !this.isDead && this.failed.length === 0 && this.defects.length === 0
  }

  /** Whether the operation may fail so. */
  excuses(operation: Operation["_tag"], error: ReadError | WriteError): boolean {
    switch (error._tag) {
      case "StoreClosed":
        return this.isClosing
      case "StoreReadOnly":
        return this.mayHaveStopped && error.cause === "failure"
      case "StoreFenced":
        return this.mayBeFenced
      case "DiskError":
        return this.isDead
          || this.failed.some(({ call, code }) =>
            call.path === error.path && code === error.code && (isRead(call) || operation === "Compact")
          )
      default:
        return false
    }
  }

  /** Whether the store may fail to open so, or to be read as it has. */
  excusesOpening(error: StoreOpenError | ReadError): boolean {
    if (error._tag === "StoreLocked" || error._tag === "StoreFenced") return this.mayBeFenced
    if (this.isDead) return error._tag === "DiskError" || error._tag === "InvalidArgument"
    return this.failed.some(({ call, code }) =>
      (error._tag === "DiskError" && call.path === error.path && code === error.code)
      || (error._tag === "InvalidArgument" && call.operation === "checkWritable")
    )
  }
}

/** Tables that were begun under a name that another had before: a failed one is to be written under a new name. */
export const reusedNames = (disk: SimulatedDisk): ReadonlyArray<Problem> => {
  const names = new Set<string>()
  return disk.trace.flatMap(({ operation, path }) =>
    operation === "createAppend" && fileKind(path) === "table" && names.size === names.add(path).size
      ? [{ invariant: "I12", message: `${path} was made again` }]
      : []
  )
}

/** Files that were synced again after a sync of them had failed. */
export const retriedSyncs = (
  disk: SimulatedDisk,
  mishaps: { readonly failed: ReadonlyArray<{ readonly call: DiskCall }> }
): ReadonlyArray<Problem> =>
  mishaps.failed.flatMap(({ call: failed }) =>
    failed.operation === "sync"
      && disk.trace.some(({ index, operation, path }) =>
        operation === "sync" && path === failed.path && index > failed.index
      )
      ? [{
        invariant: "I12",
        message: `${failed.path} was synced again after its sync at call ${failed.index} had failed`
      }]
      : []
  )
