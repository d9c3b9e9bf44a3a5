/**
 * The Wal's mailbox: requests in order of arrival, their bytes copied on the
 * way in, and one wake-up a group.
 *
 * It is bounded in bytes; it admits one oversized request when it is empty. A
 * request past the bound waits outside, in order, with its bytes in a buffer of
 * its own. A request that still waits can be withdrawn at once; what the Wal has
 * taken cannot (I14).
 */
import { Effect } from "effect"
import type { ArenaMemtable } from "../memtable/ArenaMemtable.ts"
import { noBytes } from "../record/Bytes.ts"
import { deleteSize, putSize, writeDelete, writePut } from "../record/RecordCodec.ts"
import type { StoreReadOnly, WriteError } from "../StoreError.ts"
import type { EncodedRange } from "../WriteBatch.ts"
import { unsealBatch } from "../WriteBatch.ts"
import { CommitRequest, RequestState } from "./CommitRequest.ts"
import type { Waiter } from "./CommitRequest.ts"

const bufferSize = 256 * 1024
/** A record above this size gets a buffer of its own, so that it does not push small ones apart. */
const largestShared = 64 * 1024
/** Bytes of such buffers that are kept to be used again, and by how much they are longer than asked for at most. */
const largeKept = 2 * 1024 * 1024
const largeUnit = 16 * 1024
/** How many withdrawn requests may stay, beside as many as wait. */
const withdrawnKept = 64

/** Requests that go to the log together. */
export interface CommitGroup {
  readonly requests: ReadonlyArray<CommitRequest>
  readonly records: number
  readonly bytes: number
  /** The highest level that a request in the group asks for. */
  readonly level: number
  /** True if a request in the group asks for no more than `"async"`. */
  readonly hasAsync: boolean
  /** The shared buffer that holds the group's small records, to be given back. */
  readonly buffer: Uint8Array<ArrayBuffer> | undefined
  /** The buffers of its large records, likewise. */
  readonly large: ReadonlyArray<Uint8Array>
}

const noBuffers: ReadonlyArray<Uint8Array> = []

export class Mailbox {
  readonly #capacity: number
  #requests: Array<CommitRequest> = []
  #outside: Array<CommitRequest> = []
  /** Requests withdrawn since those outside were last looked through. */
  #withdrawn = 0
  #queuedBytes = 0
  #buffer = new Uint8Array(bufferSize)
  #used = 0
  /** Where `#place` found room, until the request is made. */
  #placed: Uint8Array = noBytes
  #spare: Uint8Array<ArrayBuffer> | undefined
  /** For large records; their bytes in all. */
  readonly #spareLarge: Array<Uint8Array> = []
  #spareLargeBytes = 0
  #waiter: (() => void) | undefined
  #signalled = false
  #refusal: WriteError | undefined

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get isEmpty(): boolean {
    return this.#requests.length === 0
  }

  /** How many requests it holds, those that were withdrawn and not yet dropped included. */
  get size(): number {
    return this.#requests.length + this.#outside.length
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Set once no more requests are taken: what new ones fail with. */
  get refusal(): WriteError | undefined {
    return this.#refusal
  }

  offerPut(key: Uint8Array, value: Uint8Array, level: number, waiter: Waiter): CommitRequest {
    const size = putSize(key.length, value.length)
    const start = this.#place(size)
    return this.#addPlaced(start, writePut(this.#placed, start, key, value), size, level, waiter)
  }

  offerDelete(key: Uint8Array, level: number, waiter: Waiter): CommitRequest {
    const size = deleteSize(key.length)
    const start = this.#place(size)
    return this.#addPlaced(start, writeDelete(this.#placed, start, key), size, level, waiter)
  }

  #addPlaced(start: number, end: number, size: number, level: number, waiter: Waiter): CommitRequest {
    const buffer = this.#placed
    // A buffer of the record's own may be large, and goes with its request.
    this.#placed = noBytes
    return this.#add(new CommitRequest(this, buffer, start, end, undefined, 1, size, level, waiter))
  }

  /** A batch's stretches are taken as they are: a batch is only ever appended to. */
  offerBatch(
    ranges: ReadonlyArray<EncodedRange>,
    records: number,
    bytes: number,
    level: number,
    waiter: Waiter
  ): CommitRequest {
    return this.#add(new CommitRequest(this, noBytes, 0, 0, ranges, records, bytes, level, waiter))
  }

  #isFull(bytes: number): boolean {
    return this.#outside.length > 0 || (this.#queuedBytes > 0 && this.#queuedBytes + bytes > this.#capacity)
  }

  /** Where in `#placed` so many bytes have their place. */
  #place(size: number): number {
    if (size > largestShared) {
      this.#placed = this.#takeLarge(size)
      return 0
    }
    if (this.#isFull(size)) {
      this.#placed = new Uint8Array(size)
      return 0
    }
    if (this.#used + size > this.#buffer.length) {
      this.#buffer = new Uint8Array(bufferSize)
      this.#used = 0
    }
    const start = this.#used
    this.#used = start + size
    this.#placed = this.#buffer
    return start
  }

  /** A fresh large buffer costs more than the copy into it, and is a burden to the garbage collector. */
  #takeLarge(size: number): Uint8Array {
    const length = Math.ceil(size / largeUnit) * largeUnit
    if (length > largeKept) return new Uint8Array(size)
    const at = this.#spareLarge.findIndex((spare) => spare.length === length)
    if (at < 0) return new Uint8Array(length)
    this.#spareLargeBytes -= length
    return this.#spareLarge.splice(at, 1)[0]!
  }

  #add(request: CommitRequest): CommitRequest {
    if (this.#isFull(request.bytes)) {
      this.#outside.push(request)
    } else {
      this.#requests.push(request)
      this.#queuedBytes += request.bytes
    }
    this.wake()
    return request
  }

  /** Takes the request back if it still waits; nothing of it will be written. */
  withdraw(request: CommitRequest): void {
    if (request.state !== RequestState.waiting) return
    request.state = RequestState.withdrawn
    if (typeof request.waiter === "object") unsealBatch(request.waiter.batch)
    // Whoever gives up and tries again, while nothing is taken, must not fill the memory.
    if (++this.#withdrawn * 2 > this.#outside.length + withdrawnKept) {
      this.#outside = this.#outside.filter((waiting) => waiting.state === RequestState.waiting)
      this.#withdrawn = 0
    }
  }

  /**
   * Takes as many requests as fit into the memtable, in order. Undefined if the
   * first does not fit: then `firstNeeds` tells its size. An empty memtable takes
   * what its arena takes, and beyond the first request no more than its limit.
   */
  take(index: ArenaMemtable): CommitGroup | undefined {
    const waiting = this.#requests
    const taken: Array<CommitRequest> = []
    let records = 0
    let bytes = 0
    let level = 0
    let hasAsync = false
    let large: Array<Uint8Array> | undefined
    let at = 0
    for (; at < waiting.length; at++) {
      const request = waiting[at]!
      if (request.state === RequestState.withdrawn) {
        this.#queuedBytes -= request.bytes
        continue
      }
      const nextBytes = bytes + request.bytes
      const withinLimit = index.usedBytes + nextBytes <= index.limit || (index.isEmpty && taken.length === 0)
      if (request.records > 0 && !(withinLimit && index.fits(records + request.records, nextBytes))) break
      request.state = RequestState.taken
      taken.push(request)
      records += request.records
      bytes += request.bytes
      if (request.level > level) level = request.level
      if (request.level === 0) hasAsync = true
      if (request.bytes > largestShared && request.ranges === undefined) (large ??= []).push(request.buffer)
    }
    this.#queuedBytes -= bytes
    const allTaken = at === waiting.length
    if (allTaken) waiting.length = 0
    else waiting.splice(0, at)
    let buffer: Uint8Array<ArrayBuffer> | undefined
    if (allTaken && this.#used > 0) {
      buffer = this.#buffer
      this.#buffer = this.#spare ?? new Uint8Array(bufferSize)
      this.#spare = undefined
      this.#used = 0
    }
    this.#admit()
    if (taken.length === 0 && !allTaken) return undefined
    return { requests: taken, records, bytes, level, hasAsync, buffer, large: large ?? noBuffers }
  }

  /** Refuses the request that `take` found not to fit, if it still waits. */
  refuseFirst(error: WriteError): void {
    const first = this.#requests.shift()
    if (first === undefined) return
    this.#queuedBytes -= first.bytes
    this.#admit()
    if (first.state === RequestState.waiting) {
      this.withdraw(first)
      first.refuse(error)
    }
  }

  /** Size of the request that `take` found not to fit. */
  firstNeeds(): { readonly records: number; readonly bytes: number } {
    const first = this.#requests[0]
    return { records: first?.records ?? 0, bytes: first?.bytes ?? 0 }
  }

  #admit(): void {
    const outside = this.#outside
    let at = 0
    for (; at < outside.length; at++) {
      const request = outside[at]!
      if (request.state === RequestState.withdrawn) continue
      if (this.#queuedBytes > 0 && this.#queuedBytes + request.bytes > this.#capacity) break
      this.#requests.push(request)
      this.#queuedBytes += request.bytes
    }
    if (at > 0) outside.splice(0, at)
  }

  /** Takes back the buffers of a group that is done with. */
  recycle(group: CommitGroup): void {
    if (this.#spare === undefined && group.buffer !== undefined) this.#spare = group.buffer
    for (const buffer of group.large) {
      if (buffer.length > largeKept) continue
      // Those of a length that is no longer asked for must not stay for ever.
      if (this.#spareLargeBytes + buffer.length > largeKept) this.#forgetLarge()
      this.#spareLarge.push(buffer)
      this.#spareLargeBytes += buffer.length
    }
  }

  #forgetLarge(): void {
    this.#spareLarge.length = 0
    this.#spareLargeBytes = 0
  }

  /** Refuses every later request with `error`; those that wait are still taken. */
  refuseLater(error: WriteError): void {
    this.#refusal ??= error
    this.wake()
  }

  /** Refuses every waiting and every later request. */
  refuseAll(error: StoreReadOnly): void {
    this.#refusal = error
    const waiting = [...this.#requests, ...this.#outside]
    this.#requests = []
    this.#outside = []
    this.#queuedBytes = 0
    this.#used = 0
    this.#buffer = new Uint8Array(bufferSize)
    for (const request of waiting) {
      if (request.state !== RequestState.waiting) continue
      this.withdraw(request)
      request.refuse(error)
    }
    this.wake()
  }

  /** Wakes the Wal if it waits, and else keeps it from waiting. */
  wake(): void {
    this.#signalled = true
    const waiter = this.#waiter
    if (waiter === undefined) return
    this.#waiter = undefined
    waiter()
  }

  /** Forgets the wake-ups so far; for the Wal, before it looks for work. */
  clearSignal(): void {
    this.#signalled = false
  }

  /** Returns after a wake-up since `clearSignal`. The waker goes on first: the Wal runs after a yield. */
  readonly awaitWork: Effect.Effect<void> = Effect.andThen(
    Effect.callback<void>((resume) => {
      if (this.#signalled) return resume(Effect.void)
      this.#waiter = () => resume(Effect.void)
      return Effect.sync(() => {
        this.#waiter = undefined
      })
    }),
    Effect.yieldNow
  )
}
