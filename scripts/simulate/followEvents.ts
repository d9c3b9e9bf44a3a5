/** Follows the structural events of a store, in which segments come and go in their order (I2). */
import { Effect, Stream } from "effect"
import type { EngineEvent, LsmStore } from "../../src/index.ts"
import type { Run } from "./Run.ts"

/** Comes to its end when the store has closed. */
export const followEvents = (run: Run, store: LsmStore["Service"]): Effect.Effect<void> =>
  Effect.suspend(() => {
    const last = { SegmentCreated: 0, MemtableRotated: 0, MemtableFlushed: 0 }
    const check = ({ _tag, segment }: Extract<EngineEvent, { readonly _tag: keyof typeof last }>): void => {
      run.checked(
        ["I2"],
        segment > last[_tag] ? [] : [{
          invariant: "I2",
          message: `${_tag} of segment ${segment} came after that of segment ${last[_tag]}`
        }]
      )
      last[_tag] = segment
    }
    return Stream.runForEach(store.events, (event) =>
      Effect.sync(() => {
        run.counts.add("events", event._tag)
        if (event._tag === "SegmentCreated" || event._tag === "MemtableFlushed") check(event)
        if (event._tag !== "MemtableRotated") return
        check(event)
        run.checked(
          ["I2"],
          event.nextSegment === event.segment + 1 ? [] : [{
            invariant: "I2",
            message: `segment ${event.segment} was followed by segment ${event.nextSegment}`
          }]
        )
      }))
  })
