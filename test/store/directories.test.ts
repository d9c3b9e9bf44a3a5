/** Opening the wrong directory: a typed error that says what to do, and nothing in it is changed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { Disk } from "../../src/disk/Disk.ts"
import * as MemoryDisk from "../../src/disk/MemoryDisk.ts"
import { InvalidArgument, LsmStore, StoreCorrupted, StoreLocked, UnsupportedFormat } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { DiskError } from "../../src/StoreError.ts"
import { temporaryDirectory } from "../disk/temporaryDirectory.ts"
import { imageOf } from "./imageOf.ts"
import { openElsewhere } from "./otherProcess.ts"
import { bytes, contentOf, failureOf, freshDirectory, open, refuses, withStore } from "./storeHelpers.ts"

const nodeLayer = (directory: string) => NodeLsmStore.layer({ directory })
const readOnlyLayer = (directory: string) => NodeLsmStore.layer({ directory, readOnly: true })

/** What opening fails with, by a writer and by a reader; the directory stays as it was. */
const refusals = (directory: string, around = directory) =>
  Effect.gen(function*() {
    const before = imageOf(around)
    const errors = [
      yield* failureOf(Effect.scoped(open(nodeLayer(directory)))),
      yield* failureOf(Effect.scoped(open(readOnlyLayer(directory))))
    ]
    assert.deepStrictEqual(imageOf(around), before)
    return errors
  })

/** Files that another program left, by name; the first is the one that the error is to name. */
const foreign: ReadonlyArray<readonly [what: string, files: Readonly<Record<string, string>>]> = [
  ["LevelDB's", {
    CURRENT: "MANIFEST-000004\n",
    "MANIFEST-000004": "V\u0001leveldb",
    "000005.ldb": "data",
    LOG: "log",
    LOCK: ""
  }],
  ["RocksDB's without CURRENT", { IDENTITY: "5b4c", "OPTIONS-000007": "[Version]", LOCK: "" }],
  ["random", { "notes.txt": "hello" }],
  ["a CURRENT that is empty", { CURRENT: "" }],
  ["a CURRENT of zeros", { CURRENT: "\0".repeat(64) }],
  ["a CURRENT of a megabyte", { CURRENT: "x".repeat(1024 * 1024) }],
  ["a store's CURRENT that is empty", { "CURRENT-1": "" }],
  ["a store's CURRENT of zeros", { "CURRENT-1": "\0".repeat(64) }],
  ["a store's CURRENT of a megabyte", { "CURRENT-1": "x".repeat(1024 * 1024) }],
  ["a store's CURRENT with what is LevelDB's", { "CURRENT-1": "MANIFEST-000004\n" }],
  ["files that are almost a store's", { "wal-1-1.seg": "" }],
  ["files without a generation", { "wal-0000000001.seg": "" }],
  ["a table of another name", { "table-0000000001-1.ldb": "" }]
]

describe("a directory with another program's files", () => {
  for (const [what, files] of foreign) {
    it.effect(`${what} is refused with UnsupportedFormat`, () =>
      Effect.gen(function*() {
        const directory = yield* temporaryDirectory
        for (const [name, content] of Object.entries(files)) writeFileSync(`${directory}/${name}`, content)
        for (const error of yield* refusals(directory)) {
          assert.instanceOf(error, UnsupportedFormat)
          const named = Object.keys(files).map((name) => `${directory}/${name}`)
          assert.include(named, error.file)
          assert.include(error.message, "Nothing was changed")
        }
      }))
  }

  it.effect("an SQLite database's is refused with UnsupportedFormat", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const database = new DatabaseSync(`${directory}/app.db`)
      database.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
      database.close()
      for (const error of yield* refusals(directory)) {
        assert.instanceOf(error, UnsupportedFormat)
        assert.strictEqual(error.file, `${directory}/app.db`)
        assert.include(error.message, "choose an empty directory")
      }
    }))

  it.effect("a subdirectory is refused with UnsupportedFormat", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      mkdirSync(`${directory}/inner/deep`, { recursive: true })
      for (const error of yield* refusals(directory)) assert.instanceOf(error, UnsupportedFormat)
    }))

  it.effect("a LOCK with something in it is refused by a writer, and is left as it is", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      writeFileSync(`${directory}/LOCK`, "pid 4711")
      const before = imageOf(directory)
      const error = yield* failureOf(open(nodeLayer(directory)))
      assert.instanceOf(error, UnsupportedFormat)
      assert.strictEqual(error.file, `${directory}/LOCK`)
      assert.deepStrictEqual(imageOf(directory), before)
    }))

  it.effect("a directory named as a store's file is a typed error", () =>
    Effect.gen(function*() {
      for (const name of ["CURRENT", "CURRENT-1", "LOCK", "table-0000000001-1.sst", "wal-0000000001-1.seg"]) {
        const directory = yield* temporaryDirectory
        mkdirSync(`${directory}/${name}`)
        const before = imageOf(directory)
        yield* failureOf(Effect.scoped(open(nodeLayer(directory))))
        assert.deepStrictEqual(imageOf(directory), before, name)
      }
    }))

  it.effect("an empty directory with hidden files or lost+found becomes a store, and they stay", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      mkdirSync(`${directory}/lost+found`)
      writeFileSync(`${directory}/.gitkeep`, "")
      yield* withStore(nodeLayer(directory), (store) => store.put(bytes("a"), bytes("1")))
      yield* withStore(nodeLayer(directory), (store) => store.flush)
      const names = readdirSync(directory)
      assert.includeMembers(names, ["lost+found", ".gitkeep", "LOCK"])
      assert.isDefined(names.find((name) => /^CURRENT-\d+$/.test(name)))
    }))

  it.effect("a store's directory may hold other files, and they stay as they are", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      yield* withStore(nodeLayer(directory), (store) => store.put(bytes("a"), bytes("1")))
      const others = { "README.txt": "mine", "table-1-1.sst": "not a table's name", "backup.tmp": "x" }
      for (const [name, content] of Object.entries(others)) writeFileSync(`${directory}/${name}`, content)
      yield* withStore(nodeLayer(directory), (store) =>
        Effect.gen(function*() {
          yield* store.flush
          assert.deepStrictEqual(yield* contentOf(store), ["a=1"])
        }))
      for (const [name, content] of Object.entries(others)) {
        assert.strictEqual(readFileSync(`${directory}/${name}`, "utf8"), content)
      }
    }))
})

describe("a store's files without the one that names them", () => {
  it.effect("are refused with StoreCorrupted, and left as they are", () =>
    Effect.gen(function*() {
      for (const name of ["table-0000000001-7.sst", "wal-0000000001-7.seg"]) {
        const directory = yield* temporaryDirectory
        writeFileSync(`${directory}/${name}`, "content")
        for (const error of yield* refusals(directory)) {
          assert.instanceOf(error, StoreCorrupted)
          assert.strictEqual(error.file, `${directory}/CURRENT-7`)
          assert.include(error.message, name)
          assert.include(error.message, "Restore")
        }
      }
    }))
})

describe("a path that is no directory", () => {
  it.effect("with a parent that is missing is refused with what to create", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      for (const directory of [`${parent}/missing/store`, `${parent}/a/b/c/d/`]) {
        const [writer, reader] = yield* refusals(directory, parent)
        assert.instanceOf(writer, InvalidArgument)
        assert.match(writer.message, /^directory: the parent of .* does not exist; create it first/)
        assert.instanceOf(reader, InvalidArgument)
        assert.match(reader.message, /there is no store at/)
      }
    }))

  it.effect("but a file, or below a file, is refused", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      writeFileSync(`${parent}/file`, "content")
      for (const [path, reason] of [["file", /is not a directory/], ["file/store", /is not a directory/]] as const) {
        for (const error of yield* refusals(`${parent}/${path}`, parent)) {
          assert.instanceOf(error, InvalidArgument)
          assert.strictEqual(error.argument, "directory")
          assert.match(error.reason, reason)
        }
      }
    }))

  it.effect("but a device, a loop of links, or a name too long is a typed error", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      symlinkSync(`${parent}/loop`, `${parent}/loop`)
      symlinkSync(`${parent}/nowhere`, `${parent}/dangling`)
      for (const path of ["/dev/null", `${parent}/loop`, `${parent}/dangling`, `${parent}/${"x".repeat(5_000)}`]) {
        const error = yield* failureOf(Effect.scoped(open(nodeLayer(path))))
        assert.include(["InvalidArgument", "DiskError"], error._tag)
        assert.include(error.message, path)
      }
      assert.deepStrictEqual(readdirSync(parent).sort(), ["dangling", "loop"])
    }))

  it.effect("is created, once its parent exists", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      for (const directory of [`${parent}/plain`, `${parent}/slash/`, `${parent}/slashes///`, `${parent}/ümläut 🗂`]) {
        yield* withStore(nodeLayer(directory), (store) => store.put(bytes("a"), bytes("1")))
        yield* withStore(nodeLayer(directory), (store) =>
          Effect.map(contentOf(store), (content) => assert.deepStrictEqual(content, ["a=1"])))
      }
    }))

  it.effect("but a link to a directory is that directory", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      mkdirSync(`${parent}/real`)
      symlinkSync(`${parent}/real`, `${parent}/link`)
      yield* withStore(nodeLayer(`${parent}/link`), (store) =>
        Effect.gen(function*() {
          yield* store.put(bytes("a"), bytes("1"))
          assert.instanceOf(yield* failureOf(Effect.scoped(open(nodeLayer(`${parent}/real`)))), StoreLocked)
        }))
      yield* withStore(nodeLayer(`${parent}/real`), (store) =>
        Effect.map(contentOf(store), (content) => assert.deepStrictEqual(content, ["a=1"])))
    }))
})

describe("a directory that the process may not write", () => {
  it.effect("is refused by a writer, who is told what to do, and a reader may open it", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      const directory = `${parent}/store`
      const layer = NodeLsmStore.layer({ directory, access: "all" })
      yield* withStore(layer, (store) => store.put(bytes("a"), bytes("1")))
      chmodSync(parent, 0o755)
      chmodSync(directory, 0o555)
      const before = imageOf(directory)
      const writer = yield* openElsewhere(directory, "write", "nobody")
      assert.strictEqual(writer.answer.tag, "InvalidArgument")
      assert.match(
        writer.answer.message ?? "",
        /can't be written to \(EACCES\); let the process write there, or open it with readOnly/
      )
      const reader = yield* openElsewhere(directory, "read", "nobody")
      assert.deepStrictEqual(reader.answer, { tag: "open", content: ["a=1"] })
      yield* reader.finish
      assert.deepStrictEqual(imageOf(directory), before)
    }))

  it.effect("can't be created below one: the error says what to do", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      chmodSync(parent, 0o555)
      const { answer } = yield* openElsewhere(`${parent}/store`, "write", "nobody")
      assert.strictEqual(answer.tag, "InvalidArgument")
      assert.match(answer.message ?? "", /can't be created \(EACCES\); let the process write to its parent/)
      chmodSync(parent, 0o700)
      assert.deepStrictEqual(readdirSync(parent), [])
    }))

  it.effect("nor look into is a typed error", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      chmodSync(parent, 0o700)
      const { answer } = yield* openElsewhere(`${parent}/store`, "write", "nobody")
      assert.strictEqual(answer.tag, "DiskError")
      assert.match(answer.message ?? "", /EACCES/)
    }))

  it.effect("on a disk that is read-only is refused the same way, and nothing is called that writes", () =>
    Effect.gen(function*() {
      const disk = MemoryDisk.make()
      yield* disk.makeDirectory("/store")
      const writes: Array<string> = []
      const readOnlyDisk = Disk.of({
        ...disk,
        checkWritable: (path) => Effect.fail(new DiskError({ operation: "checkWritable", path, code: "EROFS" })),
        createAppend: (path, options) => {
          writes.push(path)
          return disk.createAppend(path, options)
        }
      })
      const layer = LsmStore.layer({ directory: "/store" }).pipe(Layer.provide(Layer.succeed(Disk, readOnlyDisk)))
      yield* refuses(open(layer), "directory", /can't be written to \(EROFS\)/)
      assert.deepStrictEqual(writes, [])
      assert.deepStrictEqual(yield* disk.list("/store"), [])
    }))
})

describe("a store that can't be opened", () => {
  it.effect("leaves the directory free for the next one", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      yield* withStore(nodeLayer(directory), (store) => store.put(bytes("a"), bytes("1")))
      const path = `${directory}/${readdirSync(directory).find((name) => name.startsWith("CURRENT"))}`
      const current = readFileSync(path)
      writeFileSync(path, "effect-lsm 1 manifest 9 crc 00000000\n")
      assert.instanceOf(yield* failureOf(Effect.scoped(open(nodeLayer(directory)))), StoreCorrupted)
      writeFileSync(path, "effect-lsm 2 manifest 1 crc 6c2b0a3c\n")
      const newer = yield* failureOf(Effect.scoped(open(nodeLayer(directory))))
      assert.include(["StoreCorrupted", "UnsupportedFormat"], newer._tag)
      writeFileSync(path, current)
      const exit = yield* Effect.exit(withStore(nodeLayer(directory), contentOf))
      assert.deepStrictEqual(exit, Exit.succeed(["a=1"]))
    }))
})
