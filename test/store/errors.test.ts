import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import {
  DiskError,
  InvalidArgument,
  StoreClosed,
  StoreCorrupted,
  StoreLocked,
  StoreReadOnly,
  TransactionConflict,
  UnsupportedFormat,
  WriteBatch
} from "../../src/index.ts"
import type { ReadError, StoreOpenError, WriteError } from "../../src/index.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import {
  bytes,
  failureOf,
  isDiskError,
  open,
  runSimulated,
  simulatedLayer,
  text,
  tinyMemtable
} from "./storeHelpers.ts"
import type { Store } from "./storeHelpers.ts"

const AnyError = Schema.Union([
  StoreLocked,
  StoreClosed,
  StoreCorrupted,
  UnsupportedFormat,
  DiskError,
  StoreReadOnly,
  InvalidArgument,
  TransactionConflict
])

/** One of each, with what its message must tell: where, what, and what to do. */
const examples: ReadonlyArray<readonly [error: typeof AnyError.Type, told: ReadonlyArray<string>]> = [
  [new StoreLocked({ directory: "/data", holder: "another process" }), ["/data", "another process", "Close it"]],
  [new StoreClosed({ directory: "/data" }), ["/data", "closed", "Keep its layer's scope open"]],
  [
    new StoreCorrupted({ file: "/data/x.sst", offset: 42, reason: "the checksum differs" }),
    ["/data/x.sst", "42", "the checksum differs", "Restore"]
  ],
  [new UnsupportedFormat({ file: "/data/CURRENT", reason: "it is LevelDB's" }), ["/data/CURRENT", "it is LevelDB's"]],
  [new DiskError({ operation: "sync", path: "/data/x", code: "EIO" }), ["sync", "/data/x", "EIO", "Check the disk"]],
  [new DiskError({ operation: "append", path: "/data/x", code: "ENOSPC" }), ["append", "ENOSPC", "Free space"]],
  [new DiskError({ operation: "openRead", path: "/data/x", code: "EMFILE" }), ["EMFILE", "limit of open files"]],
  [new DiskError({ operation: "openRead", path: "/data/x", code: "EWHATEVER" }), ["EWHATEVER", "remedy"]],
  [new StoreReadOnly({ cause: "failure", reason: "a sync failed" }), ["a sync failed", "reopen the store"]],
  [new StoreReadOnly({ cause: "option", reason: "readOnly is set" }), ["read-only", "readOnly is set"]],
  [new InvalidArgument({ argument: "key", reason: "is too long" }), ["key", "is too long"]],
  [new TransactionConflict({ reason: "key a was overwritten" }), ["key a was overwritten", "again"]]
]

describe("each error", () => {
  it("is an Error with its tag, and says where, what, and what to do", () => {
    for (const [error, told] of examples) {
      assert.instanceOf(error, Error)
      assert.strictEqual(error.name, error._tag)
      for (const part of told) assert.include(error.message, part)
      assert.match(error.message, /\.$/)
      assert.isAbove((error.stack ?? "").length, 0)
    }
  })

  it.effect("is a Schema: it can be sent and decoded", () =>
    Effect.gen(function*() {
      const codec = Schema.toCodecJson(AnyError)
      for (const [error] of examples) {
        const sent: unknown = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(codec)(error)))
        const received = yield* Schema.decodeUnknownEffect(codec)(sent)
        assert.strictEqual(received._tag, error._tag)
        assert.strictEqual(received.message, error.message)
      }
    }))

  it.effect("can be caught by its tag", () =>
    Effect.gen(function*() {
      const failing: Effect.Effect<never, StoreOpenError | ReadError | WriteError> = Effect.fail(
        new StoreLocked({ directory: "/data", holder: "this process" })
      )
      const caught = yield* failing.pipe(
        Effect.catchTags({
          StoreLocked: ({ holder }) => Effect.succeed(holder),
          StoreReadOnly: ({ cause }) => Effect.succeed(cause)
        }),
        Effect.orElseSucceed(() => "something else")
      )
      assert.strictEqual(caught, "this process")
    }))
})

const keys = Array.from({ length: 200 }, (_, i) => bytes(`key-${String(i).padStart(3, "0")}`))
const fill = (store: Store) => {
  const batch = WriteBatch.make()
  for (const key of keys) batch.put(key, new Uint8Array(200).fill(1))
  return Effect.andThen(store.write(batch), store.flush)
}

/** A store with one table and no cache, on a disk that can be broken. */
const onBrokenDisk = <E>(
  seed: number,
  body: (store: Store, disk: SimulatedDisk, table: string) => Effect.Effect<void, E>
): void => {
  const disk = SimulatedDisk.make({ seed })
  runSimulated(
    seed,
    Effect.scoped(Effect.gen(function*() {
      const store = yield* open(simulatedLayer(disk, { ...tinyMemtable, blockCacheSize: 0 }))
      yield* fill(store)
      const table = `/${disk.files().find((path) => path.endsWith(".sst"))}`
      yield* body(store, disk, table)
    }))
  )
}

describe("a read", () => {
  it("fails with DiskError when the disk fails, and succeeds when the disk does again", () => {
    for (let seed = 0; seed < 6; seed++) {
      onBrokenDisk(seed, (store, disk) =>
        Effect.gen(function*() {
          const fault = disk.fail({
            when: ({ operation }) => operation === "read" || operation === "readSync",
            times: Infinity
          })
          const [first = bytes("")] = keys
          yield* isDiskError(store.get(first), "EIO")
          yield* isDiskError(store.has(first), "EIO")
          yield* isDiskError(store.getMany(keys), "EIO")
          yield* isDiskError(Stream.runDrain(store.scan()), "EIO")
          yield* isDiskError(Stream.runDrain(store.scan({ reverse: true })), "EIO")
          yield* isDiskError(Effect.scoped(Effect.flatMap(store.snapshot, (snapshot) => snapshot.get(first))), "EIO")
          fault.heal()
          assert.strictEqual((yield* store.get(first))?.length, 200)
          assert.strictEqual((yield* Stream.runCollect(store.scan())).length, keys.length)
          assert.strictEqual((yield* store.stats).snapshots.count, 0)
        }))
    }
  })

  it("I15: of a damaged block fails with StoreCorrupted that names file and place; other blocks answer", () => {
    onBrokenDisk(1, (store, disk, table) =>
      Effect.gen(function*() {
        const content = disk.readFile(table).slice()
        content[1_000] = (content[1_000] ?? 0) ^ 0x10
        disk.writeFile(table, content)
        let corrupted = 0
        for (const key of keys) {
          const exit = yield* Effect.exit(store.get(key))
          if (exit._tag === "Success") {
            assert.strictEqual(Buffer.compare(exit.value ?? bytes(""), new Uint8Array(200).fill(1)), 0)
            continue
          }
          const error = yield* failureOf(exit)
          assert.instanceOf(error, StoreCorrupted)
          assert.strictEqual(error.file, table)
          assert.isAtMost(error.offset, 1_000)
          assert.include(error.message, "Restore")
          corrupted++
        }
        assert.isTrue(corrupted > 0 && corrupted < keys.length)
        assert.instanceOf(yield* failureOf(store.getMany(keys)), StoreCorrupted)
        assert.instanceOf(yield* failureOf(Stream.runDrain(store.scan())), StoreCorrupted)
        // A second table over the first, so that there is something to merge.
        yield* store.delete(bytes("key-000"))
        yield* store.flush
        assert.instanceOf(yield* failureOf(store.compact()), StoreCorrupted)
        yield* store.put(bytes("new"), bytes("1"))
        assert.strictEqual(text(yield* store.get(bytes("new"))), "1")
      }))
  })
})

describe("a compaction", () => {
  it("that fails tells its caller, changes nothing, and can be asked for again", () => {
    for (let seed = 0; seed < 6; seed++) {
      onBrokenDisk(seed, (store, disk) =>
        Effect.gen(function*() {
          yield* store.put(bytes("key-000"), bytes("new"))
          yield* store.flush
          disk.fail({ when: ({ operation, path }) => operation === "append" && path.endsWith(".sst"), code: "ENOSPC" })
          yield* isDiskError(store.compact(), "ENOSPC")
          assert.strictEqual((yield* store.stats).tables.count, 2)
          yield* store.compact()
          assert.strictEqual((yield* store.stats).tables.count, 1)
          assert.strictEqual(text(yield* store.get(bytes("key-000"))), "new")
        }))
    }
  })
})
