/**
 * The process that is killed half-way: loads the cities into a store and reports
 * each acknowledgement. Arguments: the store's directory, the acknowledgements'
 * file, and the seed of the order.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { openAckLog } from "../support/AckLog.ts"
import { readCities, shuffledNumbers } from "./Cities.ts"
import { Ledger } from "./Ledger.ts"
import { loadCities } from "./loadCities.ts"
import { storeLayer } from "./storeLayer.ts"

const [directory = "", acks = "", seedText = ""] = process.argv.slice(2)
const seed = Number(seedText)
const source = readCities()
const numbers = shuffledNumbers(source.count, seed)

loadCities({ ledger: new Ledger(source), numbers, seed, onAcknowledged: openAckLog(acks) }).pipe(
  Effect.provide(storeLayer(directory)),
  NodeRuntime.runMain
)
