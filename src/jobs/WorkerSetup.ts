/** What a worker thread is started with. */
export interface WorkerSetup {
  /** The memory of its JobControl. */
  readonly control: SharedArrayBuffer
  /** As the system counts: 0 the process's own, 19 the lowest. */
  readonly priority: number
  /** Whether it rests between stretches of work. */
  readonly rests: boolean
  /** For a test's own entry. */
  readonly extra: unknown
}

export const isWorkerSetup = (data: unknown): data is WorkerSetup =>
  data instanceof Object && "control" in data && data.control instanceof SharedArrayBuffer
  && "priority" in data && typeof data.priority === "number" && "rests" in data && typeof data.rests === "boolean"
