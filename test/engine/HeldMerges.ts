/** A disk, with jobs over it whose merges wait until they are let go. */
import { Effect, Latch, Layer } from "effect"
import type { Disk } from "../../src/index.ts"
import { makeInlineJobs } from "../../src/jobs/InlineJobs.ts"
import { Jobs } from "../../src/jobs/Jobs.ts"
import type { SimulatedDisk } from "../../src/testing/index.ts"

export class HeldMerges {
  readonly layer: Layer.Layer<Disk | Jobs>
  readonly #begun = Latch.makeUnsafe()
  readonly #letGo = Latch.makeUnsafe()

  constructor(disk: SimulatedDisk) {
    const jobs = makeInlineJobs(disk.service)
    this.layer = Layer.merge(
      disk.layer,
      Layer.succeed(Jobs, {
        ...jobs,
        merge: (job) =>
          Effect.andThen(Effect.andThen(this.#begun.open, this.#letGo.await), Effect.suspend(() => jobs.merge(job)))
      })
    )
  }

  /** Returns once a merge is under way. */
  get untilBegun(): Effect.Effect<void> {
    return this.#begun.await
  }

  /** From here on no merge waits. */
  get letGo(): Effect.Effect<void> {
    return Effect.asVoid(this.#letGo.open)
  }
}
