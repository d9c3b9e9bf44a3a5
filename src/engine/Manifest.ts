/**
 * The manifest as an actor: it journals structural events one at a time, syncs
 * each, and keeps their fold (I6, I7, I11).
 *
 * An event has happened once it is durable. When the journal is long it is
 * written anew as one snapshot in a new file, to which CURRENT is then moved. A
 * failed write or sync of either stops the store's writes (I12): nothing is
 * retried, and whatever the event would have named or released stays.
 */
import { Context, Deferred, Effect, Exit, Layer } from "effect"
import type { Scope } from "effect"
import { Disk } from "../disk/Disk.ts"
import type { AppendFile } from "../disk/Disk.ts"
import { removeFiles } from "../disk/removeFiles.ts"
import type { DiskError, StoreReadOnly } from "../StoreError.ts"
import { describeCause, makeActor } from "./Actor.ts"
import { EngineState } from "./EngineState.ts"
import { currentName, currentTemporaryName, manifestName } from "./FileNames.ts"
import { applyEvent, snapshotOf } from "./ManifestEvent.ts"
import type { ManifestEvent, ManifestState } from "./ManifestEvent.ts"
import { encodeCurrent, encodeFrame, encodeManifestHeader } from "./ManifestLog.ts"
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

/**
 * Writes a manifest that holds `state` alone and moves CURRENT to it. When it
 * returns, the new manifest is in force durably. If it fails before CURRENT may
 * have moved, it leaves nothing, and removes what only this manifest names, `fresh`:
 * on a full disk nothing is left to stand in the way of the next try.
 */
export const writeManifest = Effect.fnUntraced(function*(
  disk: Disk["Service"],
  directory: SyncedDirectory,
  number: number,
  state: ManifestState,
  fresh: ReadonlyArray<string> = []
): Effect.fn.Return<ManifestFile, DiskError> {
  const { mark, path } = directory
  const header = encodeManifestHeader(number)
  const frame = encodeFrame(number, header.length, snapshotOf(state))
  const manifest = `${path}/${manifestName(number)}`
  const temporary = `${path}/${currentTemporaryName}`
  const length = header.length + frame.length
  const made = [...fresh]

  const prepare = (file: AppendFile): Effect.Effect<void, DiskError> =>
    Effect.gen(function*() {
      yield* file.append([header, frame])
      yield* file.sync
      if ((yield* disk.kind(temporary)) !== "missing") yield* disk.remove(temporary)
      made.push(temporary)
      yield* Effect.acquireUseRelease(
        disk.createAppend(temporary),
        (current) => Effect.andThen(current.append([encodeCurrent(number)]), current.sync),
        (current) => current.close
      )
      // The manifest's own entry must be durable before CURRENT names it.
      yield* directory.sync(mark)
    })
  const create = Effect.tap(disk.createAppend(manifest), (file) => {
    made.push(manifest)
    return Effect.onError(prepare(file), () => file.close)
  })
  const file = yield* Effect.onError(create, () => removeFiles(disk, made))
  return yield* Effect.onError(
    Effect.gen(function*() {
      yield* disk.rename(temporary, `${path}/${currentName}`)
      yield* directory.sync(mark)
      return { number, file, length, snapshotLength: length }
    }),
    () => file.close
  )
})

/** Makes one more event durable; the manifest as it is then. The event must be able to follow (`applyEvent`). */
export const journalEvent = (manifest: ManifestFile, event: ManifestEvent): Effect.Effect<ManifestFile, DiskError> => {
  const frame = encodeFrame(manifest.number, manifest.length, event)
  return Effect.as(Effect.andThen(manifest.file.append([frame]), manifest.file.sync), {
    ...manifest,
    length: manifest.length + frame.length
  })
}

interface Request {
  readonly event: ManifestEvent
  readonly reply: Deferred.Deferred<void, StoreReadOnly>
}

export class Manifest extends Context.Service<Manifest, {
  /** The fold of every event that is durable. */
  readonly state: () => ManifestState
  /** A table number that no file has. */
  readonly nextTable: () => number
  /**
   * Makes the event durable. Uninterruptible: the event's fate is known when it
   * returns, unless it fails, and then writes have stopped.
   */
  readonly append: (event: ManifestEvent) => Effect.Effect<void, StoreReadOnly>
}>()("effect-lsm/engine/Manifest") {
  /** Goes on with the manifest that recovery wrote; closes its file with the scope. */
  static readonly layer = (
    opened: ManifestFile,
    recovered: ManifestState
  ): Layer.Layer<Manifest, never, EngineState | Disk> => Layer.effect(Manifest, makeManifest(opened, recovered))
}

const makeManifest = (
  opened: ManifestFile,
  recovered: ManifestState
): Effect.Effect<Manifest["Service"], never, EngineState | Disk | Scope.Scope> =>
  Effect.gen(function*() {
    const engine = yield* EngineState
    const disk = yield* Disk
    const { directory } = engine
    let state = recovered
    let current = opened
    let nextTable = recovered.nextTable
    yield* Effect.addFinalizer(() => Effect.suspend(() => current.file.close))

    const rewrite = Effect.gen(function*() {
      const previous = current
      current = yield* writeManifest(disk, directory, previous.number + 1, { ...state, nextTable })
      yield* previous.file.close
      engine.emit({ _tag: "ManifestRewritten", file: current.number })
      // Left behind, it is an orphan that the next recovery removes.
      yield* Effect.ignore(disk.remove(`${directory.path}/${manifestName(previous.number)}`))
    })

    const journal = Effect.fnUntraced(function*(event: ManifestEvent) {
      const next = applyEvent(state, event)
      if (typeof next === "string") return yield* Effect.die(new Error(`The manifest refused an event: ${next}.`))
      const isLong = current.length - current.snapshotLength > rewriteAfter + current.snapshotLength
      // A snapshot does not say how far a closed log is durable.
      if (isLong && state.closed === undefined) yield* rewrite
      current = yield* journalEvent(current, event)
      state = next
    })

    const actor = yield* makeActor<Request, never>(engine, "Manifest", { restart: false }, ({ event, reply }) =>
      Effect.uninterruptible(Effect.gen(function*() {
        const stopped = engine.status.value.readOnly
        if (stopped !== undefined)
          return void (yield* Deferred.fail(reply, stopped))
        const exit = yield* Effect.exit(journal(event))
        if (Exit.isSuccess(exit))
          return void (yield* Deferred.succeed(reply, undefined))
        yield* Deferred.fail(
          reply,
          yield* engine.stopWrites(`the manifest was not written: ${describeCause(exit.cause)}`)
        )
      })))

    return Manifest.of({
      state: () =>
        state,
      nextTable: () =>
        nextTable++,
      append: (event) =>
        Effect.uninterruptible(Effect.suspend(() => {
          const reply = Deferred.makeUnsafe<void, StoreReadOnly>()
          actor.tell({ event, reply })
          return Deferred.await(reply)
        }))
    })
  })
