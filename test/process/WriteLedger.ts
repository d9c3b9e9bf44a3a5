/** Writers that keep an account of what they were acknowledged, and the check of a store against it. */
import { assert } from "@effect/vitest"
import { Effect, Result, Stream } from "effect"
import type { Durability, ReadError, WriteError } from "../../src/index.ts"
import { compareBytes } from "../../src/record/Bytes.ts"
import { SeededRandom } from "../../src/testing/index.ts"
import { bytes, text } from "../store/storeHelpers.ts"
import type { Store } from "../store/storeHelpers.ts"

/** What a write was of. */
interface Write {
  readonly writer: number
  readonly count: number
}

const keyOf = ({ count, writer }: Write): string => `${writer}/${count}`

const valueOf = ({ count, writer }: Write): Uint8Array => {
  const random = new SeededRandom(writer * 100_003 + count)
  const value = new Uint8Array(200 + random.int(8_000))
  for (let at = 0; at < value.length; at++) value[at] = random.int(256)
  return value
}

const isSame = (one: Uint8Array | undefined, other: Uint8Array | undefined): boolean =>
  one === undefined || other === undefined ? one === other : compareBytes(one, other) === 0

const levels: ReadonlyArray<Durability> = ["sync", "buffered"]

export class WriteLedger {
  /** By key; false while it is not acknowledged. */
  readonly #writes = new Map<string, { readonly write: Write; isAcknowledged: boolean }>()
  readonly #counts: Array<number>

  constructor(writers: number) {
    this.#counts = Array.from({ length: writers }, () => 0)
  }

  get acknowledged(): number {
    return [...this.#writes.values()].filter(({ isAcknowledged }) => isAcknowledged).length
  }

  /** The writer's next write; each has keys of its own. */
  readonly writeNext = (store: Store, writer: number): Effect.Effect<void, WriteError> =>
    Effect.suspend(() => {
      const count = this.#counts[writer] ?? 0
      this.#counts[writer] = count + 1
      const write = { writer, count }
      const entry = { write, isAcknowledged: false }
      this.#writes.set(keyOf(write), entry)
      const durability = levels[write.count % levels.length]
      return Effect.map(store.put(bytes(keyOf(write)), valueOf(write), { durability }), () => {
        entry.isAcknowledged = true
      })
    })

  /** All writers write until each has been refused, or until `isEnough`; the refusals. */
  readonly write = (
    store: Store,
    isEnough: () => boolean = () => false
  ): Effect.Effect<ReadonlyArray<WriteError>> =>
    Effect.map(
      Effect.forEach(
        this.#counts.keys(),
        (writer) =>
          Effect.gen({ self: this }, function*() {
            while (!isEnough()) {
              const result = yield* Effect.result(this.writeNext(store, writer))
              if (Result.isFailure(result)) return result.failure
            }
            return undefined
          }),
        { concurrency: "unbounded" }
      ),
      (refusals) => refusals.filter((refusal) => refusal !== undefined)
    )

  /** The store holds every acknowledged write, and nothing that was not written; a read by key agrees with a scan. */
  readonly check = (store: Store): Effect.Effect<void, ReadError> =>
    Effect.scoped(Effect.gen({ self: this }, function*() {
      const writes = [...this.#writes].map(([key, { isAcknowledged, write }]) => ({ key, isAcknowledged, write }))
      const snapshot = yield* store.snapshot
      const found = new Map<string, Uint8Array>()
      for (const [key, value] of yield* Stream.runCollect(snapshot.scan())) found.set(text(key) ?? "", value)
      const problems: Array<string> = []
      for (const { isAcknowledged, key, write } of writes) {
        const scanned = found.get(key)
        const got = yield* snapshot.get(bytes(key))
        if (!isSame(got, scanned)) problems.push(`A get of ${key} differs from a scan.`)
        if (scanned === undefined && isAcknowledged) problems.push(`${key} is lost.`)
        if (scanned !== undefined && !isSame(scanned, valueOf(write))) problems.push(`${key} holds something else.`)
      }
      for (const key of found.keys()) {
        if (!this.#writes.has(key)) problems.push(`Nobody wrote ${key}.`)
      }
      assert.deepStrictEqual(problems, [])
    }))
}
