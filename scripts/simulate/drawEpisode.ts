/** Draws operations that follow on one another: what would seldom meet by chance. */
import type { SeededRandom } from "../../src/testing/index.ts"
import type { Operation } from "./Plan.ts"
import { batchKeys } from "./Workload.ts"

/** Some keys are written, and written again or deleted while a snapshot sees the first values; then all of it is in tables. */
export const drawEpisode = (random: SeededRandom): ReadonlyArray<Operation> => {
  const keys = Array.from({ length: 1 + random.int(6) }, () => random.pick(batchKeys))
  const write = (deletes: number): Operation => ({
    _tag: "Write",
    records: keys.map((key) => random.bool(deletes) ? { key } : { key, size: random.int(2_000) })
  })
  const read = (throughSnapshot: boolean): Operation =>
    random.bool()
      ? { _tag: "GetMany", keys, throughSnapshot }
      : { _tag: "Scan", range: { prefix: "batch/" }, reverse: random.bool(), throughSnapshot }
  const merge = (): Operation => random.bool() ? { _tag: "Compact" } : { _tag: "Flush" }
  return [
    write(0),
    ...(random.bool() ? [merge()] : []),
    { _tag: "TakeSnapshot" },
    write(random.pick([0, 0.5, 1])),
    { _tag: "Flush" },
    ...(random.bool() ? [merge()] : []),
    read(true),
    read(false)
  ]
}
