/**
 * Histories of a store that does everything right: clients at once, each of whose
 * calls begins, takes effect in one step if it does, and ends.
 */
import { absent, anyValue } from "../../src/testing/history/Content.ts"
import type { Finding, Key, Value } from "../../src/testing/history/Content.ts"
import { HistoryLog } from "../../src/testing/history/HistoryLog.ts"
import type { Observation, Outcome, Part, RecordedWrite } from "../../src/testing/history/HistoryLog.ts"
import { isWithin } from "../../src/testing/history/KeySpan.ts"
import type { KeySpan } from "../../src/testing/history/KeySpan.ts"
import { SeededRandom } from "../../src/testing/index.ts"

export interface ModelRunOptions {
  readonly seed: number
  readonly clients: number
  readonly keys: number
  readonly writes: number
  readonly reads: number
  /** How many values there are to write to a key; by default each write has one of its own. */
  readonly values?: number
  /** How often a write ends in a way that leaves open whether it took effect. */
  readonly unknownChance?: number
}

export interface ModelRun {
  readonly log: HistoryLog
  /** The states, by the number of commits; the last one is that at the end. */
  readonly states: ReadonlyArray<ReadonlyMap<Key, Value>>
  /** So many commits are durable. */
  readonly durable: number
}

type Step = () => void

export const runModel = (options: ModelRunOptions): ModelRun => {
  const { unknownChance = 0.2 } = options
  const random = new SeededRandom(options.seed)
  const keys = Array.from({ length: options.keys }, (_, at) => String.fromCharCode(97 + at))
  const initial = new Map<Key, Value>(random.bool() ? [[keys[0] ?? "a", "first"]] : [])
  const log = new HistoryLog(initial)
  const states: Array<ReadonlyMap<Key, Value>> = [initial]
  let sequence = 0
  let durable = 0
  let writes = 0
  let reads = 0

  const now = (): ReadonlyMap<Key, Value> => states.at(-1) ?? initial

  /** The steps of a write, one by one. */
  const write = (): Array<Step> => {
    const changes = new Map<Key, Value>()
    const count = random.bool() ? 1 : 2 + random.int(2)
    const id = ++writes
    const value = (): Value => {
      if (random.bool(0.25)) return absent
      return options.values === undefined ? `v${id}` : `v${random.int(options.values)}`
    }
    while (changes.size < Math.min(count, keys.length)) changes.set(random.pick(keys), value())
    const level = random.pick(["sync", "buffered", "async"] as const)
    const isBatch = count > 1 || random.bool()
    const fate = random.bool(unknownChance) ? random.int(5) : -1
    let recorded: RecordedWrite | undefined
    let commit: number | undefined
    const begin = () => {
      recorded = log.begin(changes, changes.size, level)
    }
    const apply = () => {
      const next = new Map(now())
      for (const [key, becomes] of changes) {
        if (becomes === absent) next.delete(key)
        else next.set(key, becomes)
      }
      states.push(next)
      sequence += changes.size
      commit = sequence
      if (level === "sync") durable = states.length - 1
    }
    const end = (outcome: Outcome) => () => {
      if (recorded === undefined) return
      log.end(recorded, outcome, outcome === "acknowledged" && isBatch ? commit : undefined)
    }
    switch (fate) {
      case 0: // Interrupted, and never taken.
        return [begin, end("unknown")]
      case 1: // Interrupted, and applied later.
        return [begin, end("unknown"), apply]
      case 2: // Never heard of again.
        return random.bool() ? [begin, apply] : [begin]
      case 3:
        return [begin, end("refused")]
      case 4:
        return [begin, end("failed")]
      default:
        return [begin, apply, end("acknowledged")]
    }
  }

  const findingOf = (state: ReadonlyMap<Key, Value>, key: Key): Finding => state.get(key) ?? absent

  const partOf = (state: ReadonlyMap<Key, Value>, name: Observation["name"]): Part => {
    switch (name) {
      case "has": {
        const key = random.pick(keys)
        return { found: new Map([[key, state.has(key) ? anyValue : absent]]), covered: undefined }
      }
      case "getMany": {
        const wanted = keys.filter(() => random.bool(0.7))
        return { found: new Map(wanted.map((key) => [key, findingOf(state, key)])), covered: undefined }
      }
      case "scan": {
        const covered: KeySpan = random.bool() ? {} : { [random.pick(["gt", "gte", "lt", "lte"])]: random.pick(keys) }
        return { found: new Map([...state].filter(([key]) => isWithin(covered, key))), covered }
      }
      default: {
        const key = random.pick(keys)
        return { found: new Map([[key, findingOf(state, key)]]), covered: undefined }
      }
    }
  }

  const read = (): Array<Step> => {
    reads++
    const name = random.pick(["get", "has", "getMany", "scan", "snapshot", "stats"] as const)
    let begun = 0
    let state: ReadonlyMap<Key, Value> = initial
    let at = 0
    let snapshot: Observation | undefined
    const begin = () => {
      begun = log.tick()
    }
    const look = () => {
      state = now()
      at = sequence
    }
    switch (name) {
      case "stats":
        return [begin, look, () => void log.open(name, begun, at)]
      case "snapshot":
        return [
          begin,
          look,
          () => {
            snapshot = log.open(name, begun, at)
          },
          ...[0, 1].map(() => () => {
            if (snapshot !== undefined) log.sawMore(snapshot, partOf(state, random.pick(["get", "getMany", "scan"])))
          })
        ]
      default:
        return [begin, look, () => log.saw(name, begun, partOf(state, name), undefined)]
    }
  }

  const sync = (): Array<Step> => {
    let begun = 0
    let reached = 0
    return [
      () => {
        begun = log.tick()
        reached = states.length - 1
      },
      () => {
        durable = Math.max(durable, reached)
        log.barriers.push({ begun, ended: log.tick() })
      }
    ]
  }

  const clients: Array<Array<Step>> = Array.from({ length: options.clients }, () => [])
  const isOver = () => writes >= options.writes && reads >= options.reads
  while (!isOver() || clients.some((steps) => steps.length > 0)) {
    const at = random.int(clients.length)
    const step = clients[at]?.shift()
    if (step !== undefined) step()
    else if (!isOver()) {
      const isWrite = writes < options.writes && (reads >= options.reads || random.bool())
      clients[at] = random.bool(0.05) ? sync() : isWrite ? write() : read()
    }
  }
  return { log, states, durable }
}
