/** Runs parts of the exhaustive runs to their end, and tells what they came to. */
import { Effect, Schema } from "effect"
import type { Progress } from "../../support/Progress.ts"
import { grouped, tableLines } from "../../support/table.ts"
import { Counts } from "../Counts.ts"
import { problemLines } from "../report.ts"
import { everything, Figures } from "./Outcome.ts"
import type { Outcome } from "./Outcome.ts"
import type { Part } from "./parts.ts"

export class ExhaustiveRunFailed extends Schema.TaggedError<ExhaustiveRunFailed>()("ExhaustiveRunFailed", {
  cases: Schema.Number,
  failed: Schema.Number
}) {
  override get message(): string {
    return `${this.failed} of ${this.cases} cases had problems, which are told above.`
  }
}

/** So many cases with problems are told of, of each part. */
const mostTold = 10

const failureLines = (part: string, { problems, what }: Outcome): ReadonlyArray<string> => [
  `${what} (npm run simulate -- --exhaustive --part ${part}):`,
  ...problemLines(problems)
]

const summaryLines = (
  part: string,
  kinds: ReadonlySet<string>,
  counts: Counts,
  { images, lives, recoveries }: Figures,
  milliseconds: number
): ReadonlyArray<string> => [
  `${part}: ${grouped(lives)} lives, ${grouped(images)} images of crashed disks and ${
    grouped(recoveries)
  } recoveries in `
  + `${(milliseconds / 1000).toFixed(1)} s`,
  ...tableLines([...kinds].map((kind) => [
    kind,
    `${grouped(counts.total(kind))}: ${
      counts.names(kind).map(([answer, count]) => `${answer} ${grouped(count)}`).join(", ")
    }`
  ]))
]

/** Prints progress, each problem, and a summary of each part; fails at the end if there were problems. */
export const runParts = Effect.fnUntraced(function*(parts: ReadonlyArray<Part>, progress: Progress) {
  let cases = 0
  let failed = 0
  for (const { name, run } of parts) {
    const since = performance.now()
    const figures = new Figures()
    const kinds = new Set<string>()
    const counts = new Counts()
    let told = 0
    for (const outcome of run(everything, figures)) {
      cases++
      kinds.add(outcome.kind)
      counts.add(outcome.kind, outcome.answer)
      if (outcome.problems.length > 0) {
        failed++
        if (told++ < mostTold) { for (const line of failureLines(name, outcome)) progress.print(line) }
      }
      progress.show(() => `${name}: ${grouped(cases)} cases, last ${outcome.what}`)
      // Lets an interrupt through.
      yield* Effect.yieldNow
    }
    for (const line of summaryLines(name, kinds, counts, figures, performance.now() - since)) progress.print(line)
  }
  if (failed > 0) return yield* new ExhaustiveRunFailed({ cases, failed })
  progress.print(`${grouped(cases)} cases, no problems`)
})
