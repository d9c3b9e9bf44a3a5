/** All that a table holds, read through the store's own reader. */
import { Effect } from "effect"
import type { RecordKind } from "../../record/RecordKind.ts"
import { MoveStatus } from "../../record/VersionIterator.ts"
import type { VersionIterator } from "../../record/VersionIterator.ts"
import { DiskError, StoreCorrupted, UnsupportedFormat } from "../../StoreError.ts"
import type { TableError } from "../../StoreError.ts"

export interface TableEntry {
  readonly key: Uint8Array
  readonly sequence: number
  readonly kind: RecordKind
  readonly value: Uint8Array
}

/** Runs something that throws the store's errors; whatever else it throws is a defect. */
export const attempt = <A>(run: () => A): Effect.Effect<A, TableError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(run())
    } catch (error) {
      if (error instanceof DiskError || error instanceof StoreCorrupted || error instanceof UnsupportedFormat) {
        return Effect.fail(error)
      }
      return Effect.die(error)
    }
  })

interface Movable {
  readonly load: Effect.Effect<void, TableError>
  resume(): MoveStatus
}

/** Makes a move and whatever loads it needs. */
export const move = (source: Movable, begin: () => MoveStatus): Effect.Effect<void, TableError> =>
  Effect.gen(function*() {
    let status = yield* attempt(begin)
    while (status === MoveStatus.needsLoad) {
      yield* source.load
      status = yield* attempt(() => source.resume())
    }
  })

/** All that an iterator gives. */
export const readVersions = (versions: VersionIterator): Effect.Effect<Array<TableEntry>, TableError> =>
  Effect.gen(function*() {
    const entries: Array<TableEntry> = []
    yield* move(versions, () => versions.first())
    while (versions.valid) {
      entries.push({
        key: versions.keyBuffer.slice(versions.keyOffset, versions.keyOffset + versions.keyLength),
        sequence: versions.sequence,
        kind: versions.kind,
        value: versions.valueBuffer.slice(versions.valueOffset, versions.valueOffset + versions.valueLength)
      })
      yield* move(versions, () => versions.advance())
    }
    return entries
  })
