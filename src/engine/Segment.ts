/**
 * A live segment: its writer, and how far it is on stable storage (I6).
 *
 * The Wal alone appends and syncs. Once its memtable is in a durable table a
 * segment is retired: its file closes, after the sync that may be under way.
 */
import { Effect, Random } from "effect"
import type { Disk } from "../disk/Disk.ts"
import { removeFiles } from "../disk/removeFiles.ts"
import { SegmentWriter } from "../log/SegmentWriter.ts"
import type { DiskError } from "../StoreError.ts"
import { segmentName } from "./FileNames.ts"
import type { ManifestEvent } from "./ManifestEvent.ts"
import type { SyncedDirectory } from "./SyncedDirectory.ts"

/** Zeros written ahead, so that a sync of a small group need not journal a new length. */
const extendBy = 256 * 1024

export class Segment {
  readonly number: number
  readonly generation: number
  readonly path: string
  readonly writer: SegmentWriter
  #durable = 0
  #syncing = false
  #retired = false

  constructor(number: number, generation: number, path: string, writer: SegmentWriter) {
    this.number = number
    this.generation = generation
    this.path = path
    this.writer = writer
  }

  /** What the manifest is told once the segment is durable. */
  get creation(): ManifestEvent {
    return { _tag: "SegmentCreated", segment: this.number, generation: this.generation, salt: this.writer.salt }
  }

  /** Everything before this offset is on stable storage. */
  get durableOffset(): number {
    return this.#durable
  }

  /** True if the segment needs no sync: all of it is durable, here or in a table. */
  get isDurable(): boolean {
    return this.#retired || this.#durable === this.writer.position
  }

  /** Makes everything appended before the call durable. */
  readonly sync: Effect.Effect<void, DiskError> = Effect.suspend(() => this.beginSync())

  /** The same, for one who runs what is returned at once: a lone writer waits for each effect less. */
  beginSync(): Effect.Effect<void, DiskError> {
    if (this.isDurable) return Effect.void
    const position = this.writer.position
    this.#syncing = true
    return Effect.onExit(this.writer.file.sync, (exit) => {
      this.#syncing = false
      if (exit._tag === "Success") this.#durable = position
      return this.#retired ? this.writer.file.close : Effect.void
    })
  }

  /** The segment is needed no more: its records are in a durable table. */
  readonly retire: Effect.Effect<void> = Effect.suspend(() => {
    if (this.#retired) return Effect.void
    this.#retired = true
    return this.#syncing ? Effect.void : this.writer.file.close
  })
}

/** A new, empty segment that is durable, its directory entry included. */
export const createSegment = Effect.fnUntraced(function*(
  disk: Disk["Service"],
  directory: SyncedDirectory,
  { generation, number, origin }: { readonly number: number; readonly generation: number; readonly origin: number }
): Effect.fn.Return<Segment, DiskError> {
  const path = `${directory.path}/${segmentName(number, generation)}`
  for (;;) {
    const { mark } = directory
    const low = yield* Random.nextIntBetween(0, 0x1_0000_0000)
    const high = yield* Random.nextIntBetween(0, 0x1_0000_0000)
    const writer = yield* SegmentWriter.create(disk, path, number, { low, high }, origin, { extendBy })
    const segment = new Segment(number, generation, path, writer)
    const isDurable = yield* Effect.onError(
      Effect.andThen(segment.sync, directory.trySync(mark)),
      () => Effect.andThen(segment.retire, removeFiles(disk, [path]))
    )
    if (isDurable) return segment
    // It holds no record yet, so another one can take its place.
    yield* segment.retire
    yield* disk.remove(path)
  }
})
