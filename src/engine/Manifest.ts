/**
 * The manifest as an actor: it journals structural events one at a time, syncs
 * each, and keeps their fold (I6, I7, I11).
 *
 * An event has happened once it is durable and the store is still the owner of
 * its directory (I26). Before it is appended the owner is looked for as well:
 * what it names was made at a path, and must be where the manifest is. When the
 * journal is long it is written anew as one snapshot in a new file, to which
 * CURRENT is then moved. A failed write or sync of either stops the store's
 * writes (I12): nothing is retried, and whatever the event would have named or
 * released stays.
 */
import { Context, Deferred, Effect, Exit, Layer } from "effect"
import type { Scope } from "effect"
import { Disk } from "../disk/Disk.ts"
import type { AppendFile } from "../disk/Disk.ts"
import { removeFiles } from "../disk/removeFiles.ts"
import type { DiskError, StoreFenced, StoreReadOnly } from "../StoreError.ts"
import { makeActor, stopReason } from "./Actor.ts"
import { EngineState } from "./EngineState.ts"
import type { Fence } from "./Fence.ts"
import { currentName, currentTemporaryName, manifestName } from "./FileNames.ts"
import { applyEvent, snapshotOf } from "./ManifestEvent.ts"
import type { ManifestEvent, ManifestState } from "./ManifestEvent.ts"
import { encodeCurrent, encodeFrame, encodeManifestHeader } from "./ManifestLog.ts"
import { Retirement } from "./Retirement.ts"
import type { SyncedDirectory } from "./SyncedDirectory.ts"

/** Bytes of journal beyond the last snapshot's before it is written anew. */
const rewriteAfter = 1024 * 1024

/** An open manifest: its file, and how far it reaches. */
export interface ManifestFile {
  readonly number: number
  readonly file: AppendFile
  readonly length: number
  readonly snapshotLength: number
}

/** What it takes to write a manifest. */
export interface ManifestAccess {
  readonly disk: Disk["Service"]
  readonly directory: SyncedDirectory
  readonly fence: Fence
}

/**
 * Writes a manifest that holds `state` alone and moves CURRENT to it. When it
 * returns, the new manifest is in force durably. If it fails before CURRENT may
 * have moved, it leaves nothing, and removes what only this manifest names, `fresh`:
 * on a full disk nothing is left to stand in the way of the next try.
 */
export const writeManifest = Effect.fnUntraced(function*(
  { directory, disk, fence }: ManifestAccess,
  number: number,
  state: ManifestState,
  fresh: ReadonlyArray<string> = []
): Effect.fn.Return<ManifestFile, DiskError | StoreFenced> {
  const { mark, path } = directory
  const { generation } = fence
  const header = encodeManifestHeader({ number, generation })
  const frame = encodeFrame(number, header.length, snapshotOf(state))
  const manifest = `${path}/${manifestName(number, generation)}`
  const temporary = `${path}/${currentTemporaryName(generation)}`
  const length = header.length + frame.length
  const made = [...fresh]

  const prepare = (file: AppendFile): Effect.Effect<void, DiskError | StoreFenced> =>
    Effect.gen(function*() {
      yield* file.append([header, frame])
      yield* file.sync
      yield* Effect.acquireUseRelease(
        Effect.tap(disk.createAppend(temporary), () => Effect.sync(() => made.push(temporary))),
        (current) => Effect.andThen(current.append([encodeCurrent(number)]), current.sync),
        (current) => current.close
      )
      // The manifest's own entry must be durable before CURRENT names it.
      yield* directory.sync(mark)
      yield* fence.check
    })
  const create = Effect.tap(disk.createAppend(manifest), (file) => {
    made.push(manifest)
    return Effect.onError(prepare(file), () => file.close)
  })
  const file = yield* Effect.onError(create, () => removeFiles(disk, made))
  return yield* Effect.onError(
    Effect.gen(function*() {
      yield* disk.rename(temporary, `${path}/${currentName(generation)}`)
      yield* directory.sync(mark)
      yield* fence.check
      return { number, file, length, snapshotLength: length }
    }),
    () => file.close
  )
})

/**
 * Makes one more event durable; the manifest as it is then. The event must be able to follow (`applyEvent`), and the
 * owner have been looked for: from here on it may be in the manifest, whatever becomes of it.
 */
export const journalEvent = Effect.fnUntraced(function*(
  fence: Fence,
  manifest: ManifestFile,
  event: ManifestEvent
): Effect.fn.Return<ManifestFile, DiskError | StoreFenced> {
  const frame = encodeFrame(manifest.number, manifest.length, event)
  yield* manifest.file.append([frame])
  yield* manifest.file.sync
  yield* fence.check
  return { ...manifest, length: manifest.length + frame.length }
})

interface Request {
  readonly event: ManifestEvent
  readonly undo: Effect.Effect<void>
  readonly reply: Deferred.Deferred<void, StoreReadOnly>
}

export class Manifest extends Context.Service<Manifest, {
  /** The fold of every event that is durable. */
  readonly state: () => ManifestState
  /** A table number that no file has. */
  readonly nextTable: () => number
  /**
   * Makes the event durable. Uninterruptible: the event's fate is known when it
   * returns, unless it fails, and then writes have stopped. `undo` is run if it has certainly not come into the manifest.
   */
  readonly append: (event: ManifestEvent, undo?: Effect.Effect<void>) => Effect.Effect<void, StoreReadOnly>
}>()("effect-lsm/engine/Manifest") {
  /** Goes on with the manifest that recovery wrote; closes its file with the scope. */
  static readonly layer = (
    opened: ManifestFile,
    recovered: ManifestState
  ): Layer.Layer<Manifest, never, EngineState | Disk | Retirement> =>
    Layer.effect(Manifest, makeManifest(opened, recovered))
}

const makeManifest = (
  opened: ManifestFile,
  recovered: ManifestState
): Effect.Effect<Manifest["Service"], never, EngineState | Disk | Retirement | Scope.Scope> =>
  Effect.gen(function*() {
    const engine = yield* EngineState
    const disk = yield* Disk
    const retirement = yield* Retirement
    const { directory } = engine
    const fence = engine.ownership
    let state = recovered
    let current = opened
    let nextTable = recovered.nextTable
    yield* Effect.addFinalizer(() => Effect.suspend(() => current.file.close))

    const rewrite = Effect.gen(function*() {
      const previous = current
      current = yield* writeManifest({ disk, directory, fence }, previous.number + 1, { ...state, nextTable })
      yield* previous.file.close
      engine.emit({ _tag: "ManifestRewritten", file: current.number })
      yield* retirement.removeFile(`${directory.path}/${manifestName(previous.number, fence.generation)}`)
    })

    const journal = Effect.fnUntraced(function*(event: ManifestEvent, begin: () => void) {
      const next = applyEvent(state, event)
      if (typeof next === "string") return yield* Effect.die(new Error(`The manifest refused an event: ${next}.`))
      const isLong = current.length - current.snapshotLength > rewriteAfter + current.snapshotLength
      // A snapshot does not say how far a closed log is durable.
      if (isLong && state.closed === undefined) yield* rewrite
      yield* fence.check
      begin()
      current = yield* journalEvent(fence, current, event)
      state = next
    })

    const actor = yield* makeActor<Request, never>(engine, "Manifest", { restart: false }, ({ event, reply, undo }) =>
      Effect.uninterruptible(Effect.gen(function*() {
        const stopped = engine.status.value.readOnly
        if (stopped !== undefined) {
          yield* undo
          return void (yield* Deferred.fail(reply, stopped))
        }
        let isBegun = false
        const exit = yield* Effect.exit(journal(event, () => {
          isBegun = true
        }))
        if (Exit.isSuccess(exit))
          return void (yield* Deferred.succeed(reply, undefined))
        if (!isBegun)
          yield* undo
        yield* Deferred.fail(
          reply,
          yield* engine.stopWrites(stopReason("the manifest was not written", exit.cause))
        )
      })))

    return Manifest.of({
      state: () =>
        state,
      nextTable: () =>
        nextTable++,
      append: (event, undo = Effect.void) =>
        Effect.uninterruptible(Effect.suspend(() => {
          const reply = Deferred.makeUnsafe<void, StoreReadOnly>()
          actor.tell({ event, reply, undo })
          return Deferred.await(reply)
        }))
    })
  })
