/** Who opens a store for writing is its owner by the highest generation in the directory (I26). */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { currentGeneration } from "../../src/engine/Directory.ts"
import { currentTemporaryName, manifestName, ownerName, storeFiles, tableName } from "../../src/engine/FileNames.ts"
import { simulate, SimulatedDisk } from "../../src/testing/index.ts"
import { structureOn } from "../../src/testing/shape/Structure.ts"
import { bytesOf, contentOn, directory, fileAt, filesOf, isOwner, runSeed, seeds, withStore } from "./harness.ts"

const put = (disk: SimulatedDisk, key: string) => withStore(disk, (store) => store.put(bytesOf(key), bytesOf("value")))

const ownersOn = (disk: SimulatedDisk): ReadonlyArray<string> => filesOf(disk).filter(isOwner)

const generationOn = (disk: SimulatedDisk): number => currentGeneration(storeFiles(filesOf(disk)))

const generationOf = (name: string): number => {
  const file = fileAt(name)
  return file !== undefined && "generation" in file ? file.generation : -1
}

describe("The generation of a store", () => {
  it("is random when the store is made, so that no two share a file's name", () => {
    const generations = Array.from({ length: 20 }, (_, seed) => {
      const disk = SimulatedDisk.make()
      runSeed(put(disk, "key"), seed)
      return generationOn(disk)
    })
    assert.strictEqual(new Set(generations).size, 20)
    for (const generation of generations) {
      assert.isAtLeast(generation, 1_000_000_000)
      assert.isAtMost(generation, 4_000_000_000)
    }
  })

  it("is higher at each opening for writing, is in all that it makes, and its owner's file is alone", () => {
    const disk = SimulatedDisk.make()
    runSeed(put(disk, "key/0"), 1)
    for (let life = 1; life < 6; life++) {
      const before = new Set(filesOf(disk))
      const last = generationOn(disk)
      runSeed(put(disk, `key/${life}`), 1)
      const generation = generationOn(disk)
      assert.isAbove(generation, last)
      assert.isAtMost(generation, last + 2 ** 20)
      assert.deepStrictEqual(ownersOn(disk), [ownerName(generation)])
      for (const name of filesOf(disk)) {
        if (!before.has(name)) assert.strictEqual(generationOf(name), generation, name)
      }
      runSeed(withStore(disk, () => Effect.void, { readOnly: true }), 1)
      assert.deepStrictEqual(ownersOn(disk), [ownerName(generation)])
    }
  })

  it("is another for each of two that go on from one copy of a directory: neither makes a file of the other's name", () => {
    const disk = SimulatedDisk.make()
    runSeed(put(disk, "key/0"), 1)
    const before = new Set(filesOf(disk))
    const made = [1, 2, 3].flatMap((seed) => {
      const copy = disk.killImage()
      runSeed(put(copy, "key/1"), seed)
      return filesOf(copy).filter((name) => !before.has(name))
    })
    assert.isAbove(made.length, 9)
    assert.strictEqual(new Set(made).size, made.length)
  })

  it("is above that of any file of a store, whatever its kind", () => {
    const kinds = [
      ownerName,
      currentTemporaryName,
      (generation: number) => manifestName(900, generation),
      (generation: number) => tableName(900, generation)
    ]
    for (const nameOf of kinds) {
      const disk = SimulatedDisk.make()
      runSeed(put(disk, "key/0"), 1)
      const later = generationOn(disk) + 1_000
      disk.writeFile(`${directory}/${nameOf(later)}`, new Uint8Array(0))
      runSeed(put(disk, "key/1"), 1)
      assert.isAbove(generationOn(disk), later, nameOf(later))
      assert.deepStrictEqual(filesOf(disk), structureOn(disk, directory).files)
      assert.deepStrictEqual([...runSeed(contentOn(disk), 1).keys()], ["key/0", "key/1"])
    }
  })
})

describe("An opening for writing that fails", () => {
  it.for(seeds(2))(
    "I26: leaves the directory without its owner's file, at whichever call it failed (seed %i)",
    (seed) => {
      const made = SimulatedDisk.make()
      runSeed(put(made, "key"), seed)
      const sound = made.killImage()
      runSeed(contentOn(sound), seed)
      const own = ownersOn(sound)
      let failures = 0
      const left: Array<string> = []
      for (const { index, operation, path } of sound.trace) {
        if (operation === "isHeld" || operation === "close") continue
        const disk = made.killImage()
        disk.fail({ from: index, code: "EIO" })
        if (Exit.isSuccess(simulate(contentOn(disk), { seed }).exit)) continue
        failures++
        if (ownersOn(disk).includes(own[0] ?? "")) left.push(`${operation} ${path}`)
        assert.deepStrictEqual([...runSeed(contentOn(disk), seed).keys()], ["key"])
      }
      assert.isAbove(failures, 20)
      assert.deepStrictEqual(left, [])
    }
  )
})
