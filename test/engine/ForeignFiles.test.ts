import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { currentName, parseFileName, tableName } from "../../src/engine/FileNames.ts"
import { snapshotOf } from "../../src/engine/ManifestEvent.ts"
import type { ManifestEvent, ManifestState } from "../../src/engine/ManifestEvent.ts"
import { encodeCurrent, encodeFrame, encodeManifestHeader } from "../../src/engine/ManifestLog.ts"
import type { ManifestId } from "../../src/engine/ManifestLog.ts"
import { checksum, checksumSeed } from "../../src/record/Checksum.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { structureOn } from "../../src/testing/shape/Structure.ts"
import { answerOf, checkHonest, contentEnd, copyOf, honest, withFile } from "./changedFiles.ts"
import { bytesOf, contentOn, directory, filesOf, padded, runSeed, seeds, withStore } from "./harness.ts"
import type { Store } from "./harness.ts"

type Kind = "OWNER" | "CURRENT" | "manifest" | "segment" | "table"

const kinds = {
  Owner: "OWNER",
  Current: "CURRENT",
  Temporary: "CURRENT",
  Manifest: "manifest",
  Segment: "segment",
  Table: "table"
} as const

const parsed = (name: string) => {
  const file = parseFileName(name)
  if (file === undefined || file._tag === "Lock") return assert.fail(`${name} is not one of the names`)
  return file
}

const kindOf = (name: string): Kind => kinds[parsed(name)._tag]

const pathOf = (name: string): string => `${directory}/${name}`

const bytesIn = (disk: SimulatedDisk, name: string): Uint8Array => disk.readFile(pathOf(name))

/** The files that the manifest in force accounts for, in order. */
const namedFiles = (disk: SimulatedDisk): ReadonlyArray<string> => structureOn(disk, directory).files

/** Those of them whose content counts: all but the owner's file. */
const filesRead = (disk: SimulatedDisk): ReadonlyArray<string> =>
  namedFiles(disk).filter((name) => kindOf(name) !== "OWNER")

const sameFiles = (disk: SimulatedDisk): SimulatedDisk => copyOf(disk, (_name, bytes) => bytes)

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const options = { compression: "none" } as const

/** Tables that are the same but for their values, then overwrites and tombstones, and records in the log. */
const write = (store: Store, mark: string, tables: number) =>
  Effect.gen(function*() {
    for (let table = 0; table < tables; table++) {
      for (let key = 0; key < 20; key++) {
        yield* store.put(bytesOf(`key/${key}`), padded(`${mark}/${table}/${key}`, 100), { durability: "buffered" })
      }
      yield* store.flush
    }
    for (let key = 0; key < 20; key += 3) yield* store.delete(bytesOf(`key/${key}`))
    for (let key = 20; key < 30; key++) yield* store.put(bytesOf(`key/${key}`), padded(`${mark}/${key}`, 100))
  })

/** A store after two lives, and every file that it has had; the mark is in every value. */
const makeStore = (seed: number, mark = "one") => {
  const disk = SimulatedDisk.make()
  /** By name, as they were before each append and before their removal. */
  const past = new Map<string, Array<Uint8Array>>()
  disk.onCall(({ operation, path, to }, phase) => {
    const isGoing = operation === "remove" || operation === "rename"
      || (operation === "append" && !path.endsWith(".sst"))
    if (phase !== "before" || !isGoing) return
    for (const each of to === undefined ? [path] : [to]) {
      if (!disk.files().includes(each.slice(1))) continue
      const name = each.slice(directory.length + 1)
      past.set(name, [...past.get(name) ?? [], disk.readFile(each)])
    }
  })
  const contentIn = (image: SimulatedDisk) => runSeed(contentOn(sameFiles(image)), seed)
  const lives = Effect.gen(function*() {
    yield* withStore(disk, (store) => Effect.andThen(write(store, mark, 3), store.compact()), options)
    return yield* withStore(
      disk,
      (store) => Effect.map(write(store, `${mark} again`, 2), () => disk.killImage()),
      options
    )
  })
  const killed = runSeed(lives, seed)
  return { disk, past, expected: contentIn(disk), killed }
}

/** The same store with another structure in its manifest. */
const withStructure = (disk: SimulatedDisk, change: (state: ManifestState) => ManifestState): SimulatedDisk => {
  const { closed, ...state } = change(structureOn(disk, directory))
  const name = manifestOf(disk)
  const id = manifestId(name)
  const events: Array<ManifestEvent> = [snapshotOf(state)]
  if (closed !== undefined) events.push({ _tag: "CleanlyClosed", ...closed })
  let bytes = encodeManifestHeader(id)
  for (const event of events) bytes = Buffer.concat([bytes, encodeFrame(id.number, bytes.length, event)])
  return withFile(disk, name, Uint8Array.from(bytes))
}

const manifestId = (name: string): ManifestId => {
  const file = parsed(name)
  return file._tag === "Manifest" ? file : assert.fail(`${name} is no manifest`)
}

const manifestOf = (disk: SimulatedDisk): string => namedFiles(disk).find((name) => kindOf(name) === "manifest") ?? ""

const currentOf = (disk: SimulatedDisk): string => namedFiles(disk).find((name) => kindOf(name) === "CURRENT") ?? ""

/** That a reader and a writer are refused by the file, as of another version; neither changes anything. */
const checkUnsupported = (disk: SimulatedDisk, name: string, seed: number, what: string): void => {
  for (const readOnly of [true, false]) {
    const answer = answerOf(disk, [], seed, { ...options, readOnly })
    if (answer instanceof Map) assert.fail(`${what}: the store opens`)
    assert.deepInclude(answer, { _tag: "UnsupportedFormat", file: pathOf(name) }, what)
  }
}

/** That a reader and a writer find what was there or are refused honestly; how often they were. */
const countRefusals = (
  disk: SimulatedDisk,
  expected: ReadonlyMap<string, Uint8Array>,
  seed: number,
  what: string
): number => {
  let refusals = 0
  for (const readOnly of [true, false]) {
    if (checkHonest(disk, expected, seed, what, { ...options, readOnly }) !== "the same") refusals++
  }
  return refusals
}

/** Older and newer than what there is, and no version at all. */
const versions = [0, 2, 999_999_999]

/** The file with the version, and all that makes sure of it right. */
const ofVersion: {
  readonly [kind in Exclude<Kind, "OWNER" | "table">]: (bytes: Uint8Array, version: number) => Uint8Array
} = {
  CURRENT: (bytes, version) => {
    const body = Buffer.from(bytes).toString().replace("effect-lsm 1", `effect-lsm ${version}`).split(" crc ")[0] ?? ""
    return bytesOf(`${body} crc ${checksum(bytesOf(body), 0).toString(16).padStart(8, "0")}\n`)
  },
  manifest: (bytes, version) => {
    viewOf(bytes).setUint32(8, version, true)
    viewOf(bytes).setUint32(28, checksum(bytes.subarray(0, 28), 0), true)
    return bytes
  },
  segment: (bytes, version) => {
    viewOf(bytes).setUint32(8, version, true)
    viewOf(bytes).setUint32(60, checksum(bytes.subarray(0, 60), checksumSeed(0, 0)), true)
    return bytes
  }
}

describe("A file of another format version", () => {
  it("the stores that these tests change have files of every kind", () => {
    const { disk, expected } = makeStore(1)
    const found = namedFiles(disk).map(kindOf)
    assert.deepStrictEqual([...new Set(found)].sort(), ["CURRENT", "OWNER", "manifest", "segment", "table"])
    assert.isAbove(found.filter((kind) => kind === "table").length, 3)
    assert.strictEqual(expected.size, 23)
    // Rewritten as it is, each is what it was.
    for (const name of namedFiles(disk)) {
      const kind = kindOf(name)
      if (kind === "OWNER" || kind === "table") continue
      const same = ofVersion[kind](bytesIn(disk, name), 1)
      assert.deepStrictEqual(same, bytesIn(disk, name), name)
    }
    assert.deepStrictEqual(structureOn(withStructure(disk, (state) => state), directory), structureOn(disk, directory))
  })

  for (const version of versions) {
    it(`${version}, is UnsupportedFormat if it is CURRENT, the manifest or a segment, and nothing is changed`, () => {
      const { disk } = makeStore(1)
      for (const name of namedFiles(disk)) {
        const kind = kindOf(name)
        if (kind === "OWNER" || kind === "table") continue
        const image = withFile(disk, name, ofVersion[kind](bytesIn(disk, name), version))
        checkUnsupported(image, name, 1, `${name} of version ${version}`)
      }
    })

    it(`${version}, is UnsupportedFormat if it is a table that the manifest names, and nothing is changed`, () => {
      const { disk } = makeStore(1)
      for (const { file, generation } of structureOn(disk, directory).tables) {
        const name = tableName(file, generation)
        const bytes = bytesIn(disk, name)
        const footer = bytes.subarray(-48)
        viewOf(footer).setUint32(32, version, true)
        const start = checksum(footer.subarray(0, 36), checksumSeed(file, bytes.length - 48))
        const footerChecksum = checksum(footer.subarray(40), start)
        viewOf(footer).setUint32(36, footerChecksum, true)
        const image = withStructure(withFile(disk, name, bytes), (state) => ({
          ...state,
          tables: state.tables.map((table) => table.file === file ? { ...table, footerChecksum } : table)
        }))
        checkUnsupported(image, name, 1, `${name} of version ${version}`)
      }
    })
  }

  it("whose manifest has an event that is not known is UnsupportedFormat, and nothing is changed", () => {
    const { disk } = makeStore(1)
    const name = manifestOf(disk)
    const bytes = Buffer.from(bytesIn(disk, name))
    const at = bytes.lastIndexOf(Buffer.from("CleanlyClosed"))
    const frame = bytes.lastIndexOf(Buffer.from("EVEM"), at)
    assert.isAbove(frame, 0)
    bytes.write("CleanlyShelved".slice(0, 13), at)
    const seed = checksumSeed(manifestId(name).number, frame)
    const length = bytes.readUInt32LE(frame + 4)
    const sum = checksum(
      bytes.subarray(frame + 12, frame + 12 + length),
      checksum(bytes.subarray(frame + 4, frame + 8), seed)
    )
    bytes.writeUInt32LE(sum, frame + 8)
    checkUnsupported(withFile(disk, name, Uint8Array.from(bytes)), name, 1, "an unknown event")
  })
})

/** Two stores' files differ by it, as the stores began with different ones. */
const withoutGeneration = (name: string) => {
  const file = parsed(name)
  return { _tag: file._tag, number: "number" in file ? file.number : undefined }
}

describe("A foreign file under a store's name", () => {
  const foreign: { readonly [what: string]: Uint8Array } = {
    "a text": bytesOf("Not a store's file.\n".repeat(60)),
    "a short text": bytesOf("x"),
    "a picture": Uint8Array.from(
      { length: 5_000 },
      (_, at) => at < 8 ? [137, 80, 78, 71, 13, 10, 26, 10][at] ?? 0 : at
    ),
    "a database": Buffer.concat([bytesOf("SQLite format 3\0"), new Uint8Array(4_080)]),
    "zeros": new Uint8Array(4_096),
    "ones": new Uint8Array(70_000).fill(255)
  }

  for (const [what, bytes] of Object.entries(foreign)) {
    it(`I15: ${what} is a typed error, and nothing is changed, after a close and after a kill`, () => {
      const { disk, expected, killed } = makeStore(1)
      for (const store of [disk, killed]) {
        for (const name of filesRead(store)) {
          const image = withFile(store, name, Uint8Array.from(bytes))
          assert.strictEqual(countRefusals(image, expected, 1, `${what} as ${name}`), 2, name)
        }
      }
    })
  }

  it("I15: one of another kind is a typed error, and nothing is changed, after a close and after a kill", () => {
    const { disk, expected, killed } = makeStore(1)
    for (const store of [disk, killed]) {
      for (const name of filesRead(store)) {
        for (const other of namedFiles(store)) {
          if (kindOf(name) === kindOf(other)) continue
          const image = withFile(store, name, bytesIn(store, other))
          assert.strictEqual(countRefusals(image, expected, 1, `${other} as ${name}`), 2, name)
        }
      }
    }
  })

  it.for(seeds(3))(
    "I15: one of another store, the same but for values, is a typed error, and nothing is changed (seed %i)",
    (seed) => {
      const one = makeStore(seed)
      const other = makeStore(seed + 1_000, "two")
      for (const [store, source] of [[one.disk, other.disk], [one.killed, other.killed]] as const) {
        const names = filesRead(store)
        const others = filesRead(source)
        assert.deepStrictEqual(others.map(withoutGeneration), names.map(withoutGeneration))
        for (const [at, name] of names.entries()) {
          const bytes = bytesIn(source, others[at]!)
          // It names the manifest of the same number, as this store's does.
          if (kindOf(name) === "CURRENT") assert.deepStrictEqual(bytes, bytesIn(store, name))
          else assert.strictEqual(countRefusals(withFile(store, name, bytes), one.expected, seed, name), 2, name)
          if (kindOf(name) === "table") assert.strictEqual(bytes.length, bytesIn(store, name).length)
        }
      }
    }
  )
})

describe("An older file put back", () => {
  it.for(seeds(3))("I15: as the manifest in force, yields the same answer or a typed error (seed %i)", (seed) => {
    const { disk, expected, past } = makeStore(seed)
    let tried = 0
    let refused = 0
    for (const [name, states] of past) {
      if (kindOf(name) !== "manifest") continue
      const { generation, number } = manifestId(name)
      for (const bytes of states) {
        const image = withFile(disk, currentOf(disk), undefined)
        image.writeFile(pathOf(currentName(generation)), encodeCurrent(number))
        image.writeFile(pathOf(name), bytes)
        tried += 2
        refused += countRefusals(image, expected, seed, `${name} of ${bytes.length} bytes`)
      }
    }
    assert.isAbove(tried, 20)
    assert.isAbove(refused, 20)
  })

  it.for(seeds(3))("I15: as CURRENT alone is a typed error, and nothing is changed (seed %i)", (seed) => {
    const { disk, expected, past } = makeStore(seed)
    const older = [...past].filter(([name]) => kindOf(name) === "CURRENT")
    assert.isAbove(older.length, 0)
    for (const [name, states] of older) {
      for (const bytes of states) {
        const image = withFile(disk, currentOf(disk), undefined)
        image.writeFile(pathOf(name), bytes)
        assert.strictEqual(countRefusals(image, expected, seed, `an older ${name}`), 2)
      }
    }
  })

  it.for(seeds(3))("I15: as a segment is a typed error, and nothing is changed (seed %i)", (seed) => {
    const { disk, expected, past } = makeStore(seed)
    let tried = 0
    for (const name of namedFiles(disk).filter((each) => kindOf(each) === "segment")) {
      const end = contentEnd(bytesIn(disk, name))
      for (const bytes of past.get(name) ?? []) {
        if (contentEnd(bytes) === end) continue
        tried++
        assert.strictEqual(countRefusals(withFile(disk, name, bytes), expected, seed, `an older ${name}`), 2)
      }
    }
    assert.isAbove(tried, 5)
  })

  it.for(seeds(3))("I9, I11: that the manifest does not name changes no answer, and goes (seed %i)", (seed) => {
    const { disk, expected, past } = makeStore(seed)
    const seen = new Set<Kind>()
    const named = namedFiles(disk)
    for (const [name, states] of past) {
      if (named.includes(name)) continue
      for (const bytes of states) {
        const image = sameFiles(disk)
        image.writeFile(pathOf(name), bytes)
        seen.add(kindOf(name))
        assert.strictEqual(countRefusals(image, expected, seed, `${name} put back`), 0)
        assert.notInclude(filesOf(image), name)
      }
    }
    assert.includeMembers([...seen], ["OWNER", "CURRENT", "manifest", "segment", "table"])
  })

  it.for(seeds(3))("I9, I11: all that the manifest does not name together changes no answer (seed %i)", (seed) => {
    const { disk, expected, past } = makeStore(seed)
    const image = sameFiles(disk)
    const named = namedFiles(disk)
    for (const [name, states] of past) {
      const last = states.at(-1)
      if (!named.includes(name) && last !== undefined) image.writeFile(pathOf(name), last)
    }
    assert.isAbove(filesOf(image).length, named.length + 3)
    assert.strictEqual(countRefusals(image, expected, seed, "all put back"), 0)
    assert.deepStrictEqual(filesOf(image), namedFiles(image))
  })
})

describe("A table in the place of another", () => {
  it.for(seeds(3))("I15: of the same size is StoreCorrupted, and nothing is changed (seed %i)", (seed) => {
    const { disk, expected } = makeStore(seed)
    const sizes = new Map<number, Array<string>>()
    for (const { file, generation, size } of structureOn(disk, directory).tables) {
      sizes.set(size, [...sizes.get(size) ?? [], tableName(file, generation)])
    }
    const alike = [...sizes.values()].find((names) => names.length > 1) ?? []
    const [one = "", other = ""] = alike
    assert.isAtLeast(alike.length, 2)
    const swapped = copyOf(
      disk,
      (name, bytes) => name === one ? bytesIn(disk, other) : name === other ? bytesIn(disk, one) : bytes
    )
    for (
      const image of [withFile(disk, one, bytesIn(disk, other)), withFile(disk, other, bytesIn(disk, one)), swapped]
    ) {
      assert.strictEqual(checkHonest(image, expected, seed, "swapped", options), "StoreCorrupted")
    }
  })

  it.for(seeds(3))("I15: that was put there while it was open answers nothing wrong (seed %i)", (seed) => {
    const { disk, expected } = makeStore(seed)
    const tables = structureOn(disk, directory).tables.map(({ file, generation }) => tableName(file, generation))
    const sizeOf = (name: string) => bytesIn(disk, name).length
    const [one = "", other = ""] = tables.flatMap((name) =>
      tables.filter((each) =>
        each !== name && sizeOf(each) === sizeOf(name)
      ).map((each) => [name, each] as const)
    )[0] ?? []
    const image = sameFiles(disk)
    const read = withStore(image, (store) =>
      Effect.gen(function*() {
        image.writeFile(pathOf(one), bytesIn(disk, other))
        const outcomes = new Set<string>()
        for (const [key, value] of expected) {
          const found = yield* Effect.result(store.get(bytesOf(key)))
          if (found._tag === "Success") assert.deepStrictEqual(found.success, value)
          outcomes.add(found._tag === "Success" ? "the same" : found.failure._tag)
        }
        return outcomes
      }), { ...options, blockCacheSize: 0, readOnly: true })
    const outcomes = runSeed(read, seed)
    assert.includeMembers(["the same", ...honest], [...outcomes])
    assert.isAbove(outcomes.size, 1)
  })
})
