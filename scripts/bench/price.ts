/** price: what one get and one put cost as effects, above the engine's own calls; gives the medians of all rounds. */
import { Console, Effect } from "effect"
import { grouped } from "../support/table.ts"
import { benchDirectory } from "./benchDirectory.ts"
import { measure } from "./childProtocol.ts"
import { columnLines, median } from "./medians.ts"
import { priceMeasurement } from "./priceChild.ts"
import type { Price } from "./priceChild.ts"
import type { Settings } from "./settings.ts"

const defaultRecords = 100_000
const milliseconds = 250

export const runPrice = Effect.fnUntraced(function*(settings: Settings) {
  const rounds: Array<ReadonlyArray<Price>> = []
  for (let round = 1; round <= settings.rounds; round++) {
    rounds.push(
      yield* Effect.scoped(Effect.flatMap(benchDirectory(settings.directory), (directory) =>
        measure(priceMeasurement, {
          directory,
          records: settings.records ?? defaultRecords,
          milliseconds: settings.seconds === undefined ? milliseconds : settings.seconds * 1000
        })))
    )
  }
  const prices = (rounds[0] ?? []).map(({ call }, at): Price => ({
    call,
    effect: median(rounds.map((round) => round[at]?.effect ?? Number.NaN)),
    bare: median(rounds.map((round) => round[at]?.bare ?? Number.NaN))
  }))
  const rows = prices.map(({ bare, call, effect }) => [call, grouped(effect), grouped(bare), grouped(effect - bare)])
  yield* Console.log("\nThe price of Effect, in nanoseconds")
  for (const line of columnLines([["", "as an effect", "the engine's call", "above it"], ...rows])) {
    yield* Console.log(`  ${line}`)
  }
  return prices
})
