import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { Entry } from "../../src/index.ts"
import { Bank, SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import { bytesOf, contentOf, entriesOf, runSeed, seeds, takeImages, withStore } from "../engine/harness.ts"

/** The entries of a bank after a few transfers. */
const ledger = (bank: Bank, seed: number): ReadonlyArray<Entry> => {
  const random = new SeededRandom(seed)
  const program = withStore(SimulatedDisk.make(), (store) =>
    Effect.gen(function*() {
      yield* store.put(bytesOf("beside/it"), bytesOf("anything"))
      yield* store.write(bank.opening())
      for (let turn = 0; turn < 10; turn++) yield* store.write(bank.transfer(random))
      return yield* Stream.runCollect(store.scan(bank.range))
    }))
  return runSeed(program, seed)
}

describe("A bank", () => {
  it.for(seeds(5))("I3: has the same total after any transfers (seed %i)", (seed) => {
    const bank = new Bank({ groups: 3, accounts: 2 + seed })
    const entries = ledger(bank, seed)
    assert.strictEqual(entries.length, 3 * (2 + seed))
    assert.deepStrictEqual(bank.problems(entries), [])
    assert.isAbove(new Set(entries.map(([, value]) => String(value))).size, 3)
  })

  it("I3: has no accounts, or all of them", () => {
    const bank = new Bank()
    const entries = ledger(bank, 1)
    assert.deepStrictEqual(bank.problems([]), [])
    for (let lost = 0; lost < entries.length; lost++) {
      assert.strictEqual(bank.problems(entries.toSpliced(lost, 1)).length, 1)
    }
    assert.strictEqual(bank.problems([...entries, [bytesOf("bank/other"), bytesOf("1;")]]).length, 1)
  })

  it("I3: shows where a balance is of another time", () => {
    const bank = new Bank({ groups: 1 })
    const [one, other] = [ledger(bank, 1), ledger(bank, 2)]
    const mixed = one.map((entry, at) => at === 0 ? entry : other[at] ?? entry)
    assert.deepStrictEqual(bank.problems(mixed, "I8").map(({ invariant }) => invariant), ["I8"])
  })

  it.for(seeds(4))("I4: loses nothing in a crash, nor by writers that were interrupted (seed %i)", (seed) => {
    const bank = new Bank({ valueSize: 2_000 })
    const disk = SimulatedDisk.make({ seed })
    const taken = takeImages(disk, ["random", "kill"], ({ index }) => index % 9 === 0, () => undefined)
    const program = withStore(disk, (store) =>
      Effect.gen(function*() {
        const random = new SeededRandom(seed)
        yield* store.write(bank.opening())
        const transfer = Effect.suspend(() => store.write(bank.transfer(random), { durability: "buffered" }))
        const writer = Effect.repeat(Effect.timeoutOption(transfer, random.int(3)), { times: 19 })
        yield* Effect.all([writer, writer, writer], { concurrency: "unbounded" })
        return yield* bank.audit(store)
      }))
    assert.deepStrictEqual(runSeed(program, seed, { earlyWakeChance: 0.05 }), [])
    assert.isAbove(taken.length, 10)
    for (const { image } of taken) {
      const found = runSeed(withStore(image, contentOf), seed)
      assert.deepStrictEqual(bank.problems(entriesOf(found), "I4"), [])
    }
  })
})
