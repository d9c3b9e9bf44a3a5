/** Runs commands against a store on a simulated disk and against the model, and compares every answer. */
import { assert } from "@effect/vitest"
import { Effect, Exit, Scope, Stream } from "effect"
import { WriteBatch } from "../../src/index.ts"
import type { Entry, ScanOptions, Snapshot } from "../../src/index.ts"
import { shapeProblems, SimulatedDisk, StoreModel } from "../../src/testing/index.ts"
import type { ModelChange, ModelState } from "../../src/testing/index.ts"
import { structureOn } from "../../src/testing/shape/Structure.ts"
import { directory, filesOf } from "../engine/harness.ts"
import { keys, openings } from "./StoreCommand.ts"
import type { Command } from "./StoreCommand.ts"
import { isClosed, open, refuses, simulatedLayer } from "./storeHelpers.ts"
import type { Store } from "./storeHelpers.ts"

type Tagged<Tag extends Command["_tag"]> = Extract<Command, { readonly _tag: Tag }>

interface HeldSnapshot {
  readonly snapshot: Snapshot
  readonly scope: Scope.Closeable
  readonly state: ModelState
  isOpen: boolean
}

const keyAt = (index: number): Uint8Array => keys[index] ?? new Uint8Array(0)
const valueOf = ({ fill, length }: { readonly fill: number; readonly length: number }): Uint8Array =>
  new Uint8Array(length).fill(fill)

/** Values are compared by length and content, and shown by no more than that. */
const digest = (value: Uint8Array | undefined): string | undefined =>
  value === undefined
    ? undefined
    : `${value.length} x ${value[0]}${value.every((byte) => byte === value[0]) ? "" : " mixed"}`

const shown = (entries: Iterable<Entry>): ReadonlyArray<string> =>
  Array.from(entries, ([key, value]) => `${Buffer.from(key).toString("hex")}: ${digest(value)}`)

const bound = (key: number | undefined): Uint8Array | undefined => key === undefined ? undefined : keyAt(key)

export class StoreRun {
  #disk: SimulatedDisk
  #model = new StoreModel()
  #store!: Store
  #scope!: Scope.Closeable
  #snapshots: Array<HeldSnapshot> = []
  /** True from a crash to the next write, whose sequence is above those that were discarded. */
  #maySkip = false

  /** Levels in which there were tables when the store was closed. */
  readonly levels = new Set<number>()

  constructor(seed: number) {
    this.#disk = SimulatedDisk.make({ seed })
  }

  run(commands: ReadonlyArray<Command>, opening = 0) {
    return Effect.gen({ self: this }, function*() {
      yield* this.#open(opening)
      for (const command of commands) yield* this.#step(command)
      yield* this.#checkAll
      const stats = yield* this.#store.stats
      assert.strictEqual(stats.snapshots.count, this.#snapshots.filter(({ isOpen }) => isOpen).length)
      yield* this.#close
      this.#checkFiles()
    })
  }

  #open(opening: number) {
    return Effect.gen({ self: this }, function*() {
      this.#scope = yield* Scope.make()
      this.#store = yield* Scope.provide(open(simulatedLayer(this.#disk, openings[opening])), this.#scope)
    })
  }

  get #close() {
    return Effect.gen({ self: this }, function*() {
      yield* Scope.close(this.#scope, Exit.void)
      for (const { isOpen, scope, snapshot } of this.#snapshots) {
        if (!isOpen) continue
        yield* isClosed(snapshot.get(keyAt(0)))
        yield* Scope.close(scope, Exit.void)
      }
      this.#snapshots = []
    })
  }

  /** What a store that was closed leaves behind. */
  #checkFiles(): void {
    assert.deepStrictEqual(filesOf(this.#disk), structureOn(this.#disk, directory).files)
    assert.deepStrictEqual(shapeProblems(this.#disk, directory), [])
    for (const { level } of structureOn(this.#disk, directory).tables) this.levels.add(level)
  }

  /** Everything, by every way to read it, now and in each snapshot. */
  get #checkAll() {
    return Effect.gen({ self: this }, function*() {
      yield* checkState(this.#store, this.#model.now)
      for (const { isOpen, snapshot, state } of this.#snapshots) if (isOpen) yield* checkState(snapshot, state)
    })
  }

  #step(command: Command): Effect.Effect<void, { readonly _tag: string; readonly message: string }> {
    switch (command._tag) {
      case "Put":
        return this.#put(command)
      case "Delete":
        return this.#acknowledged(
          this.#store.delete(keyAt(command.key), { durability: command.level }),
          () => this.#model.write([{ key: keyAt(command.key) }], command.level)
        )
      case "Write":
        return this.#write(command)
      case "PutTogether":
        return this.#putTogether(command)
      case "Get":
        return this.#get(keyAt(command.key))
      case "GetMany":
        return this.#getMany(command.keys.map(keyAt))
      case "Scan":
        return this.#scan(command)
      case "OpenSnapshot":
        return this.#openSnapshot
      case "ReadSnapshot":
        return this.#readSnapshot(this.#snapshots[command.snapshot])
      case "CloseSnapshot":
        return this.#closeSnapshot(this.#snapshots[command.snapshot])
      case "Flush":
        return Effect.map(this.#store.flush, () => this.#model.synced())
      case "Compact":
        return this.#store.compact({ gte: bound(command.gte), lt: bound(command.lt) })
      case "FlushEach":
        return this.#flushEach(command)
      case "Sync":
        return Effect.map(this.#store.sync, () => this.#model.synced())
      case "Reopen":
        return this.#reopen(command)
      case "Crash":
        return this.#crash(command)
    }
  }

  /** After a write: the model takes it over, and its sequence is the store's. */
  #acknowledged<A, E>(write: Effect.Effect<A, E>, takeOver: () => void) {
    return Effect.gen({ self: this }, function*() {
      const result = yield* write
      const before = this.#model.now.sequence
      takeOver()
      const { sequence } = yield* this.#store.stats
      if (this.#maySkip && this.#model.now.sequence > before) {
        assert.isAtLeast(sequence, this.#model.now.sequence)
        this.#model.skipTo(sequence)
        this.#maySkip = false
      }
      if (!this.#maySkip) assert.strictEqual(sequence, this.#model.now.sequence)
      return result
    })
  }

  #put({ key, level, value }: Tagged<"Put">) {
    const change = { key: keyAt(key), value: valueOf(value) }
    return this.#acknowledged(
      this.#store.put(change.key, change.value, { durability: level }),
      () => this.#model.write([change], level)
    )
  }

  #write({ changes, level }: Tagged<"Write">) {
    return Effect.gen({ self: this }, function*() {
      const batch = WriteBatch.make()
      const applied: Array<ModelChange> = []
      for (const { key, value } of changes) {
        if (value === undefined) batch.delete(keyAt(key))
        else batch.put(keyAt(key), valueOf(value))
        applied.push({ key: keyAt(key), value: value === undefined ? undefined : valueOf(value) })
      }
      const { sequence } = yield* this.#acknowledged(this.#store.write(batch, { durability: level }), () => {
        if (applied.length > 0) this.#model.write(applied, level)
      })
      if (!this.#maySkip) assert.strictEqual(sequence, this.#model.now.sequence)
    })
  }

  #putTogether({ count, level, value }: Tagged<"PutTogether">) {
    const wanted = keys.slice(0, count)
    const put = (key: Uint8Array) => this.#store.put(key, valueOf(value), { durability: level })
    return this.#acknowledged(
      Effect.forEach(wanted, put, { concurrency: "unbounded", discard: true }),
      () => this.#model.writeTogether(wanted.map((key) => ({ key, value: valueOf(value) })), level)
    )
  }

  #flushEach({ keys: flushed, value }: Tagged<"FlushEach">) {
    return Effect.forEach(flushed, (key) =>
      Effect.andThen(
        this.#put({ _tag: "Put", key, value, level: "async" }),
        Effect.map(this.#store.flush, () => this.#model.synced())
      ), { discard: true })
  }

  #get(key: Uint8Array) {
    return Effect.gen({ self: this }, function*() {
      const expected = this.#model.now.get(key)
      assert.strictEqual(digest(yield* this.#store.get(key)), digest(expected))
      assert.strictEqual(yield* this.#store.has(key), expected !== undefined)
    })
  }

  #getMany(wanted: ReadonlyArray<Uint8Array>) {
    return Effect.map(this.#store.getMany(wanted), (values) => {
      const { now } = this.#model
      assert.deepStrictEqual(values.map(digest), wanted.map((key) => digest(now.get(key))))
    })
  }

  #scan(command: Tagged<"Scan">) {
    const { limit, reverse } = command
    const options: ScanOptions = {
      gt: bound(command.gt),
      gte: bound(command.gte),
      lt: bound(command.lt),
      lte: bound(command.lte),
      prefix: bound(command.prefix),
      reverse,
      limit
    }
    return Effect.map(
      Stream.runCollect(this.#store.scan(options)),
      (entries) => assert.deepStrictEqual(shown(entries), shown(this.#model.now.scan(options)))
    )
  }

  get #openSnapshot() {
    return Effect.gen({ self: this }, function*() {
      const scope = yield* Scope.make()
      const snapshot = yield* Scope.provide(this.#store.snapshot, scope)
      const { now } = this.#model
      if (!this.#maySkip) assert.strictEqual(snapshot.sequence, now.sequence)
      this.#snapshots.push({ snapshot, scope, state: now, isOpen: true })
    })
  }

  #readSnapshot(held: HeldSnapshot | undefined) {
    if (held === undefined) return Effect.void
    return held.isOpen
      ? checkState(held.snapshot, held.state)
      : refuses(held.snapshot.get(keyAt(0)), "snapshot", /not a live snapshot/)
  }

  #closeSnapshot(held: HeldSnapshot | undefined) {
    if (held === undefined) return Effect.void
    held.isOpen = false
    return Scope.close(held.scope, Exit.void)
  }

  #reopen({ opening }: Tagged<"Reopen">) {
    return Effect.gen({ self: this }, function*() {
      yield* this.#close
      this.#checkFiles()
      yield* this.#open(opening)
      this.#model.synced()
      const { sequence } = yield* this.#store.stats
      if (this.#maySkip) assert.isAtLeast(sequence, this.#model.now.sequence)
      else assert.strictEqual(sequence, this.#model.now.sequence)
      yield* this.#checkAll
    })
  }

  /** Goes on with what is found, which must be the state after some prefix of the commits that holds all it has to. */
  #crash({ image, opening }: Tagged<"Crash">) {
    return Effect.gen({ self: this }, function*() {
      const left = image === "killed" ? this.#disk.killImage() : this.#disk.crashImage(image)
      this.#disk.powerCut()
      yield* this.#close
      this.#disk = left
      yield* this.#open(opening)
      const found = yield* Stream.runCollect(this.#store.scan())
      if (!this.#model.mayFind(found, image === "killed" ? "kill" : "power cut")) {
        assert.fail(`found ${shown(found).join(", ")}; the last state was ${shown(this.#model.now.scan()).join(", ")}`)
      }
      const { sequence } = yield* this.#store.stats
      this.#model = new StoreModel(found, sequence)
      this.#maySkip = true
      yield* this.#checkAll
    })
  }
}

/** Compares all that a store, or a snapshot, answers with a state. */
const checkState = (reads: Pick<Snapshot, "get" | "getMany" | "has" | "scan">, state: ModelState) =>
  Effect.gen(function*() {
    const expected = keys.map((key) => digest(state.get(key)))
    assert.deepStrictEqual((yield* reads.getMany(keys)).map(digest), expected)
    for (const [i, key] of keys.entries()) {
      assert.strictEqual(digest(yield* reads.get(key)), expected[i])
      assert.strictEqual(yield* reads.has(key), expected[i] !== undefined)
    }
    for (const reverse of [false, true]) {
      const entries = yield* Stream.runCollect(reads.scan({ reverse }))
      assert.deepStrictEqual(shown(entries), shown(state.scan({ reverse })))
    }
  })
