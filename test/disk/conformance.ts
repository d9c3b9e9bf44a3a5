/**
 * What every disk does, as tests: run it against a disk by giving its layer. A
 * test gets an instance of the layer and an empty directory of its own.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Fiber, type Layer, Schema, type Scope } from "effect"
import { Disk } from "../../src/disk/Disk.ts"
import { type DiskError, StoreLocked } from "../../src/StoreError.ts"
import {
  claim,
  concatenate,
  createAppend,
  failsWith,
  openRead,
  pattern,
  readAtOnce,
  readFile,
  writeFile
} from "./diskHelpers.ts"

const inDisk = Effect.gen(function*() {
  const disk = yield* Disk
  yield* disk.makeDirectory("/conformance")
  return "/conformance"
})

const bytes = (...values: ReadonlyArray<number>): Uint8Array => Uint8Array.from(values)

export const diskConformance = (
  name: string,
  layer: Layer.Layer<Disk>,
  emptyDirectory: Effect.Effect<string, DiskError, Disk | Scope.Scope> = inDisk
): void => {
  const withDisk = <E>(
    body: (disk: Disk["Service"], directory: string) => Effect.Effect<void, E, Disk | Scope.Scope>
  ): Effect.Effect<void, E | DiskError, Scope.Scope> =>
    Effect.gen(function*() {
      const disk = yield* Disk
      yield* body(disk, yield* emptyDirectory)
    }).pipe(Effect.provide(layer))

  const check = <E>(
    behaviour: string,
    body: (disk: Disk["Service"], directory: string) => Effect.Effect<void, E, Disk | Scope.Scope>
  ): void => it.effect(behaviour, () => withDisk(body))

  describe(`${name}: files`, () => {
    check("reads back what was appended, in order", (_, directory) =>
      Effect.gen(function*() {
        const path = `${directory}/file`
        const file = yield* createAppend(path)
        yield* file.append([bytes(1, 2), bytes(3)])
        yield* file.append([bytes(4)])
        yield* file.sync
        assert.strictEqual(file.path, path)
        assert.deepStrictEqual(yield* readFile(path), bytes(1, 2, 3, 4))
      }))

    const chunkLengths = Arbitrary.array(
      Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40_000 }))),
      { maxLength: 6 }
    )
    const offset = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2_000_000 })))

    it.effect.prop(
      "yields any range of any sequence of appends",
      [
        Arbitrary.array(chunkLengths, { minLength: 1, maxLength: 6 }),
        Arbitrary.array(offset, { minLength: 8, maxLength: 8 })
      ],
      ([appends, offsets]) =>
        withDisk((_, directory) =>
          Effect.gen(function*() {
            const path = `${directory}/file`
            const file = yield* createAppend(path)
            const groups = appends.map((lengths, group) =>
              lengths.map((length, index) => pattern(length, group * 16 + index))
            )
            for (const chunks of groups) yield* file.append(chunks)
            const expected = concatenate(groups.flat())
            const reader = yield* openRead(path)
            assert.strictEqual(reader.size, expected.length)
            const ends = offsets.map((position) => position % (expected.length + 1))
            for (const start of ends) {
              for (const end of ends.filter((other) => other >= start)) {
                assert.deepStrictEqual(reader.readSync(start, end - start), expected.slice(start, end))
                assert.deepStrictEqual(yield* reader.read(start, end - start), expected.slice(start, end))
              }
            }
          })
        ),
      { arbitrary: { runs: 25 } }
    )

    check("takes one append of several MiB between two small ones", (_, directory) =>
      Effect.gen(function*() {
        const file = yield* createAppend(`${directory}/file`)
        const chunks = [pattern(1), pattern(3 * 1024 * 1024 + 5), pattern(2)]
        for (const chunk of chunks) yield* file.append([chunk])
        assert.deepStrictEqual(yield* readFile(`${directory}/file`), concatenate(chunks))
      }))

    it.effect.each([3, 200])(
      "takes thousands of chunks of %i bytes at once, empty ones among them",
      (length) =>
        withDisk((_, directory) =>
          Effect.gen(function*() {
            const file = yield* createAppend(`${directory}/file`)
            const chunks = Array.from(
              { length: 2_600 },
              (_empty, index) => pattern(index % 7 === 0 ? 0 : length, index)
            )
            yield* file.append(chunks)
            yield* file.append([new Uint8Array(0)])
            yield* file.append([])
            yield* file.append([bytes(9)])
            assert.deepStrictEqual(yield* readFile(`${directory}/file`), concatenate([...chunks, bytes(9)]))
          })
        )
    )

    it.effect.each([1_000, 300_000])(
      "takes %i bytes as views of shared memory",
      (length) =>
        withDisk((_, directory) =>
          Effect.gen(function*() {
            const shared = new Uint8Array(new SharedArrayBuffer(length + 20), 10, length)
            shared.set(pattern(length))
            const file = yield* createAppend(`${directory}/file`)
            yield* file.append([shared])
            assert.deepStrictEqual(yield* readFile(`${directory}/file`), pattern(length))
          })
        )
    )

    check("does not look at a chunk after append has returned", (_, directory) =>
      Effect.gen(function*() {
        const file = yield* createAppend(`${directory}/file`)
        const chunk = bytes(1, 2, 3)
        yield* file.append([chunk])
        chunk.fill(0)
        yield* file.sync
        assert.deepStrictEqual(yield* readFile(`${directory}/file`), bytes(1, 2, 3))
      }))

    check("yields unshared buffers of the caller's own", (_, directory) =>
      Effect.gen(function*() {
        yield* writeFile(`${directory}/file`, pattern(5_000))
        const file = yield* openRead(`${directory}/file`)
        for (const read of [Effect.sync(() => file.readSync(100, 50)), file.read(100, 50)]) {
          const first = yield* read
          assert.strictEqual(Object.getPrototypeOf(first), Uint8Array.prototype)
          assert.instanceOf(first.buffer, ArrayBuffer)
          assert.strictEqual(first.buffer.byteLength, 50)
          first.fill(0)
          assert.deepStrictEqual(yield* read, pattern(5_000).slice(100, 150))
        }
      }))

    check("lengthens a file by zeros only, and only if asked to", (_, directory) =>
      Effect.gen(function*() {
        const lengths = [10, 90, 3_000, 70_000, 1, 200_000, 5]
        const chunks = lengths.map((length, index) => pattern(length, index + 1))
        for (const extendBy of [0, 100, 4_096, 300_000]) {
          const path = `${directory}/file-${extendBy}`
          const file = yield* createAppend(path, { extendBy })
          for (const chunk of chunks) {
            yield* file.append([chunk])
            yield* file.sync
          }
          const expected = concatenate(chunks)
          const content = yield* readFile(path)
          assert.deepStrictEqual(content.slice(0, expected.length), expected)
          assert.deepStrictEqual(content.slice(expected.length), new Uint8Array(content.length - expected.length))
          assert.isAtMost(content.length, expected.length + extendBy)
        }
      }))

    check("fails a read past the end with ESHORT, however long", (_, directory) =>
      Effect.gen(function*() {
        yield* writeFile(`${directory}/file`, bytes(1, 2, 3))
        const file = yield* openRead(`${directory}/file`)
        for (
          const [start, length] of [[0, 4], [3, 1], [4, 0], [2 ** 40, 1], [0, 2 ** 52], [
            2 ** 53 - 1,
            2 ** 53 - 1
          ]] as const
        ) {
          yield* failsWith(file.read(start, length), "ESHORT")
          yield* failsWith(readAtOnce(file, start, length), "ESHORT")
        }
        assert.deepStrictEqual(yield* file.read(3, 0), new Uint8Array(0))
        assert.deepStrictEqual(file.readSync(3, 0), new Uint8Array(0))
      }))

    check("fails a range that is none with EINVAL", (_, directory) =>
      Effect.gen(function*() {
        yield* writeFile(`${directory}/file`, bytes(1, 2, 3))
        const file = yield* openRead(`${directory}/file`)
        for (const [start, length] of [[-1, 1], [0, -1], [0.5, 1], [0, Number.NaN], [2 ** 60, 1]] as const) {
          yield* failsWith(file.read(start, length), "EINVAL")
          yield* failsWith(readAtOnce(file, start, length), "EINVAL")
        }
      }))

    check("fails with EBADF after close, which may be repeated", (_, directory) =>
      Effect.gen(function*() {
        const writer = yield* createAppend(`${directory}/file`)
        yield* writer.append([bytes(1, 2, 3)])
        const reader = yield* openRead(`${directory}/file`)
        yield* Effect.all([writer.close, writer.close, reader.close, reader.close], { concurrency: "unbounded" })
        yield* writer.close
        yield* failsWith(writer.append([bytes(4)]), "EBADF")
        yield* failsWith(writer.append([pattern(200_000)]), "EBADF")
        yield* failsWith(writer.sync, "EBADF")
        yield* failsWith(reader.read(0, 1), "EBADF")
        yield* failsWith(readAtOnce(reader, 0, 1), "EBADF")
        assert.deepStrictEqual(yield* readFile(`${directory}/file`), bytes(1, 2, 3))
      }))

    it.effect.each([10, 2_000_000])(
      "I14: completes an append of %i bytes whose caller is interrupted",
      (length) =>
        withDisk((_, directory) =>
          Effect.gen(function*() {
            const file = yield* createAppend(`${directory}/file`)
            const fiber = yield* Effect.forkChild(file.append([pattern(length)]), { startImmediately: true })
            yield* Fiber.interrupt(fiber)
            yield* file.append([bytes(7)])
            assert.deepStrictEqual(yield* readFile(`${directory}/file`), concatenate([pattern(length), bytes(7)]))
          })
        )
    )

    check(
      "I14: stays usable when the caller of a sync or a read is interrupted",
      (_, directory) =>
        Effect.gen(function*() {
          const writer = yield* createAppend(`${directory}/file`)
          yield* writer.append([pattern(100_000)])
          const reader = yield* openRead(`${directory}/file`)
          const syncing = yield* Effect.forkChild(writer.sync, { startImmediately: true })
          const reading = yield* Effect.forkChild(reader.read(0, 100_000), { startImmediately: true })
          yield* Fiber.interrupt(syncing)
          yield* Fiber.interrupt(reading)
          yield* writer.append([bytes(1)])
          yield* writer.sync
          assert.deepStrictEqual(yield* reader.read(0, 100_000), pattern(100_000))
        })
    )

    check(
      "ends the reads that a close overtakes with the file's bytes or EBADF",
      (_, directory) =>
        Effect.gen(function*() {
          yield* writeFile(`${directory}/file`, pattern(50_000))
          yield* writeFile(`${directory}/other`, new Uint8Array(50_000))
          const reader = yield* openRead(`${directory}/file`)
          const reads = yield* Effect.forEach(
            Array.from({ length: 20 }),
            () => Effect.forkChild(reader.read(0, 50_000), { startImmediately: true })
          )
          yield* reader.close
          yield* openRead(`${directory}/other`)
          for (const read of reads) {
            const exit = yield* Fiber.await(read)
            if (Exit.isSuccess(exit)) assert.deepStrictEqual(exit.value, pattern(50_000))
            else yield* failsWith(exit, "EBADF")
          }
        })
    )
  })

  describe(`${name}: names`, () => {
    check("creates only what is not there", (disk, directory) =>
      Effect.gen(function*() {
        yield* writeFile(`${directory}/file`, bytes(1))
        yield* failsWith(disk.createAppend(`${directory}/file`), "EEXIST")
        yield* failsWith(disk.createAppend(directory), "EEXIST")
        yield* failsWith(disk.makeDirectory(directory), "EEXIST")
        yield* failsWith(disk.makeDirectory(`${directory}/file`), "EEXIST")
        assert.deepStrictEqual(yield* readFile(`${directory}/file`), bytes(1))
      }))

    check("reports ENOENT for what is missing", (disk, directory) =>
      Effect.gen(function*() {
        const missing = `${directory}/missing`
        yield* failsWith(disk.openRead(missing), "ENOENT")
        yield* failsWith(disk.list(missing), "ENOENT")
        yield* failsWith(disk.rename(missing, `${directory}/name`), "ENOENT")
        yield* failsWith(disk.remove(missing), "ENOENT")
        yield* failsWith(disk.syncDirectory(missing), "ENOENT")
        yield* failsWith(disk.checkWritable(missing), "ENOENT")
        yield* failsWith(disk.lock(missing, "exclusive"), "ENOENT")
        yield* failsWith(disk.createAppend(`${missing}/file`), "ENOENT")
        yield* failsWith(disk.makeDirectory(`${missing}/directory`), "ENOENT")
      }))

    check("reports ENOTDIR for a file where a directory is needed", (disk, directory) =>
      Effect.gen(function*() {
        const file = `${directory}/file`
        yield* writeFile(file)
        yield* failsWith(disk.createAppend(`${file}/below`), "ENOTDIR")
        yield* failsWith(disk.openRead(`${file}/below`), "ENOTDIR")
        yield* failsWith(disk.kind(`${file}/below`), "ENOTDIR")
        yield* failsWith(disk.makeDirectory(`${file}/below`), "ENOTDIR")
        yield* failsWith(disk.list(file), "ENOTDIR")
        yield* failsWith(disk.syncDirectory(file), "ENOTDIR")
        yield* failsWith(disk.checkWritable(file), "ENOTDIR")
        yield* failsWith(disk.lock(file, "exclusive"), "ENOTDIR")
      }))

    check("reports EISDIR for a directory where a file is needed", (disk, directory) =>
      Effect.gen(function*() {
        yield* disk.makeDirectory(`${directory}/inner`)
        yield* writeFile(`${directory}/file`)
        yield* failsWith(disk.openRead(`${directory}/inner`), "EISDIR")
        yield* failsWith(disk.remove(`${directory}/inner`), "EISDIR")
        yield* failsWith(disk.rename(`${directory}/file`, `${directory}/inner`), "EISDIR")
      }))

    check("names the operation and the path in an error", (disk, directory) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(disk.openRead(`${directory}/missing`))
        assert.deepStrictEqual([error.operation, error.path], ["openRead", `${directory}/missing`])
      }))

    check("tells files, directories and missing names apart", (disk, directory) =>
      Effect.gen(function*() {
        yield* writeFile(`${directory}/file`)
        assert.strictEqual(yield* disk.kind(`${directory}/file`), "file")
        assert.strictEqual(yield* disk.kind(directory), "directory")
        assert.strictEqual(yield* disk.kind(`${directory}/missing`), "missing")
        assert.strictEqual(yield* disk.kind(`${directory}/missing/below`), "missing")
      }))

    check("lists the names in one directory", (disk, directory) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* disk.list(directory), [])
        yield* writeFile(`${directory}/b`)
        yield* disk.makeDirectory(`${directory}/a`)
        yield* writeFile(`${directory}/a/inner`)
        yield* disk.syncDirectory(directory)
        assert.deepStrictEqual([...(yield* disk.list(directory))].sort(), ["a", "b"])
      }))

    check(
      "replaces a file by renaming another onto it, and readers of the old one go on",
      (disk, directory) =>
        Effect.gen(function*() {
          yield* writeFile(`${directory}/old`, bytes(1))
          yield* writeFile(`${directory}/new`, bytes(2))
          const reader = yield* openRead(`${directory}/old`)
          yield* disk.rename(`${directory}/new`, `${directory}/old`)
          yield* disk.syncDirectory(directory)
          assert.deepStrictEqual(yield* disk.list(directory), ["old"])
          assert.deepStrictEqual(yield* readFile(`${directory}/old`), bytes(2))
          assert.deepStrictEqual(reader.readSync(0, 1), bytes(1))
          yield* disk.rename(`${directory}/old`, `${directory}/old`)
          assert.deepStrictEqual(yield* disk.list(directory), ["old"])
        })
    )

    check("removes a file's name; readers that have it open go on", (disk, directory) =>
      Effect.gen(function*() {
        yield* writeFile(`${directory}/file`, bytes(1, 2))
        const reader = yield* openRead(`${directory}/file`)
        yield* disk.remove(`${directory}/file`)
        assert.strictEqual(yield* disk.kind(`${directory}/file`), "missing")
        assert.deepStrictEqual(yield* reader.read(0, 2), bytes(1, 2))
        yield* writeFile(`${directory}/file`, bytes(3))
        assert.deepStrictEqual(yield* readFile(`${directory}/file`), bytes(3))
      }))

    check("finds a directory writable without leaving anything in it", (disk, directory) =>
      Effect.gen(function*() {
        yield* disk.checkWritable(directory)
        assert.deepStrictEqual(yield* disk.list(directory), [])
      }))
  })

  describe(`${name}: claims`, () => {
    check("are given for a file that was not there, and once", (disk, directory) =>
      Effect.gen(function*() {
        const path = `${directory}/claim`
        const held = yield* claim(path)
        assert.strictEqual(held.path, path)
        assert.isTrue(held.isHeld())
        assert.strictEqual(yield* disk.kind(path), "file")
        assert.deepStrictEqual(yield* readFile(path), new Uint8Array(0))
        yield* failsWith(disk.claim(path), "EEXIST")
        yield* failsWith(disk.createAppend(path), "EEXIST")
        assert.isTrue(held.isHeld())
        yield* writeFile(`${directory}/file`, bytes(1))
        yield* failsWith(disk.claim(`${directory}/file`), "EEXIST")
        assert.deepStrictEqual(yield* readFile(`${directory}/file`), bytes(1))
        yield* failsWith(disk.claim(directory), "EEXIST")
        yield* failsWith(disk.claim(`${directory}/missing/claim`), "ENOENT")
        yield* failsWith(disk.claim(`${directory}/file/claim`), "ENOTDIR")
        assert.deepStrictEqual([...(yield* disk.list(directory))].sort(), ["claim", "file"])
      }))

    check("are given to one of many who ask at once", (disk, directory) =>
      Effect.gen(function*() {
        const asked = Array.from({ length: 10 }, () => Effect.exit(claim(`${directory}/claim`)))
        const exits = yield* Effect.all(asked, { concurrency: "unbounded" })
        const given = exits.filter(Exit.isSuccess)
        assert.lengthOf(given, 1)
        for (const exit of exits) {
          if (Exit.isSuccess(exit)) assert.isTrue(exit.value.isHeld())
          else yield* failsWith(exit, "EEXIST")
        }
        assert.deepStrictEqual(yield* disk.list(directory), ["claim"])
      }))

    check("stay when they are closed, which may be repeated", (disk, directory) =>
      Effect.gen(function*() {
        const path = `${directory}/claim`
        const held = yield* claim(path)
        yield* Effect.all([held.close, held.close], { concurrency: "unbounded" })
        yield* held.close
        assert.strictEqual(yield* disk.kind(path), "file")
        yield* failsWith(disk.claim(path), "EEXIST")
      }))

    check(
      "are lost when the file is removed, whatever comes to its place",
      (disk, directory) =>
        Effect.gen(function*() {
          const path = `${directory}/claim`
          const first = yield* claim(path)
          yield* disk.remove(path)
          assert.isFalse(first.isHeld())
          const second = yield* claim(path)
          assert.deepStrictEqual([first.isHeld(), second.isHeld()], [false, true])
          yield* disk.remove(path)
          yield* writeFile(path)
          assert.deepStrictEqual([first.isHeld(), second.isHeld()], [false, false])
          yield* disk.remove(path)
          yield* disk.makeDirectory(path)
          assert.deepStrictEqual([first.isHeld(), second.isHeld()], [false, false])
        })
    )

    check("are lost while the file has another name", (disk, directory) =>
      Effect.gen(function*() {
        const path = `${directory}/claim`
        const held = yield* claim(path)
        yield* disk.rename(path, `${directory}/moved`)
        assert.isFalse(held.isHeld())
        const other = yield* claim(path)
        assert.deepStrictEqual([held.isHeld(), other.isHeld()], [false, true])
        yield* disk.rename(`${directory}/moved`, path)
        assert.deepStrictEqual([held.isHeld(), other.isHeld()], [true, false])
      }))

    check("are lost when another file is renamed onto theirs", (disk, directory) =>
      Effect.gen(function*() {
        const path = `${directory}/claim`
        const held = yield* claim(path)
        const other = yield* claim(`${directory}/other`)
        yield* disk.rename(`${directory}/other`, path)
        assert.deepStrictEqual([held.isHeld(), other.isHeld()], [false, false])
        yield* writeFile(`${directory}/file`, bytes(1))
        yield* disk.rename(`${directory}/file`, path)
        assert.deepStrictEqual([held.isHeld(), other.isHeld()], [false, false])
      }))

    check("are not held beside a rival, of whatever kind", (disk, directory) =>
      Effect.gen(function*() {
        const held = yield* claim(`${directory}/claim-1`)
        const isOther = (other: string) => other.startsWith("claim-") && other !== "claim-1"
        assert.isTrue(held.isHeld(isOther))
        yield* claim(`${directory}/claim-2`)
        assert.deepStrictEqual([held.isHeld(isOther), held.isHeld()], [false, true])
        assert.isTrue(held.isHeld((other) => other === "claim-3"))
        yield* disk.remove(`${directory}/claim-2`)
        assert.isTrue(held.isHeld(isOther))
        yield* disk.makeDirectory(`${directory}/claim-2`)
        assert.isFalse(held.isHeld(isOther))
        yield* disk.remove(`${directory}/claim-1`)
        assert.isFalse(held.isHeld(() => false))
      }))
  })

  describe(`${name}: lock`, () => {
    const refused = <E>(self: Effect.Effect<void, E, Scope.Scope>): Effect.Effect<void, void> =>
      Effect.map(Effect.flip(Effect.scoped(self)), (error) => {
        assert.instanceOf(error, StoreLocked)
        assert.strictEqual(error.holder, "this process")
      })

    check("an exclusive holder excludes everybody until its scope ends", (disk, directory) =>
      Effect.gen(function*() {
        yield* Effect.scoped(Effect.gen(function*() {
          yield* disk.lock(directory, "exclusive")
          yield* refused(disk.lock(directory, "exclusive"))
          yield* refused(disk.lock(directory, "shared"))
        }))
        yield* disk.lock(directory, "exclusive")
      }))

    check(
      "shared holders exclude an exclusive one until the last has gone",
      (disk, directory) =>
        Effect.gen(function*() {
          yield* Effect.scoped(Effect.gen(function*() {
            yield* disk.lock(directory, "shared")
            yield* Effect.scoped(disk.lock(directory, "shared"))
            yield* refused(disk.lock(directory, "exclusive"))
          }))
          yield* disk.lock(directory, "exclusive")
        })
    )

    check("directories are locked one by one", (disk, directory) =>
      Effect.gen(function*() {
        yield* disk.makeDirectory(`${directory}/a`)
        yield* disk.makeDirectory(`${directory}/b`)
        yield* disk.lock(`${directory}/a`, "exclusive")
        yield* disk.lock(`${directory}/b`, "exclusive")
        yield* refused(disk.lock(`${directory}/./a/`, "exclusive"))
      }))
  })
}
