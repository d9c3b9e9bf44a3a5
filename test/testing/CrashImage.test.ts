import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { AppendFile } from "../../src/disk/Disk.ts"
import type { DiskError } from "../../src/StoreError.ts"
import { type CrashMode, SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import { pattern } from "../disk/diskHelpers.ts"

const bytes = (...values: ReadonlyArray<number>): Uint8Array => Uint8Array.from(values)

const modes: ReadonlyArray<CrashMode> = ["synced", "all", "torn", "random"]

/** What random power cuts find, as far as the test is interested in it. */
const found = <A>(disk: SimulatedDisk, look: (image: SimulatedDisk) => A, cuts = 300): Set<A> => {
  const random = new SeededRandom(1)
  const all = new Set<A>()
  for (let cut = 0; cut < cuts; cut++) all.add(look(disk.crashImage("random", random)))
  return all
}

const filesOf = (image: SimulatedDisk): string => image.files().join(" ")

const onDisk = <E>(body: (disk: SimulatedDisk) => Effect.Effect<void, E>): () => Effect.Effect<void, E> => () =>
  body(SimulatedDisk.make())

/** A file whose name is durable. */
const namedFile = (disk: SimulatedDisk, path: string, extendBy = 0): Effect.Effect<AppendFile, DiskError> =>
  Effect.tap(disk.service.createAppend(path, { extendBy }), disk.service.syncDirectory("/"))

const syncedFile = (disk: SimulatedDisk, path: string, content: Uint8Array): Effect.Effect<AppendFile, DiskError> =>
  Effect.tap(disk.service.createAppend(path), (file) => Effect.andThen(file.append([content]), file.sync))

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
        for (const content of ["", "1,1", "1,1,2,2", "0,0,2,2", "1", "0,0", "1,1,2"]) {
          assert.isTrue(contents.has(content), `no image holds ${content}`)
        }
      })
    )
  )

  it.effect(
    "an image holds at each place what was written there, or zero",
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
        for (let cut = 0; cut < 100; cut++) {
          const left = disk.crashImage("random", random).readFile("file")
          assert.isAtLeast(left.length, durable)
          const invented = left.findIndex((byte, offset) =>
            byte !== written[offset] && (byte !== 0 || offset < durableBytes)
          )
          assert.strictEqual(invented, -1)
        }
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

describe("power cut: names", () => {
  it.effect(
    "a file is there for certain only once its directory is synced, however often it was synced itself",
    onDisk((disk) =>
      Effect.gen(function*() {
        yield* syncedFile(disk, "file", bytes(1))
        assert.deepStrictEqual(disk.crashImage("synced").files(), [])
        assert.deepStrictEqual(found(disk, filesOf), new Set(["", "file"]))
        yield* disk.service.syncDirectory("/")
        assert.deepStrictEqual(found(disk, filesOf), new Set(["file"]))
        assert.deepStrictEqual(disk.crashImage("synced").readFile("file"), bytes(1))
      })
    )
  )

  it.effect(
    "a directory is there for certain only once its parent is synced, whatever is synced in it",
    onDisk((disk) =>
      Effect.gen(function*() {
        yield* disk.service.makeDirectory("inner")
        yield* syncedFile(disk, "inner/file", bytes(1))
        yield* disk.service.syncDirectory("inner")
        assert.deepStrictEqual(disk.crashImage("synced").files(), [])
        yield* disk.service.syncDirectory("/")
        assert.deepStrictEqual(disk.crashImage("synced").files(), ["inner/file"])
      })
    )
  )

  it.effect(
    "a rename that is not synced may be undone, and leaves the old content or the new, never neither",
    onDisk((disk) =>
      Effect.gen(function*() {
        yield* syncedFile(disk, "current", bytes(1))
        yield* syncedFile(disk, "next", bytes(2))
        yield* disk.service.syncDirectory("/")
        yield* disk.service.rename("next", "current")
        assert.deepStrictEqual(disk.crashImage("synced").readFile("current"), bytes(1))
        const look = (image: SimulatedDisk): string => `${filesOf(image)}: ${image.readFile("current").join()}`
        assert.deepStrictEqual(found(disk, look), new Set(["current next: 1", "current: 2"]))
        yield* disk.service.syncDirectory("/")
        assert.deepStrictEqual(found(disk, look), new Set(["current: 2"]))
      })
    )
  )

  it.effect(
    "a rename does not make the content durable",
    onDisk((disk) =>
      Effect.gen(function*() {
        const file = yield* disk.service.createAppend("next")
        yield* file.append([bytes(1)])
        yield* disk.service.rename("next", "current")
        yield* disk.service.syncDirectory("/")
        assert.deepStrictEqual(disk.crashImage("synced").readFile("current"), bytes())
      })
    )
  )

  it.effect(
    "a removal that is not synced may be undone",
    onDisk((disk) =>
      Effect.gen(function*() {
        yield* syncedFile(disk, "file", bytes(1))
        yield* disk.service.syncDirectory("/")
        yield* disk.service.remove("file")
        assert.deepStrictEqual(disk.crashImage("synced").readFile("file"), bytes(1))
        assert.deepStrictEqual(found(disk, filesOf), new Set(["", "file"]))
        yield* disk.service.syncDirectory("/")
        assert.deepStrictEqual(disk.crashImage("synced").files(), [])
      })
    )
  )

  it.effect(
    "operations on different names survive in any order",
    onDisk((disk) =>
      Effect.gen(function*() {
        yield* disk.service.createAppend("a")
        yield* disk.service.createAppend("b")
        assert.deepStrictEqual(found(disk, filesOf), new Set(["", "a", "b", "a b"]))
      })
    )
  )

  it.effect(
    "often the operations survive up to some moment, as those of a journal",
    onDisk((disk) =>
      Effect.gen(function*() {
        const names = Array.from({ length: 12 }, (_, index) => String.fromCharCode(97 + index))
        for (const name of names) yield* disk.service.createAppend(name)
        const images = found(disk, filesOf)
        for (let count = 0; count <= names.length; count++) {
          assert.isTrue(images.has(names.slice(0, count).join(" ")), `no image holds the first ${count}`)
        }
      })
    )
  )

  it.effect(
    "operations on one name survive in their order only",
    onDisk((disk) =>
      Effect.gen(function*() {
        for (const version of [1, 2, 3]) {
          yield* syncedFile(disk, "next", bytes(version))
          yield* disk.service.rename("next", "current")
        }
        const states = found(disk, (image) => {
          const files = image.files()
          return files.map((name) => `${name}=${image.readFile(name).join()}`).join(" ")
        })
        assert.deepStrictEqual(
          states,
          new Set([
            "",
            "next=1",
            "current=1",
            "current=1 next=2",
            "current=2",
            "current=2 next=3",
            "current=3"
          ])
        )
      })
    )
  )

  it.effect(
    "a sync of one of two directories settles a rename between them, in both",
    onDisk((disk) =>
      Effect.gen(function*() {
        yield* disk.service.makeDirectory("from")
        yield* disk.service.makeDirectory("to")
        yield* disk.service.syncDirectory("/")
        yield* syncedFile(disk, "from/file", bytes(1))
        yield* disk.service.rename("from/file", "to/file")
        assert.deepStrictEqual(found(disk, filesOf), new Set(["", "from/file", "to/file"]))
        yield* disk.service.syncDirectory("to")
        assert.deepStrictEqual(found(disk, filesOf), new Set(["to/file"]))
      })
    )
  )

  it.effect(
    "after a failed syncDirectory the entries may be lost although a later one succeeds",
    onDisk((disk) =>
      Effect.gen(function*() {
        yield* disk.service.createAppend("file")
        disk.fail({ when: (call) => call.operation === "syncDirectory" })
        yield* Effect.flip(disk.service.syncDirectory("/"))
        yield* disk.service.createAppend("later")
        yield* disk.service.syncDirectory("/")
        assert.deepStrictEqual(disk.crashImage("synced").files(), ["later"])
        assert.deepStrictEqual(found(disk, filesOf), new Set(["later", "file later"]))
      })
    )
  )

  it.effect(
    "what a lost entry was replaced by is never replaced by it",
    onDisk((disk) =>
      Effect.gen(function*() {
        yield* syncedFile(disk, "one", bytes(1))
        yield* syncedFile(disk, "two", bytes(2))
        yield* disk.service.syncDirectory("/")
        yield* disk.service.rename("one", "current")
        disk.fail({ when: (call) => call.operation === "syncDirectory" })
        yield* Effect.flip(disk.service.syncDirectory("/"))
        yield* disk.service.rename("two", "current")
        yield* disk.service.syncDirectory("/")
        assert.deepStrictEqual(found(disk, (image) => image.readFile("current").join()), new Set(["2"]))
      })
    )
  )
})

describe("power cut: anything", () => {
  interface Written {
    readonly file: AppendFile
    readonly content: Array<number>
    synced: number
  }

  it.effect.prop(
    "names untouched since the directory's sync, and bytes written before the file's, are in every image",
    { seed: Schema.Int },
    ({ seed }) =>
      Effect.gen(function*() {
        const random = new SeededRandom(seed)
        const disk = SimulatedDisk.make({ delay: Effect.void })
        const names = ["a", "b", "c", "d"]
        const current = new Map<string, Written>()
        let settled = new Map<string, Written>()
        let touched = new Set<string>()
        for (let step = 0; step < 40; step++) {
          const name = random.pick(names)
          const written = current.get(name)
          if (written === undefined) {
            current.set(name, { file: yield* disk.service.createAppend(name), content: [], synced: 0 })
            touched.add(name)
            continue
          }
          switch (random.pick(["append", "append", "sync", "rename", "remove", "syncDirectory"])) {
            case "append": {
              const chunk = random.bytes(random.int(1_200))
              yield* written.file.append([chunk])
              written.content.push(...chunk)
              break
            }
            case "sync":
              yield* written.file.sync
              written.synced = written.content.length
              break
            case "rename": {
              const to = random.pick(names.filter((other) => other !== name))
              yield* disk.service.rename(name, to)
              current.delete(name)
              current.set(to, written)
              touched.add(name).add(to)
              break
            }
            case "remove":
              yield* disk.service.remove(name)
              current.delete(name)
              touched.add(name)
              break
            case "syncDirectory":
              yield* disk.service.syncDirectory("/")
              settled = new Map(current)
              touched = new Set()
          }
          const image = disk.crashImage("random", random)
          for (const untouched of names.filter((each) => !touched.has(each))) {
            const expected = settled.get(untouched)
            assert.strictEqual(image.files().includes(untouched), expected !== undefined)
            if (expected === undefined) continue
            const left = image.readFile(untouched).slice(0, expected.synced)
            assert.deepStrictEqual(left, Uint8Array.from(expected.content.slice(0, expected.synced)))
          }
        }
      }),
    { arbitrary: { runs: 60 } }
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
