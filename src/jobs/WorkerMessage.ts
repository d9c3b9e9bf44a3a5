/**
 * What the event loop and a worker thread tell each other: plain data that a
 * structured clone copies, and memtables as the shared memory that they are.
 *
 * An error crosses as its fields and is an instance of its class again on the
 * other side.
 */
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import { copyBytes } from "../record/Bytes.ts"
import { DiskError, StoreCorrupted, StoreFenced, UnsupportedFormat } from "../StoreError.ts"
import type { TableError } from "../StoreError.ts"
import type { TableMeta } from "../table/TableMeta.ts"
import type { FlushJob, KeyBounds, MergeJob } from "./Jobs.ts"

export type JobError = TableError

/** What the worker is to do; one at a time. */
export type JobRequest =
  | { readonly _tag: "Flush"; readonly job: FlushJob }
  | { readonly _tag: "Merge"; readonly job: MergeJob }

/** To the worker: a job, with the number that it is begun by. */
export interface JobOffer {
  readonly _tag: "Offer"
  readonly number: number
  readonly request: JobRequest
}

/** To the worker: it is to end, after the job that it has. */
export interface StopRequest {
  readonly _tag: "Stop"
}

/** From the worker, once for each job that it has begun. */
export type JobReply =
  | { readonly _tag: "Written"; readonly tables: ReadonlyArray<TableMeta> }
  | { readonly _tag: "Failed"; readonly error: PlainError }
  | { readonly _tag: "Abandoned" }
  /** A bug of ours. */
  | { readonly _tag: "Defect"; readonly message: string; readonly stack: string | undefined }

type PlainError =
  | { readonly _tag: "DiskError"; readonly operation: string; readonly path: string; readonly code: string }
  | { readonly _tag: "StoreCorrupted"; readonly file: string; readonly offset: number; readonly reason: string }
  | { readonly _tag: "UnsupportedFormat"; readonly file: string; readonly reason: string }
  | { readonly _tag: "StoreFenced"; readonly directory: string }

/** A clone of a view takes along all of the memory that it looks at. */
const alone = (bytes: Uint8Array): Uint8Array => bytes.byteLength === bytes.buffer.byteLength ? bytes : copyBytes(bytes)

const aloneBounds = <Bounds extends KeyBounds>(bounds: Bounds): Bounds => ({
  ...bounds,
  smallestKey: alone(bounds.smallestKey),
  largestKey: alone(bounds.largestKey)
})

/** The request to clone: nothing in it drags other memory along. */
export const portable = (request: JobRequest): JobRequest => {
  if (request._tag === "Flush") return request
  const { job } = request
  return {
    _tag: "Merge",
    job: {
      ...job,
      sources: job.sources.map((run) => run.map(({ meta, path }) => ({ path, meta: aloneBounds(meta) }))),
      below: job.below.map((table) => aloneBounds(table)),
      older: job.older.map((range) => aloneBounds(range))
    }
  }
}

const plainError = (error: JobError): PlainError => {
  switch (error._tag) {
    case "DiskError":
      return { _tag: error._tag, operation: error.operation, path: error.path, code: error.code }
    case "StoreCorrupted":
      return { _tag: error._tag, file: error.file, offset: error.offset, reason: error.reason }
    case "UnsupportedFormat":
      return { _tag: error._tag, file: error.file, reason: error.reason }
    case "StoreFenced":
      return { _tag: error._tag, directory: error.directory }
  }
}

export const errorOf = (plain: PlainError): JobError => {
  switch (plain._tag) {
    case "DiskError":
      return new DiskError(plain)
    case "StoreCorrupted":
      return new StoreCorrupted(plain)
    case "UnsupportedFormat":
      return new UnsupportedFormat(plain)
    case "StoreFenced":
      return new StoreFenced(plain)
  }
}

/** What a job wrote, as a reply. */
export const writtenReply = (tables: ReadonlyArray<TableMeta>): JobReply => ({
  _tag: "Written",
  tables: tables.map((meta) => aloneBounds(meta))
})

/** How a job failed, as a reply. */
export const failureReply = (cause: Cause.Cause<JobError>): JobReply => {
  if (Cause.hasInterruptsOnly(cause)) return { _tag: "Abandoned" }
  const error = Cause.findErrorOption(cause)
  if (Option.isSome(error)) return { _tag: "Failed", error: plainError(error.value) }
  const defect = Cause.squash(cause)
  return defect instanceof Error
    ? { _tag: "Defect", message: defect.message, stack: defect.stack }
    : { _tag: "Defect", message: String(defect), stack: undefined }
}
