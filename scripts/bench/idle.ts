/**
 * What a process of the benchmark has in memory without a store: the harness,
 * and as many worker threads that do nothing as the store had.
 */
import { Effect, Schema } from "effect"
import type { Measurement } from "./childProtocol.ts"
import { restIdle } from "./restIdle.ts"

const Input = Schema.Struct({ threads: Schema.Number })
const Result = Schema.Struct({ resident: Schema.Number, memory: Schema.optionalKey(Schema.Number) })
/** Bytes. */
export type IdleResult = typeof Result.Type

export const idleMeasurement: Measurement<typeof Input.Type, IdleResult> = {
  name: "idle",
  input: Input,
  result: Result
}

export const idleRun = ({ threads }: typeof Input.Type): Effect.Effect<IdleResult> =>
  Effect.promise(() => restIdle(threads))
