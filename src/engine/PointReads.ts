/**
 * Point reads: newest to oldest, active, immutables, level 0, deeper levels (I1, I8, I9).
 *
 * A read loads the view and the visible sequence in one stretch. What memory,
 * the block cache or the page cache answers is answered in that stretch, inside
 * one effect. Only a read that must wait for the disk retains the view; it loads
 * and retains it in one uninterruptible stretch, so that no interrupt leaks the
 * reference.
 */
import { Effect, Effectable } from "effect"
import { copyBytes } from "../record/Bytes.ts"
import { RecordKind } from "../record/RecordKind.ts"
import type { ReadOptions } from "../Snapshot.ts"
import { InvalidArgument } from "../StoreError.ts"
import type { ReadError, StoreClosed } from "../StoreError.ts"
import { KeyHash } from "../table/KeyHash.ts"
import { readFailure } from "../table/ReadFailure.ts"
import { TableResult, TableStatus } from "../table/TableReader.ts"
import type { TableReader } from "../table/TableReader.ts"
import { keyProblem } from "../WriteBatch.ts"
import type { Counters, EngineStateShape } from "./EngineState.ts"
import type { LiveTable } from "./LiveTable.ts"
import { sequenceOf, viewOf } from "./PinnedSnapshot.ts"
import type { ReadView } from "./ReadView.ts"
import { ValueSlab } from "./ValueSlab.ts"

/** Keys looked up by `getMany` without a yield. */
const keysPerSlice = 256

export interface PointReads {
  readonly get: (key: Uint8Array, options?: ReadOptions) => Effect.Effect<Uint8Array | undefined, ReadError>
  readonly getMany: (
    keys: ReadonlyArray<Uint8Array>,
    options?: ReadOptions
  ) => Effect.Effect<ReadonlyArray<Uint8Array | undefined>, ReadError>
  readonly has: (key: Uint8Array, options?: ReadOptions) => Effect.Effect<boolean, ReadError>
}

/** Why no read is taken now, or undefined. */
export const readRefusal = (engine: EngineStateShape): StoreClosed | undefined => engine.status.value.closed

/** `Array.isArray`, without the widening to `any`. */
const isArray = (value: unknown): boolean => Array.isArray(value)

export const Found = { absent: 0, value: 1, needsLoad: 2 } as const
export type Found = typeof Found[keyof typeof Found]

/** One lookup at a time: how far it has come, and where its answer lies. */
export class Lookup {
  readonly result = new TableResult()
  readonly #counters: Counters
  buffer: Uint8Array = new Uint8Array(0)
  offset = 0
  length = 0
  readonly #hash = new KeyHash()
  /** Where the lookup stands: a table of level 0, or behind them a run. */
  #place = 0
  /** The table that lacked a block. */
  #reader: TableReader | undefined

  constructor(counters: Counters) {
    this.#counters = counters
  }

  run(view: ReadView, key: Uint8Array, sequence: number): Found {
    const active = view.active.index
    let ref = active.find(key, sequence)
    if (ref !== 0) return this.#take(active, ref)
    for (const { index } of view.immutables) {
      ref = index.find(key, sequence)
      if (ref !== 0) return this.#take(index, ref)
    }
    this.#place = 0
    const { level0, runs } = view.tables
    if (level0.length === 0 && runs.length === 0) return Found.absent
    this.#hash.set(key, 0, key.length)
    return this.resume(view, key, sequence)
  }

  /**
   * Goes on in the table whose block was lacking, once it is loaded: a lookup
   * that began anew could lose the block of an earlier table each time.
   */
  resume(view: ReadView, key: Uint8Array, sequence: number): Found {
    const { result } = this
    const { level0, runLevels, runs } = view.tables
    const { levelReads } = this.#counters
    for (const places = level0.length + runs.length; this.#place < places; this.#place++) {
      let table: LiveTable
      let level = 0
      if (this.#place < level0.length) {
        table = level0[this.#place]!
      } else {
        const run = runs[this.#place - level0.length]!
        const at = run.find(key)
        if (at < 0) continue
        table = run.tables[at]!
        level = runLevels[this.#place - level0.length]!
      }
      const status = table.reader.getHashed(key, this.#hash, sequence, result)
      if (result.searched) levelReads[level]!++
      if (status === TableStatus.absent) continue
      if (status === TableStatus.needsLoad) {
        this.#reader = table.reader
        return Found.needsLoad
      }
      if (status === TableStatus.deleted) return Found.absent
      this.buffer = result.valueBuffer
      this.offset = result.valueOffset
      this.length = result.valueLength
      return Found.value
    }
    return Found.absent
  }

  /** Reads the block that the lookup lacks, for `resume`. */
  load(): Effect.Effect<void, ReadError> {
    return this.#reader === undefined ? Effect.void : this.#reader.load(this.result)
  }

  #take(index: ReadView["active"]["index"], ref: number): Found {
    if (index.kindOf(ref) === RecordKind.delete) return Found.absent
    this.buffer = index.bytes
    this.offset = index.valueOffsetOf(ref)
    this.length = index.valueLengthOf(ref)
    return Found.value
  }
}

/** A read to be made when its effect starts: one object, where `Effect.suspend` takes a closure besides, and longer. */
class PointRead<K, A> extends Effectable.Class<A, ReadError> {
  readonly #read: (keys: K, options: ReadOptions | undefined) => Effect.Effect<A, ReadError>
  readonly #keys: K
  readonly #options: ReadOptions | undefined

  constructor(
    read: (keys: K, options: ReadOptions | undefined) => Effect.Effect<A, ReadError>,
    keys: K,
    options: ReadOptions | undefined
  ) {
    super()
    this.#read = read
    this.#keys = keys
    this.#options = options
  }

  asEffect(): Effect.Effect<A, ReadError> {
    return this.#read(this.#keys, this.#options)
  }
}

/** Made once: what reads of missing keys, and questions, end with. */
const absent = Effect.undefined
const yes = Effect.succeed(true)
const no = Effect.succeed(false)

export const makePointReads = (engine: EngineStateShape): PointReads => {
  const slab = new ValueSlab()
  /** Serves every read that ends in one stretch. */
  const shared = new Lookup(engine.counters)

  const copyOf = (lookup: Lookup): Uint8Array => slab.copy(lookup.buffer, lookup.offset, lookup.length)

  /** Looks keys up in one retained view, with what waiting that takes. */
  const readSlowly = <A>(
    keys: ReadonlyArray<Uint8Array>,
    options: ReadOptions | undefined,
    take: (found: Found, lookup: Lookup) => A
  ): Effect.Effect<Array<A>, ReadError> =>
    Effect.uninterruptibleMask((restore) => {
      const sequence = sequenceOf(engine, options?.snapshot)
      if (typeof sequence !== "number") return Effect.fail(sequence)
      const view = viewOf(engine, options?.snapshot)
      view.retain()
      const lookup = new Lookup(engine.counters)
      const results: Array<A> = []
      let isLoaded = false
      const step = (): Effect.Effect<void, ReadError> => {
        const end = Math.min(keys.length, results.length + keysPerSlice)
        try {
          while (results.length < end) {
            const key = keys[results.length]!
            const found = isLoaded ? lookup.resume(view, key, sequence) : lookup.run(view, key, sequence)
            isLoaded = found === Found.needsLoad
            if (isLoaded) return lookup.load()
            results.push(take(found, lookup))
          }
        } catch (thrown) {
          return readFailure(thrown)
        }
        return results.length < keys.length ? Effect.yieldNow : Effect.void
      }
      return Effect.ensuring(
        restore(Effect.as(
          Effect.whileLoop({
            while: () => results.length < keys.length,
            body: () => Effect.suspend(step),
            step: () => {}
          }),
          results
        )),
        Effect.sync(() => view.release())
      )
    })

  const readOne = <A>(
    key: Uint8Array,
    options: ReadOptions | undefined,
    answer: (found: Found, lookup: Lookup) => Effect.Effect<A>
  ): Effect.Effect<A, ReadError> => {
    const refusal = readRefusal(engine)
    if (refusal !== undefined) return Effect.fail(refusal)
    const problem = keyProblem(key)
    if (problem !== undefined) return Effect.fail(new InvalidArgument({ argument: "key", reason: problem }))
    const sequence = sequenceOf(engine, options?.snapshot)
    if (typeof sequence !== "number") return Effect.fail(sequence)
    engine.counters.gets++
    try {
      const found = shared.run(viewOf(engine, options?.snapshot), key, sequence)
      if (found !== Found.needsLoad) return answer(found, shared)
    } catch (thrown) {
      return readFailure(thrown)
    }
    return Effect.flatMap(readSlowly([copyBytes(key)], options, answer), ([only]) => only!)
  }

  const valueOf = (found: Found, lookup: Lookup): Uint8Array | undefined =>
    found === Found.value ? copyOf(lookup) : undefined

  const answerValue = (found: Found, lookup: Lookup): Effect.Effect<Uint8Array | undefined> =>
    found === Found.value ? Effect.succeed(copyOf(lookup)) : absent

  const answerExists = (found: Found): Effect.Effect<boolean> => found === Found.value ? yes : no

  const getMany = (
    keys: ReadonlyArray<Uint8Array>,
    options: ReadOptions | undefined
  ): Effect.Effect<ReadonlyArray<Uint8Array | undefined>, ReadError> => {
    const refusal = readRefusal(engine)
    if (refusal !== undefined) return Effect.fail(refusal)
    if (!isArray(keys)) return Effect.fail(new InvalidArgument({ argument: "keys", reason: "must be an array" }))
    for (let i = 0; i < keys.length; i++) {
      const problem = keyProblem(keys[i])
      if (problem !== undefined) {
        return Effect.fail(new InvalidArgument({ argument: "keys", reason: `key ${i} ${problem}` }))
      }
    }
    const sequence = sequenceOf(engine, options?.snapshot)
    if (typeof sequence !== "number") return Effect.fail(sequence)
    engine.counters.gets += keys.length
    if (keys.length <= keysPerSlice) {
      const view = viewOf(engine, options?.snapshot)
      const values: Array<Uint8Array | undefined> = []
      try {
        for (const key of keys) {
          const found = shared.run(view, key, sequence)
          if (found === Found.needsLoad) break
          values.push(valueOf(found, shared))
        }
      } catch (thrown) {
        return readFailure(thrown)
      }
      if (values.length === keys.length) return Effect.succeed(values)
    }
    return readSlowly(keys.map(copyBytes), options, valueOf)
  }

  const getOne = (key: Uint8Array, options: ReadOptions | undefined) => readOne(key, options, answerValue)
  const hasOne = (key: Uint8Array, options: ReadOptions | undefined) => readOne(key, options, answerExists)

  return {
    get: (key, options) => new PointRead(getOne, key, options),
    has: (key, options) => new PointRead(hasOne, key, options),
    getMany: (keys, options) => new PointRead(getMany, keys, options)
  }
}
