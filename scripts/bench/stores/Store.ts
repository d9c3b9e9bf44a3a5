/**
 * What the benchmark asks of a store, and the two manners in which stores are
 * called: by effects, in fibers, or by plain calls that answer at once or with a
 * promise. A workload is written once for both; each store does what is fastest
 * for it, and nothing of the one manner is paid for by the other.
 */
import { Schema } from "effect"
import type { Effect, Scope } from "effect"
import type { Durability, ReadError, WriteError } from "../../../src/index.ts"

export type Manner = "effect" | "plain"

/** One call of a store, which answers with an `A`. */
export type Call<M extends Manner, A> = M extends "effect" ? Effect.Effect<A, ReadError | WriteError>
  : A | PromiseLike<A>

/** Calls that follow on each other in each of some fibers. */
export interface Loop<M extends Manner, A> {
  readonly fibers: number
  /** Whether the fiber makes one more call. */
  readonly more: (fiber: number) => boolean
  readonly call: (fiber: number) => Call<M, A>
  readonly done: (fiber: number, result: A) => void
  /** After so many calls that answered at once a plain store lets the event loop turn. Default 256. */
  readonly turnEvery?: number | undefined
}

/** Makes calls of one manner. A call that fails is a defect: the measurement is worth nothing then. */
export interface Caller<M extends Manner> {
  /** Runs a loop to its end. */
  readonly drive: <A>(loop: Loop<M, A>) => Effect.Effect<void>
  /** One call. */
  readonly once: <A>(call: () => Call<M, A>) => Effect.Effect<A>
  /** Begins one call from outside of any fiber; `end` may be told at once. */
  readonly begin: <A>(call: () => Call<M, A>, end: (result: A) => void, fail: (reason: string) => void) => void
}

export type Visit = (key: Uint8Array, value: Uint8Array) => void

type Get<M extends Manner> = (key: Uint8Array) => Call<M, Uint8Array | undefined>

export interface Stalls {
  readonly count: number
  readonly milliseconds: number
}

/**
 * An open store. What it lacks is left out. What reads return is the caller's
 * own memory. Writes are acknowledged at the durability that it was opened with;
 * no key and no value is changed before that.
 */
export interface Store<M extends Manner> {
  readonly manner: M
  readonly caller: Caller<M>
  readonly put: (key: Uint8Array, value: Uint8Array) => Call<M, unknown>
  /** All or none of them. */
  readonly write?: (keys: ReadonlyArray<Uint8Array>, values: ReadonlyArray<Uint8Array>) => Call<M, unknown>
  /** The call that does not hold the event loop while it waits, if there is one. */
  readonly get?: Get<M>
  /** The call that answers at once. */
  readonly getSync?: Get<M>
  readonly getMany?: (keys: ReadonlyArray<Uint8Array>) => Call<M, ReadonlyArray<Uint8Array | undefined>>
  /** Visits all entries in key order. */
  readonly scan?: (visit: Visit) => Call<M, unknown>
  /** Visits `limit` entries from a key on. */
  readonly range?: (from: Uint8Array, limit: number, visit: Visit) => Call<M, unknown>
  /** Brings the whole store into its smallest and fastest form. */
  readonly compact?: () => Call<M, unknown>
  /** Returns when no background work is under way or due. */
  readonly settled: Effect.Effect<void>
  /** Puts that go into one batch where the store is to write as fast as it can beside reads; 1: single puts. */
  readonly batchBeside: number
  /** How often, and for how many milliseconds, writers have been stopped, if it can be told. */
  readonly stalls?: Effect.Effect<Stalls>
}

export type AnyStore = Store<"effect"> | Store<"plain">

/** How a store is opened. */
export interface OpenOptions {
  readonly directory: string
  readonly durability: Durability
  /** Bytes of the memtable or write buffer, and of the cache; undefined: the store's own default. */
  readonly memtable: number | undefined
  readonly cache: number | undefined
  /** Of threads for background work, for the store that has the option. */
  readonly workers: 0 | 2
  /** Each sync takes at least so long, for the store that has the option. */
  readonly syncMicroseconds: number | undefined
}

/** Opens a store for the scope. Whatever goes wrong is a defect. */
export type OpenStore = (options: OpenOptions) => Effect.Effect<AnyStore, never, Scope.Scope>

/** The store has no such call. */
export class Unsupported extends Schema.TaggedError<Unsupported>()("Unsupported", { reason: Schema.String }) {
  override get message(): string {
    return this.reason
  }
}

/** The call that reads one key fastest. */
export const fastestGet = <M extends Manner>(store: Pick<Store<M>, "get" | "getSync">): Get<M> => {
  const get = store.getSync ?? store.get
  if (get === undefined) throw new TypeError("The store has no get.")
  return get
}
