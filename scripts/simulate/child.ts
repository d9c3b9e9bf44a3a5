/** Runs every n-th seed of a range in a process of its own, and prints a line for each outcome. */
import { Schema } from "effect"
import { runSeed, SeedOutcomeLine } from "./SeedOutcome.ts"

const [first = 1, last = 0, stride = 1] = process.argv.slice(2).map(Number)
const encode = Schema.encodeSync(SeedOutcomeLine)

for (let seed = first; seed <= last; seed += stride) process.stdout.write(`${encode(runSeed(seed))}\n`)
