import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope, Stream } from "effect"
import { createHash } from "node:crypto"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { StoreLocked, WriteBatch } from "../../src/index.ts"
import type { StoreOptions } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { openElsewhere } from "./otherProcess.ts"
import {
  bytes,
  contentOf,
  failureOf,
  freshDirectory,
  isReadOnly,
  lines,
  open,
  refuses,
  runSimulated,
  simulatedLayer,
  text,
  tinyMemtable,
  withStore
} from "./storeHelpers.ts"
import type { Store } from "./storeHelpers.ts"

const layer = (directory: string, options?: Partial<StoreOptions>) => NodeLsmStore.layer({ directory, ...options })
const reader = (directory: string) => layer(directory, { readOnly: true })

/** Each file's name, size, time of change and content. */
const fingerprint = (directory: string) =>
  readdirSync(directory).sort().map((name) => {
    const { ctimeNs, ino, mtimeNs, size } = statSync(`${directory}/${name}`, { bigint: true })
    const hash = createHash("sha256").update(readFileSync(`${directory}/${name}`)).digest("hex")
    return { name, size, ino, mtimeNs, ctimeNs, hash }
  })

/** A merged table, a table, and a log that no flush has seen. */
const fill = (store: Store) =>
  Effect.gen(function*() {
    yield* store.put(bytes("a"), bytes("old"))
    yield* store.put(bytes("b"), bytes("old"))
    yield* store.flush
    yield* store.put(bytes("c"), bytes("1"))
    yield* store.flush
    yield* store.compact()
    yield* store.put(bytes("a"), bytes("2"))
    yield* store.flush
    yield* store.delete(bytes("b"))
    yield* store.put(bytes("d"), bytes(""))
    for (let i = 0; i < 100; i++) {
      yield* store.put(bytes(`e${String(i).padStart(3, "0")}`), new Uint8Array(2_000), { durability: "buffered" })
    }
  })
const filled = ["a=2", "c=1", "d=", ...Array.from({ length: 100 }, (_, i) => `e${String(i).padStart(3, "0")}`)]

const namesOf = (content: ReadonlyArray<string>) =>
  content.map((line) => line.startsWith("e") ? line.slice(0, 4) : line)

describe("a store that is opened read-only", () => {
  it.effect("answers every read, what only the log holds included, and changes no file", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      yield* withStore(layer(directory, tinyMemtable), fill)
      const before = fingerprint(directory)
      yield* withStore(reader(directory), (store) =>
        Effect.gen(function*() {
          assert.deepStrictEqual(namesOf(yield* contentOf(store)), filled)
          const backward = lines(yield* Stream.runCollect(store.scan({ reverse: true })))
          assert.deepStrictEqual(namesOf(backward), filled.toReversed())
          assert.strictEqual(text(yield* store.get(bytes("a"))), "2")
          assert.isUndefined(yield* store.get(bytes("b")))
          assert.isTrue(yield* store.has(bytes("d")))
          const many = yield* store.getMany(["a", "b", "c", "d"].map(bytes))
          assert.deepStrictEqual(many.map(text), ["2", undefined, "1", ""])
          const snapshot = yield* store.snapshot
          assert.strictEqual(text(yield* snapshot.get(bytes("c"))), "1")
          assert.isAbove(snapshot.sequence, 100)
          assert.isTrue((yield* store.stats).readOnly)
        }))
      assert.deepStrictEqual(fingerprint(directory), before)
      yield* withStore(layer(directory), (store) =>
        Effect.map(contentOf(store), (content) => assert.deepStrictEqual(namesOf(content), filled)))
    }))

  it("answers what a killed or powerless writer left, and changes nothing", () => {
    for (let seed = 0; seed < 10; seed++) {
      const disk = SimulatedDisk.make({ seed })
      const program = Effect.gen(function*() {
        const store = yield* open(simulatedLayer(disk, tinyMemtable))
        yield* fill(store)
        yield* store.sync
        const content = yield* contentOf(store)
        for (const image of [disk.killImage(), disk.crashImage("synced"), disk.crashImage("random")]) {
          const before = new Map(image.files().map((path) => [path, image.readFile(path)]))
          yield* withStore(
            simulatedLayer(image, { readOnly: true }),
            (copy) => Effect.map(contentOf(copy), (found) => assert.deepStrictEqual(found, content))
          )
          assert.deepStrictEqual(new Map(image.files().map((path) => [path, image.readFile(path)])), before)
          const changing = new Set(["createAppend", "append", "sync", "remove", "rename", "makeDirectory"])
          assert.deepStrictEqual(image.trace.filter(({ operation }) => changing.has(operation)), [])
        }
      })
      runSimulated(seed, Effect.scoped(program))
    }
  })

  it.effect("fails every write with StoreReadOnly, whatever its arguments and level", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      yield* withStore(layer(directory), (store) => store.put(bytes("a"), bytes("1")))
      const before = fingerprint(directory)
      yield* withStore(reader(directory), (store) =>
        Effect.gen(function*() {
          for (const durability of ["sync", "buffered", "async"] as const) {
            yield* isReadOnly(store.put(bytes("a"), bytes("2"), { durability }), "option")
            yield* isReadOnly(store.delete(bytes("a"), { durability }), "option")
            yield* isReadOnly(store.write(WriteBatch.make().delete(bytes("a")), { durability }), "option")
          }
          yield* isReadOnly(store.sync, "option")
          yield* isReadOnly(store.flush, "option")
          yield* isReadOnly(store.compact(), "option")
          const error = yield* failureOf(store.sync)
          assert.include(error.message, "readOnly")
          assert.include(error.message, directory)
          assert.deepStrictEqual(yield* contentOf(store), ["a=1"])
        }))
      assert.deepStrictEqual(fingerprint(directory), before)
    }))

  it.effect("may be open twice here and in another process; a writer is kept out until all have closed", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      yield* withStore(layer(directory), (store) => store.put(bytes("a"), bytes("1")))
      const scope = yield* Scope.make()
      const one = yield* Scope.provide(open(reader(directory)), scope)
      const two = yield* Scope.provide(open(reader(directory)), scope)
      for (const store of [one, two]) assert.deepStrictEqual(yield* contentOf(store), ["a=1"])
      const elsewhere = yield* openElsewhere(directory, "read")
      assert.deepStrictEqual(elsewhere.answer, { tag: "open", content: ["a=1"] })

      const here = yield* failureOf(Effect.scoped(open(layer(directory))))
      assert.instanceOf(here, StoreLocked)
      assert.strictEqual(here.holder, "this process")
      yield* Scope.close(scope, Exit.void)
      const there = yield* failureOf(Effect.scoped(open(layer(directory))))
      assert.instanceOf(there, StoreLocked)
      assert.strictEqual(there.holder, "another process")
      yield* elsewhere.finish
      yield* withStore(layer(directory), (store) => store.put(bytes("b"), bytes("1")))
    }))

  it.effect("is kept out while a writer has the store", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      yield* withStore(layer(directory), () =>
        Effect.map(failureOf(Effect.scoped(open(reader(directory)))), (error) => {
          assert.instanceOf(error, StoreLocked)
          assert.include(error.message, directory)
        }))
    }))

  it.effect("needs a store, and creates none", () =>
    Effect.gen(function*() {
      const directory = yield* freshDirectory
      const parent = directory.slice(0, directory.lastIndexOf("/"))
      yield* refuses(open(reader(directory)), "directory", /there is no store at .* readOnly off/)
      assert.deepStrictEqual(readdirSync(parent), [])
      yield* refuses(open(reader(parent)), "directory", /there is no store at .* readOnly off/)
      assert.deepStrictEqual(readdirSync(parent), [])
    }))
})
