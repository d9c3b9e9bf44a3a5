/** All workloads that compare stores, in groups, in the order in which they run. */
import { compact } from "./compact.ts"
import { bigFill, fills } from "./fills.ts"
import { large } from "./large.ts"
import { mixed } from "./mixed.ts"
import { fillMemtable, opens } from "./opens.ts"
import { bigRead, reads } from "./reads.ts"
import { readWhileWriting } from "./readWhileWriting.ts"
import { scans } from "./scans.ts"
import type { Workload } from "./Workload.ts"

export interface WorkloadGroup {
  readonly title: string
  readonly workloads: ReadonlyArray<Workload>
}

export const workloadGroups: ReadonlyArray<WorkloadGroup> = [
  { title: "Writes", workloads: fills },
  { title: "Reads", workloads: [...reads, ...scans] },
  { title: "Reads beside writes", workloads: [readWhileWriting] },
  { title: "Opening and compacting", workloads: [compact, ...opens] },
  { title: "Mixes, as in YCSB", workloads: mixed },
  { title: "Large values, many records", workloads: [...large, bigFill, bigRead] }
]

export const workloads: ReadonlyArray<Workload> = workloadGroups.flatMap((group) => group.workloads)

/** By a name, also of those that only prepare another. */
export const workloadNamed = (name: string): Workload => {
  const found = [...workloads, fillMemtable].find((each) => each.name === name)
  if (found === undefined) throw new TypeError(`There is no workload ${name}.`)
  return found
}
