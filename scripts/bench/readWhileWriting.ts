/**
 * readwhilewriting: gets at a fixed rate beside writers that go as fast as they
 * can in the same process. Each variant of the store runs in a process of its
 * own, in turn in each round; medians are printed.
 */
import { Console, Effect } from "effect"
import { grouped } from "../support/table.ts"
import { benchDirectory } from "./benchDirectory.ts"
import { measure } from "./childProtocol.ts"
import { columnLines, median } from "./medians.ts"
import { readWhileWritingMeasurement, variants } from "./readWhileWritingChild.ts"
import type { ReadWhileWritingResult } from "./readWhileWritingChild.ts"
import type { Settings } from "./settings.ts"

type Variant = typeof variants[number]

const titles: Record<Variant, string> = { workers: "workers", inline: "workers: 0", biglock: "big lock" }

const milliseconds = (value: number): string => value < 10 ? value.toFixed(3) : value.toFixed(1)
const percent = (value: number): string => `${Math.round(value * 100)} %`
/** A thread that only sleeps is not so late on a machine that runs. */
const machineStall = 50
const absent = "–"

interface Row {
  readonly name: string
  readonly of: (result: ReadWhileWritingResult) => number | undefined
  readonly show: (value: number) => string
}

const rows: ReadonlyArray<Row> = [
  { name: "puts/s", of: (result) => result.putsPerSecond, show: grouped },
  { name: "get p50, ms", of: ({ gets }) => gets.p50, show: milliseconds },
  { name: "get p99, ms", of: ({ gets }) => gets.p99, show: milliseconds },
  { name: "get p99.9, ms", of: ({ gets }) => gets.p999, show: milliseconds },
  { name: "get worst, ms", of: ({ gets }) => gets.worst, show: milliseconds },
  { name: "loop late for a get, p99, ms", of: ({ late }) => late.p99, show: milliseconds },
  { name: "loop late for a get, worst, ms", of: ({ late }) => late.worst, show: milliseconds },
  { name: "gets that waited for a file or a lock", of: ({ gets, waits }) => waits.count / gets.count, show: percent },
  { name: "  their wait, p99, ms", of: ({ waits }) => waits.p99, show: milliseconds },
  { name: "loop delay (Node's monitor), p99, ms", of: ({ process }) => process.loopP99, show: milliseconds },
  { name: "loop delay (Node's monitor), worst, ms", of: ({ process }) => process.loopWorst, show: milliseconds },
  { name: "no writers: get p50, ms", of: ({ floor }) => floor.p50, show: milliseconds },
  { name: "no writers: get p99, ms", of: ({ floor }) => floor.p99, show: milliseconds },
  { name: "no writers: get worst, ms", of: ({ floor }) => floor.worst, show: milliseconds },
  { name: "stalls", of: ({ stalls }) => stalls?.count, show: grouped },
  { name: "stalls, ms in all", of: ({ stalls }) => stalls?.milliseconds, show: grouped },
  { name: "garbage collection, ms in all", of: ({ process }) => process.collecting, show: milliseconds },
  { name: "garbage collection, worst, ms", of: ({ process }) => process.collectingWorst, show: milliseconds },
  { name: "a thread that only sleeps late, worst, ms", of: ({ overslept }) => overslept, show: milliseconds },
  { name: "processor, of one core", of: ({ process }) => process.cpu, show: percent },
  { name: "  of it the main thread", of: ({ process }) => process.mainThreadCpu, show: percent },
  { name: "  beside it all other processes", of: ({ process }) => process.othersCpu, show: percent },
  { name: "load before it, puts/s", of: (result) => result.loadPerSecond, show: grouped }
]

export const runReadWhileWriting = Effect.fnUntraced(function*(settings: Settings) {
  const chosen = variants.filter((variant) => settings.variants?.includes(variant) ?? true)
  const results = new Map<Variant, Array<ReadWhileWritingResult>>(chosen.map((variant) => [variant, []]))
  for (let round = 1; round <= settings.rounds; round++) {
    for (const variant of chosen) {
      const result = yield* Effect.scoped(
        Effect.flatMap(benchDirectory(settings.directory), (directory) =>
          measure(readWhileWritingMeasurement, {
            variant,
            directory,
            records: settings.records ?? 1_000_000,
            fibers: settings.fibers,
            milliseconds: (settings.seconds ?? 15) * 1000
          }, () => {}))
      )
      results.get(variant)?.push(result)
      const { gets, overslept, process, putsPerSecond } = result
      yield* Console.log(
        `round ${round}  ${titles[variant].padEnd(10)} ${grouped(putsPerSecond)} puts/s, get p50 ${
          milliseconds(gets.p50)
        }`
          + `, p99 ${milliseconds(gets.p99)}, worst ${milliseconds(gets.worst)} ms`
          + `, loop worst ${milliseconds(process.loopWorst)} ms`
          + (overslept > machineStall ? `; the machine itself stood still for ${milliseconds(overslept)} ms` : "")
      )
    }
  }
  const cell = (variant: Variant, { of, show }: Row): string => {
    const values = (results.get(variant) ?? []).map(of).filter((value) => value !== undefined)
    return values.length === 0 ? absent : show(median(values))
  }
  const head = ["", ...chosen.map((variant) => titles[variant])]
  const body = rows.map((row) => [row.name].concat(chosen.map((variant) => cell(variant, row))))
  yield* Console.log(`\nMedians of ${settings.rounds} rounds; every value read was verified.`)
  for (const line of columnLines([head, ...body])) yield* Console.log(line)
})
