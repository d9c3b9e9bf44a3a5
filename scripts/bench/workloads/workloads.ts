/** All workloads that compare stores, in the order in which they run. */
import { compact } from "./compact.ts"
import { bigFill, fills } from "./fills.ts"
import { large } from "./large.ts"
import { mixed } from "./mixed.ts"
import { fillMemtable, opens } from "./opens.ts"
import { bigRead, reads } from "./reads.ts"
import { readWhileWriting } from "./readWhileWriting.ts"
import { scans } from "./scans.ts"
import type { Workload } from "./Workload.ts"

export const workloads: ReadonlyArray<Workload> = [
  ...fills,
  ...reads,
  ...scans,
  readWhileWriting,
  compact,
  ...opens,
  ...mixed,
  ...large,
  bigFill,
  bigRead
]

/** By a name, also of those that only prepare another. */
export const workloadNamed = (name: string): Workload => {
  const found = [...workloads, fillMemtable].find((each) => each.name === name)
  if (found === undefined) throw new TypeError(`There is no workload ${name}.`)
  return found
}
