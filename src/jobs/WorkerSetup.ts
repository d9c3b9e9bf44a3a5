import { type Access, isAccess } from "../disk/Access.ts"

/** Whether a worker rests between stretches of work, or only when the event loop asks it to. */
export const Rests = { never: 0, asked: 1, always: 2 } as const
export type Rests = typeof Rests[keyof typeof Rests]

/** What a worker thread is started with. */
export interface WorkerSetup {
  /** The memory of its JobControl. */
  readonly control: SharedArrayBuffer
  /** As the system counts: 0 the process's own, 19 the lowest. */
  readonly priority: number
  readonly rests: Rests
  /** Who may read the tables that it makes. */
  readonly access: Access
  /** For a test's own entry. */
  readonly extra: unknown
}

export const isWorkerSetup = (data: unknown): data is WorkerSetup =>
  data instanceof Object && "control" in data && data.control instanceof SharedArrayBuffer
  && "priority" in data && typeof data.priority === "number" && "rests" in data && typeof data.rests === "number"
  && "access" in data && isAccess(data.access)
