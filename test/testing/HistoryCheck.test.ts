import { assert, describe, it } from "@effect/vitest"
import { absent } from "../../src/testing/history/Content.ts"
import type { Key, Value } from "../../src/testing/history/Content.ts"
import { HistoryCheck } from "../../src/testing/history/HistoryCheck.ts"
import type { HistoryLog } from "../../src/testing/history/HistoryLog.ts"
import { SeededRandom } from "../../src/testing/index.ts"
import { CommitOracle } from "./CommitOracle.ts"
import { runModel } from "./ModelRun.ts"
import type { ModelRun, ModelRunOptions } from "./ModelRun.ts"

/** Small enough for every order to be tried. */
const small = (seed: number, values: number | undefined): ModelRunOptions => ({
  seed,
  clients: 4,
  keys: 2 + seed % 3,
  writes: 4 + seed % 3,
  reads: 5 + seed % 4,
  ...(values === undefined ? {} : { values })
})

/** With a value of its own for each write, and with values that several writes share. */
const valueChoices = [undefined, 3, 1]

const runs = 1_000

/** Another value for the key: one that it has had, or none, or one that nobody wrote. */
const otherValue = (log: HistoryLog, key: Key, random: SeededRandom): Value => {
  const written = log.writes.map(({ changes }) => changes.get(key)).filter((value) => value !== undefined)
  return random.bool(0.1) ? "bogus" : random.pick([absent, ...written, ...written])
}

/** Makes one answer of the history another one. False if it stayed the same. */
const mutateAnswer = (log: HistoryLog, random: SeededRandom): boolean => {
  const parts = log.observations.flatMap((observation) => observation.parts)
  if (parts.length === 0) return false
  const { covered, found } = random.pick(parts)
  const keys = [...found.keys(), ...(covered === undefined ? [] : log.initial.keys())]
  if (keys.length === 0) return false
  const key = random.pick(keys)
  const value = otherValue(log, key, random)
  if (value === (found.get(key) ?? absent)) return false
  if (value === absent && covered !== undefined) found.delete(key)
  else found.set(key, value)
  return true
}

/** What was lost of the commits in an end of the store now, at random. */
const recovered = ({ durable, states }: ModelRun, random: SeededRandom): Map<Key, Value> =>
  new Map(states[durable + random.int(states.length - durable)])

const mutateContent = (log: HistoryLog, content: Map<Key, Value>, random: SeededRandom): boolean => {
  const key = random.pick(log.writes.flatMap(({ changes }) => [...changes.keys()]))
  const value = otherValue(log, key, random)
  if (value === (content.get(key) ?? absent)) return false
  if (value === absent) content.delete(key)
  else content.set(key, value)
  return true
}

/** Counts what the check says of histories of which every order has been tried. */
class Tally {
  impossible = 0
  possible = 0
  missed = 0

  add(isPossible: boolean, problems: ReadonlyArray<unknown>, seed: number): void {
    if (isPossible) {
      this.possible++
      assert.deepStrictEqual(problems, [], `a false alarm in seed ${seed}`)
    } else {
      this.impossible++
      if (problems.length === 0) this.missed++
    }
  }

  /** Of these few none is missed; of many more a few in ten thousand are, whose answers several writes may explain. */
  check(): void {
    assert.isAbove(this.possible, runs / 20)
    assert.isAbove(this.impossible, runs / 4)
    assert.strictEqual(this.missed, 0)
  }
}

describe("The check of a history", () => {
  for (const values of valueChoices) {
    const what = values === undefined ? "that are all different" : `of ${values} kinds`
    it(`I1, I3, I8: is told from an impossible one by one wrong answer, with values ${what}`, () => {
      const tally = new Tally()
      for (let seed = 0; seed < runs; seed++) {
        assert.deepStrictEqual(new HistoryCheck(runModel(small(seed, values)).log).problems, [], `seed ${seed}`)
        const { log } = runModel(small(seed, values))
        if (!mutateAnswer(log, new SeededRandom(seed))) continue
        tally.add(new CommitOracle(log).isPossible(), new HistoryCheck(log).problems, seed)
      }
      tally.check()
    })

    it(`I4, I5: tells what a power cut may leave from what it may not, with values ${what}`, () => {
      const tally = new Tally()
      for (let seed = 0; seed < runs; seed++) {
        const run = runModel(small(seed, values))
        const { log } = run
        const random = new SeededRandom(seed)
        const content = recovered(run, random)
        const check = new HistoryCheck(log)
        assert.deepStrictEqual(check.contentProblems(content, log.now, "power cut"), [], `seed ${seed}`)
        if (!mutateContent(log, content, random)) continue
        const oracle = new CommitOracle(log, { content, time: log.now })
        tally.add(oracle.isPossible(), check.contentProblems(content, log.now, "power cut"), seed)
      }
      tally.check()
    })
  }
})
