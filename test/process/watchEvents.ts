/** Waiting for what a store tells of. */
import { Effect, Stream } from "effect"
import type { Scope } from "effect"
import type { EngineEvent } from "../../src/index.ts"
import type { Store } from "../store/storeHelpers.ts"

export interface WatchedEvents {
  /** What it has told of so far. */
  readonly seen: ReadonlyArray<EngineEvent>
  /** Returns once it has told of an event like that, now or before. */
  readonly until: (isIt: (event: EngineEvent) => boolean) => Effect.Effect<void>
}

/** Listens for the scope. */
export const watchEvents = (store: Store): Effect.Effect<WatchedEvents, never, Scope.Scope> =>
  Effect.gen(function*() {
    const seen: Array<EngineEvent> = []
    const waiting = new Set<() => void>()
    const take = (event: EngineEvent) =>
      Effect.sync(() => {
        seen.push(event)
        for (const look of waiting) look()
      })
    yield* Effect.forkScoped(Stream.runForEach(store.events, take), { startImmediately: true })
    // It has subscribed once it waits.
    yield* Effect.yieldNow
    yield* Effect.yieldNow
    return {
      seen,
      until: (isIt) =>
        Effect.callback((resume) => {
          const look = (): void => {
            if (!seen.some(isIt)) return
            waiting.delete(look)
            resume(Effect.void)
          }
          waiting.add(look)
          look()
          return Effect.sync(() => waiting.delete(look))
        })
    }
  })

/** Writes until the segment that a rotation will need is there, and no rotation is needed yet. */
export const writeUntilPrepared = <E>(
  store: Store,
  memtableSize: number,
  writeNext: Effect.Effect<unknown, E>
): Effect.Effect<void, E, Scope.Scope> =>
  Effect.gen(function*() {
    const { until } = yield* watchEvents(store)
    do yield* writeNext
    while ((yield* store.stats).memtable.bytes * 2 <= memtableSize)
    yield* until(({ _tag }) => _tag === "SegmentCreated")
  })
