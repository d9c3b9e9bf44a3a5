/** An answer of the store that differs from the source. */
import { Effect, Schema } from "effect"

export class Mismatch extends Schema.TaggedError<Mismatch>()("Mismatch", {
  what: Schema.String
}) {
  override get message(): string {
    return `The store differs from the source: ${this.what}.`
  }
}

export const mismatch = (what: string): Effect.Effect<never, Mismatch> => Effect.fail(new Mismatch({ what }))
