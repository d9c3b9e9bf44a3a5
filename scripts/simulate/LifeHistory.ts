/** What one life did to its store, and what that allows a reader or a recovery to find. */
import { Effect, Stream } from "effect"
import type { Durability, LsmStore, WriteBatch } from "../../src/index.ts"

type Store = LsmStore["Service"]

interface Problem {
  readonly invariant: string
  readonly message: string
}

interface Write {
  readonly entries: ReadonlyMap<string, string | undefined>
  readonly level: Durability
  readonly begun: number
  ended: number
  durable: number
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1")

export interface HistoryMark {
  readonly time: number
}

/** A stopgap until the testing entry has one. */
export class StoreHistory {
  readonly #writes: Array<Write> = []
  readonly #byKey = new Map<string, Array<Write>>()
  readonly #problems: Array<Problem> = []
  readonly #initial = new Map<string, string>()
  readonly #level: Durability
  #time = 0

  constructor(initial: Iterable<readonly [Uint8Array, Uint8Array]> = [], level: Durability = "sync") {
    this.#level = level
    for (const [key, value] of initial) this.#initial.set(text(key), text(value))
  }

  mark(): HistoryMark {
    return { time: this.#time++ }
  }

  problems(): ReadonlyArray<Problem> {
    return this.#problems
  }

  problemsAfter(
    content: Iterable<readonly [Uint8Array, Uint8Array]>,
    at: HistoryMark,
    end: "power cut" | "kill" | "close"
  ): ReadonlyArray<Problem> {
    const problems: Array<Problem> = []
    const found = new Map<string, string>()
    for (const [key, value] of content) found.set(text(key), text(value))
    const isKept = (write: Write): boolean =>
      write.durable <= at.time
      || (write.ended <= at.time
        && (end === "close" || write.level === "sync" || (end === "kill" && write.level === "buffered")))
    for (const key of new Set([...found.keys(), ...this.#byKey.keys(), ...this.#initial.keys()])) {
      const reason = this.#judge(key, found.get(key), at.time, isKept)
      if (reason !== undefined) problems.push({ invariant: "I5", message: `${key} after a ${end}: ${reason}` })
    }
    return problems
  }

  observe(store: Store): Store {
    const look = (key: Uint8Array, value: Uint8Array | undefined, begun: number): void => {
      const name = text(key)
      const reason = this.#judge(
        name,
        value === undefined ? undefined : text(value),
        Infinity,
        (write) => write.ended < begun
      )
      if (reason !== undefined) this.#problems.push({ invariant: "I1", message: `${name}: ${reason}` })
    }
    const track = <A, E>(
      entries: ReadonlyArray<readonly [Uint8Array, Uint8Array | undefined]>,
      level: Durability | undefined,
      effect: Effect.Effect<A, E>
    ): Effect.Effect<A, E> =>
      Effect.suspend(() => {
        const write: Write = {
          entries: new Map(entries.map(([key, value]) => [text(key), value === undefined ? undefined : text(value)])),
          level: level ?? this.#level,
          begun: this.#time++,
          ended: Infinity,
          durable: Infinity
        }
        this.#writes.push(write)
        for (const key of write.entries.keys()) {
          const known = this.#byKey.get(key)
          if (known === undefined) this.#byKey.set(key, [write])
          else known.push(write)
        }
        return Effect.map(effect, (result) => {
          write.ended = this.#time++
          return result
        })
      })
    const durable = <E>(effect: Effect.Effect<void, E>): Effect.Effect<void, E> =>
      Effect.suspend(() => {
        const begun = this.#time++
        return Effect.map(effect, () => {
          const now = this.#time++
          for (const write of this.#writes) if (write.ended < begun) write.durable = Math.min(write.durable, now)
        })
      })
    return {
      ...store,
      put: (key, value, options) => track([[key, value]], options?.durability, store.put(key, value, options)),
      delete: (key, options) => track([[key, undefined]], options?.durability, store.delete(key, options)),
      write: (batch, options) => track(batchEntries.get(batch) ?? [], options?.durability, store.write(batch, options)),
      get: (key, options) =>
        Effect.suspend(() => {
          const begun = this.#time++
          return Effect.map(store.get(key, options), (value) => {
            if (options?.snapshot === undefined) look(key, value, begun)
            return value
          })
        }),
      getMany: (keys, options) =>
        Effect.suspend(() => {
          const begun = this.#time++
          return Effect.map(store.getMany(keys, options), (values) => {
            if (options?.snapshot === undefined) {
              for (const [at, key] of keys.entries()) look(key, values[at], begun)
            }
            return values
          })
        }),
      scan: (options) =>
        Stream.suspend(() => {
          const begun = this.#time++
          return Stream.map(store.scan(options), (entry) => {
            if (options?.snapshot === undefined) look(entry[0], entry[1], begun)
            return entry
          })
        }),
      sync: durable(store.sync),
      flush: durable(store.flush)
    }
  }

  #judge(
    key: string,
    found: string | undefined,
    until: number,
    isBefore: (write: Write) => boolean
  ): string | undefined {
    const writes = (this.#byKey.get(key) ?? []).filter((write) => write.begun < until)
    const sources = writes.filter((write) => write.entries.get(key) === found)
    const isFree = (ended: number) => !writes.some((write) => isBefore(write) && write.begun > ended)
    if (sources.some(({ ended }) => isFree(ended))) return undefined
    if (this.#initial.get(key) === found && isFree(-1)) return undefined
    const what = found === undefined ? "nothing" : found.slice(0, 40)
    return sources.length === 0 ? `holds ${what}, which nobody wrote` : `holds ${what}, which was overwritten`
  }
}

/** What a batch holds, for those who look at it from outside. */
export const batchEntries = new WeakMap<WriteBatch, ReadonlyArray<readonly [Uint8Array, Uint8Array | undefined]>>()
