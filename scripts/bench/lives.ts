/**
 * lives: a program that lives for a moment, again and again: it opens the store,
 * puts one record, and closes it. Prints how long openings and closings took, by
 * hundreds of lives, and what they have left: neither is to grow.
 */
import { Console, Effect } from "effect"
import { readdirSync } from "node:fs"
import { LsmStore } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { benchDirectory } from "./benchDirectory.ts"
import { columnLines, median } from "./medians.ts"
import { makeKey, makeValues } from "./records.ts"
import type { Settings } from "./settings.ts"

const livesInRow = 100
const missingGets = 200

const count = (directory: string, ending: string): number =>
  readdirSync(directory).filter((name) => name.endsWith(ending)).length

/** One life; how many milliseconds its opening and its closing took. */
const live = (directory: string, life: number, value: Uint8Array) =>
  Effect.gen(function*() {
    const begun = performance.now()
    const times = yield* LsmStore.use((store) => {
      const opened = performance.now()
      return Effect.map(store.put(makeKey(life), value), () => ({ opened, put: performance.now() }))
    }).pipe(Effect.provide(NodeLsmStore.layer({ directory })))
    return { open: times.opened - begun, close: performance.now() - times.put }
  })

/** Microseconds for a key that is not there, after all those lives. */
const missing = (directory: string) =>
  LsmStore.use((store) =>
    Effect.gen(function*() {
      const begun = performance.now()
      for (let get = 0; get < missingGets; get++) yield* store.get(makeKey(2 ** 31 + get))
      return (performance.now() - begun) * 1000 / missingGets
    })
  ).pipe(Effect.provide(NodeLsmStore.layer({ directory })))

export const runLives = Effect.fnUntraced(
  function*(settings: Settings) {
    const lives = settings.records ?? 600
    const parent = yield* benchDirectory(settings.directory)
    const directory = `${parent}/store`
    const value = makeValues()[0]!
    const rows = [["lives", "open ms", "worst", "close ms", "worst", "tables", "segments"]]
    for (let from = 0; from < lives; from += livesInRow) {
      const open: Array<number> = []
      const close: Array<number> = []
      for (let life = from; life < Math.min(lives, from + livesInRow); life++) {
        const took = yield* live(directory, life, value)
        open.push(took.open)
        close.push(took.close)
      }
      rows.push([
        `${from + 1} to ${from + open.length}`,
        median(open).toFixed(1),
        Math.max(...open).toFixed(1),
        median(close).toFixed(1),
        Math.max(...close).toFixed(1),
        String(count(directory, ".sst")),
        String(count(directory, ".seg"))
      ])
    }
    for (const line of columnLines(rows)) yield* Console.log(line)
    yield* Console.log(`A get of a missing key then: ${(yield* missing(directory)).toFixed(1)} µs.`)
  },
  Effect.scoped
)
