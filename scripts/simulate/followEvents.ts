/** Follows the structural events of a store, in which segments come and go in their order (I2). */
import { Effect, Stream } from "effect"
import type { EngineEvent, LsmStore } from "../../src/index.ts"
import type { Run } from "./Run.ts"

/** Comes to its end when the store has closed. */
export const followEvents = (run: Run, store: LsmStore["Service"]): Effect.Effect<void> =>
  Effect.suspend(() => {
    const last = { SegmentCreated: 0, MemtableRotated: 0, MemtableFlushed: 0 }
    const check = ({ _tag, segment }: Extract<EngineEvent, { readonly _tag: keyof typeof last }>): void => {
      const before = last[_tag]
      run.check("I2", segment > before ? undefined : `${_tag} of segment ${segment} came after that of ${before}`)
      last[_tag] = segment
    }
    const take = (event: EngineEvent): void => {
      run.counts.add("events", event._tag)
      switch (event._tag) {
        case "SegmentCreated":
        case "MemtableFlushed":
          return check(event)
        case "MemtableRotated": {
          const { nextSegment, segment } = event
          run.check("I2", nextSegment === segment + 1 ? undefined : `segment ${segment} was followed by ${nextSegment}`)
          return check(event)
        }
        default:
      }
    }
    return Stream.runForEach(store.events, (event) => Effect.sync(() => take(event)))
  })
