/** The exhaustive runs, part by part. */
import { smallTiers } from "../../support/smallStrategies.ts"
import { crashes } from "./Crashes.ts"
import { smallestStore, storeWithSegments } from "./DamagedStores.ts"
import { damagedWhileClosed } from "./DamageRuns.ts"
import { damagesOfEachByte, damagesOfEachRegion } from "./Damages.ts"
import { damagedWhileOpen } from "./DamageWhileOpen.ts"
import { faults } from "./Faults.ts"
import { interruptedOperations } from "./InterruptRuns.ts"
import { lifeOptions } from "./Life.ts"
import type { Figures, Outcome, Sample } from "./Outcome.ts"
import { interruptedOwners } from "./OwnerInterrupts.ts"
import { recoveryFaults } from "./RecoveryFaults.ts"
import { takeovers } from "./Takeovers.ts"

export interface Part {
  readonly name: string
  /** Runs the cases that the sample takes. It is lazy: whoever pulls sees each case as it ends. */
  readonly run: (sample: Sample, figures: Figures) => Iterable<Outcome>
}

function* crashedLives(sample: Sample, figures: Figures): Generator<Outcome> {
  yield* crashes(lifeOptions, sample, figures)
  yield* crashes({ ...lifeOptions, compaction: smallTiers, compression: "none", maxImmutables: 1 }, sample, figures)
}

const isTable = (file: string): boolean => file.endsWith(".sst")

function* damagedFiles(sample: Sample, figures: Figures): Generator<Outcome> {
  yield* damagedWhileClosed(smallestStore("none"), () => true, damagesOfEachByte, sample, figures)
  for (const compression of ["lz4", "zstd"] as const) {
    yield* damagedWhileClosed(smallestStore(compression), isTable, damagesOfEachByte, sample, figures)
  }
  for (const isClosed of [true, false]) {
    yield* damagedWhileClosed(storeWithSegments(isClosed), () => true, damagesOfEachRegion, sample, figures)
  }
  for (const compression of ["none", "lz4", "zstd"] as const) {
    for (const mode of ["sync", "async"] as const) yield* damagedWhileOpen(compression, mode, sample)
  }
}

export const parts: ReadonlyArray<Part> = [
  { name: "crashes", run: crashedLives },
  { name: "errors", run: faults },
  { name: "errors-in-recovery", run: recoveryFaults },
  { name: "interrupts", run: interruptedOperations },
  { name: "interrupts-of-owners", run: interruptedOwners },
  { name: "takeovers", run: takeovers },
  { name: "damage", run: damagedFiles }
]
