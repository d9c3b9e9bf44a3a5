import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import { pattern } from "../disk/diskHelpers.ts"
import { bytes, found, modes, namedFile, onDisk } from "./crashHelpers.ts"

describe("power cut: bytes", () => {
  it.effect(
    "a sync makes the bytes and the length durable",
    onDisk((disk) =>
      Effect.gen(function*() {
        const file = yield* namedFile(disk, "file")
        yield* file.append([bytes(1, 2, 3)])
        yield* file.sync
        yield* file.append([bytes(4, 5)])
        assert.deepStrictEqual(disk.crashImage("synced").readFile("file"), bytes(1, 2, 3))
        for (const mode of modes) {
          assert.deepStrictEqual(disk.crashImage(mode).readFile("file").slice(0, 3), bytes(1, 2, 3))
        }
      })
    )
  )

  it.effect(
    "without a sync nothing need be left but the empty file",
    onDisk((disk) =>
      Effect.gen(function*() {
        const file = yield* namedFile(disk, "file")
        yield* file.append([bytes(1, 2, 3)])
        assert.deepStrictEqual(disk.crashImage("synced").readFile("file"), bytes())
        assert.deepStrictEqual(disk.crashImage("all").readFile("file"), bytes(1, 2, 3))
      })
    )
  )

  it.effect(
    "a torn write ends before its end, the writes before it are whole",
    onDisk((disk) =>
      Effect.gen(function*() {
        const first = yield* namedFile(disk, "first")
        const last = yield* namedFile(disk, "last")
        yield* last.append([pattern(100)])
        yield* first.append([pattern(100)])
        yield* last.append([pattern(2_000, 7)])
        const random = new SeededRandom(3)
        const lengths = new Set<number>()
        for (let cut = 0; cut < 50; cut++) {
          const image = disk.crashImage("torn", random)
          assert.deepStrictEqual(image.readFile("first"), pattern(100))
          const left = image.readFile("last")
          assert.deepStrictEqual(left, disk.readFile("last").slice(0, left.length))
          assert.isAtLeast(left.length, 100)
          assert.isBelow(left.length, 2_100)
          lengths.add(left.length)
        }
        assert.isAbove(lengths.size, 10)
        assert.isTrue([...lengths].some((length) => length % 512 === 0))
      })
    )
  )

  it.effect(
    "unsynced writes survive independently: each alone, both, neither, in parts, and a length without bytes",
    onDisk((disk) =>
      Effect.gen(function*() {
        const file = yield* namedFile(disk, "file")
        yield* file.append([bytes(1, 1)])
        yield* file.append([bytes(2, 2)])
        const contents = found(disk, (image) => image.readFile("file").join(","))
        for (const content of ["", "1,1", "1,1,2,2", "0,0,2,2", "1", "0,0", "0,0,2"]) {
          assert.isTrue(contents.has(content), `no image holds ${content}`)
        }
      })
    )
  )

  it.effect(
    "an image holds at each place what was written there, or zero, or unless it was synced garbage",
    onDisk((disk) =>
      Effect.gen(function*() {
        const file = yield* namedFile(disk, "file", 3_000)
        for (let write = 0; write < 12; write++) {
          yield* file.append([pattern(write * 173, write)])
          if (write === 4) yield* file.sync
        }
        const written = disk.readFile("file")
        const durableBytes = (1 + 2 + 3 + 4) * 173
        const durable = disk.crashImage("synced").readFile("file").length
        const random = new SeededRandom(5)
        let garbled = 0
        for (let cut = 0; cut < 300; cut++) {
          const mode = random.pick(modes)
          const left = disk.crashImage(mode, random).readFile("file")
          assert.isAtLeast(left.length, durable)
          assert.deepStrictEqual(left.slice(0, durableBytes), written.slice(0, durableBytes))
          if (left.every((byte, offset) => byte === written[offset] || byte === 0)) continue
          assert.strictEqual(mode, "random")
          garbled++
        }
        assert.isAbove(garbled, 20)
      })
    )
  )

  it.effect(
    "garbage fills single sectors, and of one that is synced in part the rest",
    onDisk((disk) =>
      Effect.gen(function*() {
        const file = yield* namedFile(disk, "file")
        yield* file.append([new Uint8Array(700).fill(1)])
        yield* file.sync
        yield* file.append([new Uint8Array(3 * 512).fill(2)])
        const strange = found(disk, (image) => {
          const left = image.readFile("file")
          assert.isTrue(left.subarray(0, 700).every((byte) => byte === 1))
          const sectors = [[700, 1_024], [1_024, 1_536], [1_536, 2_048], [2_048, 2_236]] as const
          return sectors.map(([start, end]) => {
            const values = new Set(left.subarray(start, end))
            return values.size > 100 ? "garbage" : values.has(2) && values.size === 1 ? "whole" : "else"
          }).join(" ")
        })
        for (const at of [0, 1, 2, 3]) {
          const only = ["whole", "whole", "whole", "whole"].with(at, "garbage").join(" ")
          assert.isTrue(strange.has(only), `no image is ${only}`)
        }
      })
    )
  )

  it.effect(
    "garbage may be where zeros were written ahead, but not over what was appended and synced there",
    onDisk((disk) =>
      Effect.gen(function*() {
        const file = yield* namedFile(disk, "file", 2_000)
        yield* file.append([bytes(1)])
        disk.fail({ when: (call) => call.operation === "sync" })
        yield* Effect.flip(file.sync)
        yield* file.append([pattern(1_000, 1)])
        yield* file.sync
        const ends = found(disk, (image) => {
          const left = image.readFile("file")
          assert.deepStrictEqual(left.slice(1, 1_001), pattern(1_000, 1))
          return left.subarray(1_001).some((byte) => byte !== 0)
        })
        assert.deepStrictEqual(ends, new Set([false, true]))
      })
    )
  )

  it.effect(
    "a large write loses single sectors in its midst",
    onDisk((disk) =>
      Effect.gen(function*() {
        const file = yield* namedFile(disk, "file")
        yield* file.append([new Uint8Array(8 * 512).fill(1)])
        const holes = found(disk, (image) => {
          const left = image.readFile("file")
          const hole = left.indexOf(0)
          return hole >= 0 && left.includes(1, hole) && hole % 512 === 0
        })
        assert.isTrue(holes.has(true))
      })
    )
  )

  it.effect(
    "zeros ahead of what is appended become durable with a sync, and take nothing with them if they are lost",
    onDisk((disk) =>
      Effect.gen(function*() {
        const file = yield* namedFile(disk, "file", 10)
        yield* file.append([bytes(1, 2)])
        assert.deepStrictEqual(disk.readFile("file"), bytes(1, 2, ...new Uint8Array(10)))
        assert.isTrue(found(disk, (image) => image.readFile("file").join(",")).has("1,2"))
        yield* file.sync
        yield* file.append([bytes(3)])
        assert.deepStrictEqual(disk.readFile("file"), bytes(1, 2, 3, ...new Uint8Array(9)))
        assert.deepStrictEqual(disk.crashImage("synced").readFile("file"), bytes(1, 2, ...new Uint8Array(10)))
      })
    )
  )

  it.effect(
    "I12: after a failed sync the bytes may be lost although a later sync succeeds",
    onDisk((disk) =>
      Effect.gen(function*() {
        const file = yield* namedFile(disk, "file")
        yield* file.append([bytes(1, 2)])
        disk.fail({ when: (call) => call.operation === "sync" })
        assert.strictEqual((yield* Effect.flip(file.sync)).code, "EIO")
        yield* file.sync
        assert.deepStrictEqual(disk.readFile("file"), bytes(1, 2))
        assert.deepStrictEqual(disk.crashImage("synced").readFile("file"), bytes())
        yield* file.append([bytes(3)])
        yield* file.sync
        assert.deepStrictEqual(disk.crashImage("synced").readFile("file"), bytes(0, 0, 3))
        assert.isTrue(found(disk, (image) => image.readFile("file").join(",")).has("1,2,3"))
      })
    )
  )
})

describe("images", () => {
  const busyDisk = Effect.gen(function*() {
    const disk = SimulatedDisk.make()
    const file = yield* namedFile(disk, "file")
    yield* file.append([pattern(3_000)])
    yield* disk.service.createAppend("other")
    return { disk, file }
  })

  it.effect("an image does not change with the disk it was taken of, nor that with the image", () =>
    Effect.gen(function*() {
      const { disk, file } = yield* busyDisk
      for (const image of [disk.killImage(), disk.crashImage("all")]) {
        yield* image.service.remove("other")
        image.writeFile("file", bytes(1))
        yield* file.append([bytes(9)])
        assert.deepStrictEqual(disk.files(), ["file", "other"])
        assert.deepStrictEqual(disk.readFile("file").slice(0, 3_000), pattern(3_000))
        assert.deepStrictEqual(image.readFile("file"), bytes(1))
      }
    }))

  it.effect("whatever a power cut left is durable", () =>
    Effect.gen(function*() {
      const { disk } = yield* busyDisk
      const random = new SeededRandom(9)
      for (let cut = 0; cut < 20; cut++) {
        const image = disk.crashImage("random", random)
        const again = image.crashImage("synced")
        assert.deepStrictEqual(again.files(), image.files())
        for (const path of image.files()) assert.deepStrictEqual(again.readFile(path), image.readFile(path))
      }
    }))

  it.effect("a kill keeps everything, and what was not synced stays so", () =>
    Effect.gen(function*() {
      const { disk } = yield* busyDisk
      const killed = disk.killImage()
      assert.deepStrictEqual(killed.files(), ["file", "other"])
      assert.deepStrictEqual(killed.readFile("file"), pattern(3_000))
      const cut = killed.crashImage("synced")
      assert.deepStrictEqual(cut.files(), ["file"])
      assert.deepStrictEqual(cut.readFile("file"), bytes())
    }))

  it.effect("a sync after a kill covers what the killed process wrote", () =>
    Effect.gen(function*() {
      const { disk } = yield* busyDisk
      const killed = disk.killImage()
      yield* killed.service.syncDirectory("/")
      assert.deepStrictEqual(killed.crashImage("synced").files(), ["file", "other"])
      assert.deepStrictEqual(disk.crashImage("synced").files(), ["file"])
    }))

  it.effect("the same seed gives the same image", () =>
    Effect.gen(function*() {
      const { disk } = yield* busyDisk
      const look = (seed: number): string => {
        const image = disk.crashImage("random", new SeededRandom(seed))
        return image.files().map((path) => `${path} ${image.readFile(path).join()}`).join("; ")
      }
      for (let seed = 0; seed < 10; seed++) assert.strictEqual(look(seed), look(seed))
      assert.notStrictEqual(look(1) + look(2) + look(3), look(4) + look(5) + look(6))
    }))
})
