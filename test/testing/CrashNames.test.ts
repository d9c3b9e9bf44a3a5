import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SeededRandom, type SimulatedDisk } from "../../src/testing/index.ts"
import { bytes, contentsOf, filesOf, found, onDisk, syncedFile } from "./crashHelpers.ts"

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
    "a rename that is not synced may be undone, or be half done: its target holds the old file or the new",
    onDisk((disk) =>
      Effect.gen(function*() {
        yield* syncedFile(disk, "current", bytes(1))
        yield* syncedFile(disk, "next", bytes(2))
        yield* disk.service.syncDirectory("/")
        yield* disk.service.rename("next", "current")
        assert.deepStrictEqual(disk.crashImage("synced").readFile("current"), bytes(1))
        const look = (image: SimulatedDisk): string => `${filesOf(image)}: ${image.readFile("current").join()}`
        const possible = ["current next: 1", "current: 2", "current next: 2", "current: 1"]
        assert.deepStrictEqual(found(disk, look), new Set(possible))
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
    "a creation that is not synced may be half done: the file has its name, and only what was synced of it",
    onDisk((disk) =>
      Effect.gen(function*() {
        const file = yield* disk.service.createAppend("file")
        yield* file.append([bytes(1, 2)])
        yield* file.sync
        for (let write = 0; write < 20; write++) yield* file.append([bytes(3)])
        const contents = found(disk, contentsOf)
        assert.isTrue(contents.has("file=1,2"))
        assert.isTrue([...contents].every((content) => content === "" || content.startsWith("file=1,2")))
      })
    )
  )

  it.effect(
    "a half done rename leaves one file with two names",
    onDisk((disk) =>
      Effect.gen(function*() {
        const file = yield* syncedFile(disk, "old", bytes(1))
        yield* disk.service.syncDirectory("/")
        yield* file.append([new Uint8Array(3_000)])
        yield* disk.service.rename("old", "new")
        const random = new SeededRandom(1)
        let image = disk.crashImage("random", random)
        while (image.files().length < 2) image = disk.crashImage("random", random)
        assert.deepStrictEqual(image.readFile("old"), image.readFile("new"))
        image.writeFile("new", bytes(2))
        assert.deepStrictEqual(image.readFile("old"), bytes(2))
      })
    )
  )

  it.effect(
    "a rename to a free name never leaves a file without one that had one for certain",
    onDisk((disk) =>
      Effect.gen(function*() {
        yield* syncedFile(disk, "old", bytes(1))
        yield* disk.service.syncDirectory("/")
        yield* disk.service.rename("old", "between")
        yield* disk.service.rename("between", "new")
        assert.deepStrictEqual(
          found(disk, contentsOf),
          new Set(["old=1", "between=1 old=1", "between=1", "between=1 new=1", "new=1"])
        )
      })
    )
  )

  it.effect(
    "a removal that is not synced may be half done: the name is there, and a beginning of the file, or none of it",
    onDisk((disk) =>
      Effect.gen(function*() {
        yield* syncedFile(disk, "file", bytes(1, 2, 3))
        yield* disk.service.syncDirectory("/")
        yield* disk.service.remove("file")
        assert.deepStrictEqual(found(disk, contentsOf), new Set(["", "file=1,2,3", "file=1,2", "file=1", "file="]))
        yield* disk.service.syncDirectory("/")
        assert.deepStrictEqual(found(disk, contentsOf), new Set([""]))
      })
    )
  )

  it.effect(
    "a directory is never made by half, and never has two names",
    onDisk((disk) =>
      Effect.gen(function*() {
        yield* disk.service.makeDirectory("old")
        yield* syncedFile(disk, "old/file", bytes(1))
        yield* disk.service.syncDirectory("old")
        yield* disk.service.syncDirectory("/")
        yield* disk.service.rename("old", "new")
        assert.deepStrictEqual(found(disk, contentsOf), new Set(["old/file=1", "new/file=1"]))
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
        assert.deepStrictEqual(
          found(disk, contentsOf),
          new Set([
            "",
            "next=1",
            "current=1 next=1",
            "current=1",
            "current=1 next=2",
            "current=2 next=2",
            "current=2",
            "current=2 next=3",
            "current=3 next=3",
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
        assert.deepStrictEqual(found(disk, filesOf), new Set(["", "from/file", "from/file to/file", "to/file"]))
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
