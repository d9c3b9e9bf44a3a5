/** One call to a simulated disk: what traces, hooks and faults speak of. */

/** The calls of a `Disk` and its files; `lock` is the taking of one. */
export type DiskOperation =
  | "createAppend"
  | "claim"
  | "isHeld"
  | "append"
  | "sync"
  | "openRead"
  | "read"
  | "readSync"
  | "close"
  | "kind"
  | "list"
  | "makeDirectory"
  | "rename"
  | "remove"
  | "syncDirectory"
  | "checkWritable"
  | "lock"

/** What a call asks for. */
export interface DiskRequest {
  readonly operation: DiskOperation
  /** As it was given; of a rename the old one. */
  readonly path: string
  /** The new path, of a rename. */
  readonly to?: string
  /** How many bytes an append or a read is about. */
  readonly bytes?: number
}

/** One call, as the disk took it up. */
export interface DiskCall extends DiskRequest {
  /** Its place among all calls to this disk, from 0, in the order in which they were taken up. */
  readonly index: number
}
