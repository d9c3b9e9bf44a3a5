/** Who may read the files of a store on the real disk. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Scope } from "effect"
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs"
import type { StoreOptions } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"
import { workerThreads } from "../jobs/WorkerFixture.ts"
import { bytes, contentOf, withStore } from "../store/storeHelpers.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"

/** The process's umask for the scope. */
const umask = (mask: number): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => process.umask(mask)),
    (before) => Effect.sync(() => process.umask(before))
  ))

const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8).padStart(4, "0")

/** The kinds of a store's files, and the modes that they have. */
const modesIn = (directory: string) => {
  const names = readdirSync(directory)
  return {
    directory: modeOf(directory),
    files: [...new Set(names.map((name) => modeOf(`${directory}/${name}`)))],
    kinds: [...new Set(names.map((name) => name.replace(/[^A-Za-z].*/, "")))]
  }
}

/** Each file's mode, by its name and its number: one that replaces another is another one. */
const modesByFile = (directory: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(directory).map((name) => {
      const path = `${directory}/${name}`
      return [`${name} ${statSync(path).ino}`, modeOf(path)]
    })
  )

/** Leaves a merged table, one that was flushed, and a log. Returns the threads that it took. */
const fill = (options: StoreOptions) =>
  withStore(NodeLsmStore.layer(options), (store) =>
    Effect.gen(function*() {
      for (const value of ["1", "2"]) {
        yield* store.put(bytes("merged"), bytes(value))
        yield* store.flush
      }
      yield* store.compact()
      yield* store.put(bytes("flushed"), bytes("1"))
      yield* store.flush
      yield* store.put(bytes("logged"), bytes("1"))
      return workerThreads().length
    }))

const modes = [
  [undefined, "0600", "0700"],
  ["owner", "0600", "0700"],
  ["group", "0640", "0750"],
  ["all", "0644", "0755"]
] as const

describe("a new store", () => {
  for (const [access, file, directoryMode] of modes) {
    for (const workers of [0, 2] as const) {
      it.live(`may be read as its access says (access: ${access}, workers: ${workers})`, () =>
        Effect.gen(function*() {
          yield* umask(0)
          const directory = `${yield* temporaryDirectory}/store`
          assert.strictEqual(yield* fill({ directory, access, workers }), workers)
          const { kinds, ...found } = modesIn(directory)
          assert.includeMembers(kinds, ["LOCK", "CURRENT", "manifest", "wal", "table"])
          assert.deepStrictEqual(found, { directory: directoryMode, files: [file] })
        }))
    }
  }

  it.live("may be read less where the umask takes more away", () =>
    Effect.gen(function*() {
      const parent = yield* temporaryDirectory
      for (
        const [access, mask, file, directoryMode] of [
          ["all", 0o027, "0640", "0750"],
          ["all", 0o077, "0600", "0700"],
          ["group", 0o077, "0600", "0700"],
          ["owner", 0o027, "0600", "0700"]
        ] as const
      ) {
        yield* Effect.scoped(Effect.gen(function*() {
          yield* umask(mask)
          const directory = `${parent}/${access}-${mask}`
          yield* fill({ directory, access, workers: 2 })
          const { kinds: _, ...found } = modesIn(directory)
          assert.deepStrictEqual(found, { directory: directoryMode, files: [file] })
        }))
      }
    }))
})

describe("an opening of what is there", () => {
  /** What an opening with this access makes of each file, and of the directory. */
  const reopen = (options: StoreOptions) =>
    Effect.gen(function*() {
      const { directory } = options
      const directoryMode = modeOf(directory)
      const before = modesByFile(directory)
      const content = yield* withStore(NodeLsmStore.layer(options), contentOf)
      assert.deepStrictEqual(content, ["flushed=1", "logged=1", "merged=2"])
      assert.strictEqual(modeOf(directory), directoryMode)
      const after = modesByFile(directory)
      const kept = [...after].filter(([file]) => before.has(file))
      assert.isAbove(kept.length, 2)
      for (const [file, mode] of kept) assert.strictEqual(mode, before.get(file), file)
      return new Set([...after].filter(([file]) => !before.has(file)).map(([, mode]) => mode))
    })

  it.live("widens no mode, whatever its access; only new files have it", () =>
    Effect.gen(function*() {
      yield* umask(0)
      const directory = `${yield* temporaryDirectory}/store`
      yield* fill({ directory })
      assert.deepStrictEqual(yield* reopen({ directory, access: "all" }), new Set(["0644"]))
      assert.strictEqual(modeOf(directory), "0700")
      assert.strictEqual(modeOf(`${directory}/LOCK`), "0600")
    }))

  it.live("narrows none either", () =>
    Effect.gen(function*() {
      yield* umask(0)
      const directory = `${yield* temporaryDirectory}/store`
      yield* fill({ directory, access: "all" })
      assert.deepStrictEqual(yield* reopen({ directory }), new Set(["0600"]))
      assert.strictEqual(modeOf(directory), "0755")
      assert.strictEqual(modeOf(`${directory}/LOCK`), "0644")
    }))

  it.live("leaves an empty directory that somebody else has made as it is", () =>
    Effect.gen(function*() {
      yield* umask(0)
      const parent = yield* temporaryDirectory
      for (const [mode, access] of [[0o755, "owner"], [0o700, "all"], [0o1770, "group"]] as const) {
        const directory = `${parent}/${access}`
        mkdirSync(directory)
        chmodSync(directory, mode)
        yield* fill({ directory, access, workers: 0 })
        assert.strictEqual(modeOf(directory), mode.toString(8).padStart(4, "0"))
      }
      assert.deepStrictEqual(modesIn(`${parent}/owner`).files, ["0600"])
    }))

  it.live("to read it only changes none, and makes a missing LOCK as its access says", () =>
    Effect.gen(function*() {
      yield* umask(0)
      const parent = yield* temporaryDirectory
      yield* fill({ directory: `${parent}/store` })
      for (const [access, mode] of [[undefined, "0600"], ["all", "0644"]] as const) {
        const directory = `${parent}/${access}`
        cpSync(`${parent}/store`, directory, { recursive: true })
        for (const name of readdirSync(directory)) chmodSync(`${directory}/${name}`, 0o600)
        chmodSync(directory, 0o700)
        const before = modesByFile(directory)
        assert.deepStrictEqual(yield* reopen({ directory, access, readOnly: true }), new Set())
        assert.deepStrictEqual(modesByFile(directory), before)
        rmSync(`${directory}/LOCK`)
        assert.deepStrictEqual(yield* reopen({ directory, access, readOnly: true }), new Set([mode]))
        assert.strictEqual(modeOf(`${directory}/LOCK`), mode)
      }
    }))
})
