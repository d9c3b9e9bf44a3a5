/**
 * Spans of what the engine does at length: opening, recovery, flushes,
 * compactions, and group commits. None per key.
 *
 * A span costs microseconds, which a small group feels: without a tracing backend
 * in the context that the store's layer is built in, none is made. Those of
 * background work are roots: whichever span the store was opened in is long over.
 * Whatever a tracer throws is its own affair: in the Wal it would stop writes (I12).
 */
import { Effect, Exit, References, Tracer } from "effect"

/** What work says of itself in its span. */
export interface EngineSpan {
  readonly span: Tracer.Span
  readonly note: (attributes: Readonly<Record<string, unknown>>) => void
}

/** Whether anybody sees the spans of this fiber. */
export const spansAreSeen: Effect.Effect<boolean> = Effect.withFiber((fiber) =>
  Effect.succeed(fiber.getRef(References.TracerEnabled) && fiber.getRef(Tracer.Tracer) !== Tracer.nativeTracer)
)

const tryTo = (call: () => void): void => {
  try {
    call()
  } catch {
    // The span lacks something; the work does not.
  }
}

/** Runs work in a span of its own, which it is given if there is one. What the work forks is in no span of ours. */
export const inSpan = <A, E, R>(
  name: "open" | "recovery" | "flush" | "compaction" | "commit",
  options: Pick<Tracer.SpanOptionsNoTrace, "attributes" | "parent" | "root">,
  work: (span: EngineSpan | undefined) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.flatMap(spansAreSeen, (areSeen) =>
    areSeen
      ? Effect.flatMap(Effect.exit(Effect.makeSpan(`effect_lsm.${name}`, options)), (made) => {
        if (Exit.isFailure(made)) return work(undefined)
        const span = made.value
        const note = (attributes: Readonly<Record<string, unknown>>): void =>
          tryTo(() => {
            for (const [key, value] of Object.entries(attributes)) span.attribute(key, value)
          })
        return Effect.onExit(work({ span, note }), (exit) =>
          Effect.clockWith((clock) => Effect.sync(() => tryTo(() => span.end(clock.currentTimeNanosUnsafe(), exit)))))
      })
      : work(undefined))
