/** What all runs found: for each workload and store the figures of its rounds, or why there are none. */
import { median } from "../medians.ts"

export type Figures = Readonly<Record<string, number>>

export interface Cell {
  /** One of each round. */
  readonly runs: ReadonlyArray<Figures>
  /** It has no such call, or is not installed. */
  readonly absent?: string
  /** What went wrong, of the rounds in which something did. */
  readonly failures: ReadonlyArray<string>
}

interface Entry {
  readonly runs: Array<Figures>
  readonly failures: Array<string>
  absent?: string
}

export interface Range {
  readonly median: number
  readonly least: number
  readonly most: number
}

export class Results {
  readonly #cells = new Map<string, Entry>()

  #entry(workload: string, contender: string): Entry {
    const name = `${workload}\n${contender}`
    const entry = this.#cells.get(name) ?? { runs: [], failures: [] }
    this.#cells.set(name, entry)
    return entry
  }

  add(workload: string, contender: string, figures: Figures): void {
    this.#entry(workload, contender).runs.push(figures)
  }

  addFailure(workload: string, contender: string, reason: string): void {
    this.#entry(workload, contender).failures.push(reason)
  }

  setAbsent(workload: string, contender: string, reason: string): void {
    this.#entry(workload, contender).absent = reason
  }

  get hasFailures(): boolean {
    return [...this.#cells.values()].some(({ failures }) => failures.length > 0)
  }

  /** Undefined if the store was not meant to run it. */
  cell(workload: string, contender: string): Cell | undefined {
    return this.#cells.get(`${workload}\n${contender}`)
  }

  /** A figure over all rounds; undefined where there is none. */
  range(workload: string, contender: string, metric: string): Range | undefined {
    const values = (this.cell(workload, contender)?.runs ?? []).map((run) => run[metric]).filter((value) =>
      value !== undefined
    )
    if (values.length === 0) return undefined
    return { median: median(values), least: Math.min(...values), most: Math.max(...values) }
  }

  median(workload: string, contender: string, metric: string): number | undefined {
    return this.range(workload, contender, metric)?.median
  }
}
