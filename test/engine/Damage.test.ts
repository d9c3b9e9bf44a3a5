import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import { checkHonest, contentEnd, copyOf, honest, refusalOf, withFile } from "./changedFiles.ts"
import {
  bytesOf,
  contentOn,
  directory,
  fileAt,
  filesOf,
  isOwner,
  padded,
  runSeed,
  seeds,
  withStore
} from "./harness.ts"
import type { Store } from "./harness.ts"

/** A store with tables, tombstones in them, and records in its log. */
const fill = (store: Store) =>
  Effect.gen(function*() {
    for (let round = 0; round < 3; round++) {
      for (let key = round; key < 60; key += 1 + round) {
        yield* store.put(bytesOf(`key/${String(key).padStart(2, "0")}`), padded(`${round}/${key}`, 120), {
          durability: "buffered"
        })
      }
      for (let key = 0; key < 60; key += 7) yield* store.delete(bytesOf(`key/${String(key).padStart(2, "0")}`))
      if (round < 2) yield* store.flush
    }
    yield* store.sync
  })

const closedStore = (seed: number): SimulatedDisk => {
  const disk = SimulatedDisk.make()
  runSeed(withStore(disk, fill), seed)
  return disk
}

/** The files whose content counts: the owner's is there by its name alone. */
const filesRead = (disk: SimulatedDisk): ReadonlyArray<string> => filesOf(disk).filter((name) => !isOwner(name))

const damages: { readonly [name: string]: (bytes: Uint8Array, random: SeededRandom) => Uint8Array } = {
  "a flipped bit": (bytes, random) => {
    const at = random.int(bytes.length)
    bytes[at] = bytes[at]! ^ (1 << random.int(8))
    return bytes
  },
  "a zeroed range": (bytes, random) => {
    const at = random.int(bytes.length)
    return bytes.fill(0, at, at + 1 + random.int(600))
  },
  "a truncation": (bytes, random) => bytes.slice(0, random.int(bytes.length)),
  "a swap of two ranges": (bytes, random) => {
    const length = 1 + random.int(Math.min(512, bytes.length >> 1))
    const one = random.int(bytes.length - 2 * length + 1)
    const other = one + length + random.int(bytes.length - one - 2 * length + 1)
    const kept = bytes.slice(one, one + length)
    bytes.copyWithin(one, other, other + length)
    bytes.set(kept, other)
    return bytes
  }
}

describe("A damaged file of a closed store", () => {
  for (const [name, damage] of Object.entries(damages)) {
    it.for(seeds(2))(`I15: ${name} yields the same answer or a typed error (seed %i)`, (seed) => {
      const disk = closedStore(seed)
      const expected = runSeed(contentOn(copyOf(disk, (_name, bytes) => bytes)), seed)
      const random = new SeededRandom(seed)
      const outcomes = new Map<string, Set<string>>()
      for (const file of filesRead(disk)) {
        const whole = disk.readFile(`${directory}/${file}`)
        const content = whole.subarray(0, contentEnd(whole))
        for (let times = 0; times < 25; times++) {
          const damaged = damage(content.slice(), random)
          const image = withFile(
            disk,
            file,
            file.endsWith(".seg") ? Buffer.concat([damaged, new Uint8Array(4096)]) : damaged
          )
          const outcome = checkHonest(image, expected, seed, `${name} in ${file}`)
          const kind = fileAt(file)?._tag ?? ""
          outcomes.set(kind, (outcomes.get(kind) ?? new Set()).add(outcome))
        }
      }
      assert.deepStrictEqual([...outcomes.keys()].sort(), ["Current", "Manifest", "Segment", "Table"])
      for (const kind of ["Current", "Segment", "Table"]) assert.isTrue(outcomes.get(kind)?.has("StoreCorrupted"), kind)
    })
  }

  it("I15: a missing one is StoreCorrupted, and nothing is changed", () => {
    const disk = closedStore(1)
    for (const file of filesRead(disk)) {
      const image = withFile(disk, file, undefined)
      const answer = refusalOf(image, 1)
      assert.strictEqual(answer, "StoreCorrupted", file)
    }
  })

  it("I15: one that is lost from its beginning on is StoreCorrupted", () => {
    const disk = closedStore(1)
    for (const file of filesRead(disk)) {
      const answer = refusalOf(withFile(disk, file, new Uint8Array(0)), 1)
      assert.include(honest, answer, file)
    }
  })
})

describe("The owner's file of a closed store", () => {
  it("may go or hold anything", () => {
    const disk = closedStore(1)
    const expected = runSeed(contentOn(copyOf(disk, (_name, bytes) => bytes)), 1)
    const owners = filesOf(disk).filter(isOwner)
    assert.lengthOf(owners, 1)
    for (const bytes of [undefined, bytesOf("anything"), new Uint8Array(70_000)]) {
      for (const readOnly of [true, false]) {
        const image = withFile(disk, owners[0]!, bytes)
        assert.strictEqual(checkHonest(image, expected, 1, "the owner's file", { readOnly }), "the same")
      }
    }
  })
})

describe("A log with several segments", () => {
  /** Segments that no flush has retired. */
  const manySegments = (seed: number): SimulatedDisk => {
    const disk = SimulatedDisk.make()
    disk.fail({ when: ({ operation, path }) => operation === "createAppend" && path.endsWith(".sst"), times: Infinity })
    const write = withStore(disk, (store) =>
      Effect.gen(function*() {
        for (let key = 0; key < 70; key++) yield* store.put(bytesOf(`key/${key}`), padded(String(key), 2_000))
      }), { maxImmutables: 5 })
    runSeed(write, seed)
    return disk
  }

  it.for(seeds(3))("I15: that lacks one, or the content of one, is StoreCorrupted (seed %i)", (seed) => {
    const disk = manySegments(seed)
    const expected = runSeed(contentOn(copyOf(disk, (_name, bytes) => bytes)), seed)
    const segments = filesOf(disk).filter((name) => name.endsWith(".seg"))
    const written = segments.filter((name) => contentEnd(disk.readFile(`${directory}/${name}`)) > 64)
    assert.isAtLeast(written.length, 3)
    assert.strictEqual(expected.size, 70)
    for (const name of written) {
      const whole = disk.readFile(`${directory}/${name}`)
      for (const left of [undefined, whole.subarray(0, 64), whole.subarray(0, contentEnd(whole) >> 1)]) {
        const answer = refusalOf(withFile(disk, name, left), seed)
        assert.strictEqual(answer, "StoreCorrupted", name)
      }
    }
  })

  it.for(seeds(3))("I15: whose files are swapped or doubled is StoreCorrupted (seed %i)", (seed) => {
    const disk = manySegments(seed)
    const [first, second] = filesOf(disk).filter((name) => name.endsWith(".seg"))
    const bytesIn = (name: string | undefined) => disk.readFile(`${directory}/${name}`)
    const images = [
      withFile(disk, first!, bytesIn(second)),
      withFile(disk, second!, bytesIn(first)),
      copyOf(disk, (name, bytes) => name === first ? bytesIn(second) : name === second ? bytesIn(first) : bytes)
    ]
    for (const image of images) {
      const answer = refusalOf(image, seed)
      assert.strictEqual(answer, "StoreCorrupted")
    }
  })

  it.for(seeds(6))(
    "I15: lost in part after a clean close is StoreCorrupted, whatever went on while it closed (seed %i)",
    (seed) => {
      const disk = SimulatedDisk.make()
      const random = new SeededRandom(seed)
      // Rotations, flushes and a rewrite may go on while the store closes.
      const busy = withStore(disk, (store) =>
        Effect.gen(function*() {
          for (let key = 0; key < 60; key++) {
            yield* store.put(bytesOf(`key/${key}`), padded(String(key), 2_500), { durability: "buffered" })
          }
          yield* Effect.forkChild(store.compact())
          for (let pause = random.int(30); pause > 0; pause--) yield* Effect.yieldNow
          yield* store.put(bytesOf("last"), padded("last", 100))
        }), { maxImmutables: 4 })
      runSeed(busy, seed)
      const expected = runSeed(contentOn(copyOf(disk, (_name, bytes) => bytes)), seed)
      assert.strictEqual(expected.size, 61)
      for (const name of filesOf(disk).filter((each) => each.endsWith(".seg"))) {
        const whole = disk.readFile(`${directory}/${name}`)
        const end = contentEnd(whole)
        if (end <= 64) continue
        for (const left of [whole.subarray(0, 64), whole.slice(0, end - 50).fill(0, end - 60)]) {
          const answer = refusalOf(withFile(disk, name, left), seed)
          assert.strictEqual(answer, "StoreCorrupted", name)
        }
      }
    }
  )
})
