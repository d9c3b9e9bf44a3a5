/**
 * What a user gets from the registry: the files in the tarball, the declared types, and the built code, seen from a
 * project of their own, which has all examples of the documentation. Nothing here needs the network.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import manifest from "../../package.json" with { type: "json" }
import { examplesIn, examplesOn } from "../testing/examples.ts"

const repository = fileURLToPath(new URL("../..", import.meta.url))
const binaries = path.join(repository, "node_modules", ".bin")

const program = `import { Effect, Stream } from "effect"
import { LsmStore, type ReadError, type StoreOpenError, WriteBatch, type WriteError } from "effect-lsm"
import { NodeLsmStore } from "effect-lsm/node"
import * as Testing from "effect-lsm/testing"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const bytes = (text: string) => new TextEncoder().encode(text)

const program: Effect.Effect<ReadonlyArray<string>, ReadError | WriteError, LsmStore> = Effect.gen(function*() {
  const store = yield* LsmStore
  yield* store.put(bytes("a"), bytes("1"))
  yield* store.flush
  const commit = yield* store.write(WriteBatch.make().put(bytes("b"), bytes("2")).put(bytes("c"), bytes("3")).delete(bytes("a")))
  const sequence: number = commit.sequence
  const b = yield* store.get(bytes("b"), {})
  const gone = yield* store.get(bytes("a"))
  const entries = yield* Stream.runCollect(store.scan({ gte: bytes("a"), reverse: true }))
  return [
    String(sequence > 0),
    b === undefined ? "missing" : text(b),
    String(gone),
    ...entries.map(([key, value]) => text(key) + "=" + text(value))
  ]
})

const directory = process.argv[2]!
const main: Effect.Effect<ReadonlyArray<string>, StoreOpenError | ReadError | WriteError> = program.pipe(
  Effect.provide(NodeLsmStore.layer({ directory }))
)

const first = await Effect.runPromise(main)
const reopened = await Effect.runPromise(
  Effect.gen(function*() {
    const store = yield* LsmStore
    const c = yield* store.get(bytes("c"))
    return c === undefined ? "missing" : text(c)
  }).pipe(Effect.provide(NodeLsmStore.layer({ directory })))
)
console.log(JSON.stringify({ first, reopened, testing: Object.keys(Testing).length > 0 }))
`

const examples = [
  ...["../../src/", "../../src/node/", "../../src/testing/"].flatMap((at) => examplesIn(new URL(at, import.meta.url))),
  ...["../../README.md", "../../src/testing/README.md"].flatMap((page) => examplesOn(new URL(page, import.meta.url)))
].map(({ code }, index) => ({ file: `example${index}.ts`, code }))

const consumerConfig = {
  compilerOptions: {
    target: "es2024",
    lib: ["es2024", "esnext.disposable", "dom"],
    module: "nodenext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true
  },
  files: ["main.ts", ...examples.map(({ file }) => file)]
}

/** What the command printed; fails with all of its output when it fails. */
const run = (cwd: string, command: string, ...args: ReadonlyArray<string>): string => {
  const result = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: {
      ...process.env,
      PATH: binaries + path.delimiter + process.env["PATH"],
      npm_config_offline: "true",
      npm_config_update_notifier: "false"
    }
  })
  assert.strictEqual(result.status, 0, `${command} ${args.join(" ")}\n${result.stdout}\n${result.stderr}`)
  return result.stdout
}

describe("the packed package", () => {
  let scratch = ""
  let consumer = ""
  let files: ReadonlyArray<string> = []

  beforeAll(() => {
    scratch = fs.mkdtempSync(path.join(fs.realpathSync(tmpdir()), "effect-lsm-package-"))
    const staging = path.join(scratch, "staging")
    const left = new Set([".git", "dist", "node_modules"])
    fs.cpSync(repository, staging, {
      recursive: true,
      filter: (source) => !left.has(path.relative(repository, source))
    })
    fs.symlinkSync(path.join(repository, "node_modules"), path.join(staging, "node_modules"), "dir")
    run(staging, "npm", "run", "prepack")
    run(staging, "npm", "pack", "--ignore-scripts", "--pack-destination", scratch)

    consumer = path.join(scratch, "consumer")
    const installed = path.join(consumer, "node_modules", manifest.name)
    fs.mkdirSync(installed, { recursive: true })
    run(scratch, "tar", "-xzf", `${manifest.name}-${manifest.version}.tgz`, "-C", installed, "--strip-components=1")
    files = fs.readdirSync(installed, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(installed, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"))

    fs.mkdirSync(path.join(consumer, "node_modules", "@types"))
    for (const name of ["effect", "@types/node", "undici-types"]) {
      fs.symlinkSync(path.join(repository, "node_modules", name), path.join(consumer, "node_modules", name), "dir")
    }
    fs.writeFileSync(path.join(consumer, "package.json"), JSON.stringify({ type: "module", private: true }))
    fs.writeFileSync(path.join(consumer, "tsconfig.json"), JSON.stringify(consumerConfig))
    fs.writeFileSync(path.join(consumer, "main.ts"), program)
    for (const { code, file } of examples) fs.writeFileSync(path.join(consumer, file), code)
  })

  afterAll(() => {
    fs.rmSync(scratch, { recursive: true, force: true })
  })

  it("holds only what a user needs", () => {
    const needed =
      /^(dist\/.+\.(js|d\.ts)(\.map)?|src\/.+\.ts|src\/testing\/README\.md|README\.md|CHANGELOG\.md|LICENSE|package\.json)$/
    assert.deepStrictEqual(files.filter((file) => !needed.test(file)), [])
    assert.deepStrictEqual(files.filter((file) => /\.test\.|(^|\/)(test|scripts)\//.test(file)), [])
    assert.includeMembers([...files], ["README.md", "CHANGELOG.md", "LICENSE", "package.json"])
  })

  it("holds every file that its export map names", () => {
    const targets = Object.values(manifest.exports).flatMap((target) =>
      typeof target === "string" ? [target] : [target.types, target.default]
    )
    assert.includeMembers([...files], targets.map((target) => target.replace("./", "")))
  })

  it("holds a declaration, and the sources that its source maps name, for every module", () => {
    const modules = files.filter((file) => /^src\/.+\.ts$/.test(file)).map((file) =>
      file.slice("src/".length, -".ts".length)
    )
    const built = modules.flatMap((name) =>
      ["js", "js.map", "d.ts", "d.ts.map"].map((extension) => `dist/${name}.${extension}`)
    )
    assert.sameMembers(files.filter((file) => file.startsWith("dist/")), built)
  })

  it("type-checks in a strict project, with its own declarations and all examples", () => {
    assert.strictEqual(run(consumer, "tsc", "-p", "tsconfig.json"), "")
  })

  it("opens a store, writes, reads, scans and reopens", () => {
    const output = run(consumer, process.execPath, "main.ts", path.join(consumer, "data"))
    assert.deepStrictEqual(JSON.parse(output), {
      first: ["true", "2", "undefined", "c=3", "b=2"],
      reopened: "3",
      testing: true
    })
  })
})
