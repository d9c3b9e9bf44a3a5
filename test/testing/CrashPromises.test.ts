import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { AppendFile } from "../../src/disk/Disk.ts"
import { SeededRandom, SimulatedDisk } from "../../src/testing/index.ts"
import { modes } from "./crashHelpers.ts"

/** What was appended at once, and whether it is promised. */
interface Chunk {
  readonly start: number
  readonly bytes: Uint8Array
  state: "unsynced" | "synced" | "given up"
}

class ModelFile {
  /** Nothing once the process was killed that had it open. */
  handle: AppendFile | undefined
  readonly chunks: Array<Chunk> = []
  length = 0
  /** A program that removes a file, or replaces it, or renames it over another, may be left without it. */
  isExpendable = false

  constructor(handle: AppendFile) {
    this.handle = handle
  }

  append(bytes: Uint8Array): void {
    this.chunks.push({ start: this.length, bytes, state: "unsynced" })
    this.length += bytes.length
  }

  settle(state: "synced" | "given up"): void {
    for (const chunk of this.chunks) if (chunk.state === "unsynced") chunk.state = state
  }

  /** Whether all that was promised is in the bytes. */
  isWholeIn(bytes: Uint8Array): boolean {
    return this.chunks.every(({ bytes: chunk, start, state }) =>
      state !== "synced" || Buffer.compare(bytes.subarray(start, start + chunk.length), chunk) === 0
    )
  }
}

/** All that a name was since it was settled, the latest last. */
interface NameHistory {
  states: Array<ModelFile | undefined>
  /** Whether there were operations on it since a sync of the directory failed. */
  isTouched: boolean
}

/** One directory of files that a program works on, and what it was promised. */
class Model {
  disk = SimulatedDisk.make({ delay: Effect.void })
  readonly random: SeededRandom
  readonly names = new Map<string, NameHistory>()
  readonly files: Array<ModelFile> = []

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    for (const name of ["a", "b", "c", "d", "e"]) this.names.set(name, { states: [undefined], isTouched: false })
  }

  get(name: string): ModelFile | undefined {
    return this.names.get(name)?.states.at(-1)
  }

  set(name: string, file: ModelFile | undefined): void {
    const history = this.names.get(name)
    history?.states.push(file)
    if (history !== undefined) history.isTouched = true
  }

  readonly step = Effect.gen({ self: this }, function*() {
    const { random } = this
    const { service } = this.disk
    const name = random.pick([...this.names.keys()])
    const file = this.get(name)
    switch (random.int(file === undefined ? 3 : 12)) {
      case 0: {
        if (random.bool(0.3)) this.disk.fail({ when: ({ operation }) => operation === "syncDirectory" })
        const { _tag } = yield* Effect.result(service.syncDirectory("/"))
        for (const history of this.names.values()) {
          if (_tag === "Success" && history.isTouched) history.states = [history.states.at(-1)]
          history.isTouched = false
        }
        return
      }
      case 1:
      case 2: {
        if (file !== undefined) return
        const handle = yield* service.createAppend(name, { extendBy: random.pick([0, 0, 900]) })
        const created = new ModelFile(handle)
        this.files.push(created)
        return this.set(name, created)
      }
      case 3: {
        yield* service.remove(name)
        if (file !== undefined) file.isExpendable = true
        return this.set(name, undefined)
      }
      case 4:
      case 5: {
        const to = random.pick([...this.names.keys()].filter((other) => other !== name))
        yield* service.rename(name, to)
        const replaced = this.get(to)
        if (replaced !== undefined && file !== undefined) replaced.isExpendable = file.isExpendable = true
        this.set(name, undefined)
        return this.set(to, file)
      }
      case 6: {
        if (random.bool(0.8)) return
        this.disk = this.disk.killImage()
        for (const each of this.files) each.handle = undefined
        return
      }
      case 7:
      case 8: {
        if (random.bool(0.2)) this.disk.fail({ when: ({ operation }) => operation === "sync" })
        if (file?.handle === undefined) return
        const { _tag } = yield* Effect.result(file.handle.sync)
        return file.settle(_tag === "Success" ? "synced" : "given up")
      }
      default: {
        if (file?.handle === undefined) return
        const chunk = random.bytes(8 + random.int(1_300))
        yield* file.handle.append([chunk])
        return file.append(chunk)
      }
    }
  })

  /** What an image breaks of what was promised. */
  brokenBy(image: SimulatedDisk): ReadonlyArray<string> {
    const broken: Array<string> = []
    const contents = new Map(image.files().map((name) => [name, image.readFile(name)]))
    for (const [name, { states }] of this.names) {
      const content = contents.get(name)
      const mayBeAbsent = states.includes(undefined)
      if (content === undefined) {
        if (!mayBeAbsent) broken.push(`${name} is missing`)
      } else if (states.length === 1 && mayBeAbsent) {
        broken.push(`${name} is back`)
      } else if (!mayBeAbsent && !states.some((file) => file?.isWholeIn(content) === true)) {
        broken.push(`${name} is none of what it was`)
      }
    }
    for (const file of this.files) {
      const had = [...this.names].filter(([, { states }]) => states.includes(file))
      const wasNamed = had.some(([, { states }]) => states[0] === file)
      if (file.isExpendable || !wasNamed) continue
      const isKept = had.some(([name]) => {
        const content = contents.get(name)
        return content !== undefined && file.isWholeIn(content)
      })
      if (!isKept) broken.push(`the file of ${had.map(([name]) => name).join(", ")} is lost`)
    }
    return broken
  }
}

describe("power cut: promises", () => {
  it.effect.prop(
    "what was synced is there and whole, whatever else was going on, in every image",
    { seed: Schema.Int },
    ({ seed }) =>
      Effect.gen(function*() {
        const model = new Model(seed)
        for (let step = 0; step < 60; step++) {
          yield* model.step
          const mode = model.random.pick(["random", "random", ...modes])
          assert.deepStrictEqual(model.brokenBy(model.disk.crashImage(mode, model.random)), [], `${mode} at ${step}`)
        }
      }),
    { arbitrary: { runs: 200 } }
  )
})
