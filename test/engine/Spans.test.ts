import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Tracer } from "effect"
import { LsmStore, WriteBatch } from "../../src/index.ts"
import type { EngineOptions } from "../../src/index.ts"
import { bytes, open } from "../store/storeHelpers.ts"
import type { Store } from "../store/storeHelpers.ts"

interface SpanRecord {
  readonly name: string
  readonly parent: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
  readonly outcome: string
}

const recordOf = (span: Tracer.NativeSpan): SpanRecord => ({
  name: span.name,
  parent: span.parent._tag === "None"
    ? undefined
    : span.parent.value._tag === "Span"
    ? span.parent.value.name
    : "external",
  attributes: Object.fromEntries(span.attributes),
  outcome: span.status._tag === "Ended" ? span.status.exit._tag : "open"
})

/** The spans that a store makes in its life, in the order in which they began. */
const spansOf = <E>(use: (store: Store) => Effect.Effect<void, E>, options?: EngineOptions) =>
  Effect.gen(function*() {
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (spanOptions) => {
        const span = new Tracer.NativeSpan(spanOptions)
        spans.push(span)
        return span
      }
    })
    yield* Effect.scoped(Effect.flatMap(open(LsmStore.layerMemory(options)), use)).pipe(
      Effect.withSpan("program"),
      Effect.withTracer(tracer)
    )
    return spans.map(recordOf).filter(({ name }) => name !== "program")
  })

const named = (spans: ReadonlyArray<SpanRecord>, name: string) => spans.filter((span) => span.name === name)

describe("spans", () => {
  it.effect("tell of opening, and of the recovery in it, within the caller's span", () =>
    Effect.gen(function*() {
      const spans = yield* spansOf(() => Effect.void)
      assert.deepStrictEqual(spans, [
        { name: "effect_lsm.open", parent: "program", attributes: { store: "/memory" }, outcome: "Success" },
        {
          name: "effect_lsm.recovery",
          parent: "effect_lsm.open",
          attributes: { store: "/memory", segments: 0, records: 0, discarded_bytes: 0 },
          outcome: "Success"
        }
      ])
    }))

  it.effect("tell of each group with its records, bytes, durability and segment, and of no key", () =>
    Effect.gen(function*() {
      const spans = yield* spansOf((store) =>
        Effect.gen(function*() {
          yield* store.put(bytes("a"), bytes("1"))
          yield* store.write(WriteBatch.make().put(bytes("b"), bytes("2")).delete(bytes("a")), {
            durability: "buffered"
          })
          yield* store.put(bytes("c"), bytes("3"), { durability: "async" })
          yield* store.sync
          for (const key of ["a", "b", "c"]) yield* store.get(bytes(key))
        })
      )
      const commits = named(spans, "effect_lsm.commit")
      assert.deepStrictEqual(
        commits.map(({ attributes: { durability, records, segment } }) => [durability, records, segment]),
        [["sync", 1, 1], ["buffered", 2, 1], ["async", 1, 1]]
      )
      for (const { attributes, outcome, parent } of commits) {
        assert.isAbove(Number(attributes["bytes"]), 0)
        assert.strictEqual(attributes["store"], "/memory")
        assert.isUndefined(parent)
        assert.strictEqual(outcome, "Success")
      }
      assert.strictEqual(spans.length, 2 + commits.length)
    }))

  it.effect("tell of flushes and compactions with what went in and what came out", () =>
    Effect.gen(function*() {
      const spans = yield* spansOf((store) =>
        Effect.gen(function*() {
          for (const value of ["1", "2"]) {
            yield* store.put(bytes("a"), bytes(value))
            yield* store.flush
          }
          yield* store.compact()
          const { compaction, levels } = yield* store.stats
          assert.strictEqual(compaction.count, 1)
          assert.strictEqual(levels[0]?.bytesWritten, compaction.bytesRead)
        })
      )
      const flushes = named(spans, "effect_lsm.flush")
      assert.deepStrictEqual(flushes.map(({ attributes: { records, segment } }) => [segment, records]), [[1, 1], [
        2,
        1
      ]])
      const [compaction, ...others] = named(spans, "effect_lsm.compaction")
      assert.isEmpty(others)
      assert.isDefined(compaction)
      const { bytes_read, bytes_written, ...known } = compaction.attributes
      assert.deepStrictEqual(known, { store: "/memory", strategy: "levelled", level: 6, inputs: 2, outputs: 1 })
      assert.strictEqual(
        bytes_read,
        flushes.reduce((sum, { attributes }) => sum + Number(attributes["bytes_written"]), 0)
      )
      assert.isAbove(Number(bytes_written), 0)
      for (const { outcome, parent } of [...flushes, compaction]) {
        assert.isUndefined(parent)
        assert.strictEqual(outcome, "Success")
      }
    }))

  it.effect("I12: that a tracer throws at stop neither writes nor the background", () =>
    Effect.gen(function*() {
      const fail = (): never => {
        throw new Error("a tracer of no use")
      }
      let calls = 0
      const useless = Tracer.make({
        span: (options) => {
          calls++
          const span = new Tracer.NativeSpan(options)
          return calls % 2 === 0 ? fail() : Object.assign(span, { attribute: fail, end: fail })
        }
      })
      const program = Effect.gen(function*() {
        const store = yield* LsmStore
        for (const value of ["1", "2", "3"]) {
          yield* store.put(bytes("a"), bytes(value))
          yield* store.flush
        }
        yield* store.compact()
        const { actors, readOnly } = yield* store.stats
        assert.isFalse(readOnly)
        for (const { restarts } of actors) assert.strictEqual(restarts, 0)
        assert.deepStrictEqual(yield* store.get(bytes("a")), bytes("3"))
      })
      yield* program.pipe(Effect.provide(Layer.fresh(LsmStore.layerMemory())), Effect.withTracer(useless))
      assert.isAbove(calls, 5)
    }))
})
