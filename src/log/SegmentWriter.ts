/**
 * Encodes groups for one segment and keeps its positions. Carries the writer's
 * part of I3 and I15: each group is bound to its segment, its place and the end
 * of the group before it, and states what was durable when it was encoded.
 *
 * It writes nothing itself but the file header: its owner, the log's tail,
 * appends what `encodeGroup` or `encodeLargeGroup` returns, one append at a time,
 * in the order of encoding, and calls `advance` after each. One group may be
 * encoded while the one before it is being appended. After a failed append the
 * writer is not used again.
 *
 * Per group, not per record; called on the event loop only.
 */
import { Effect } from "effect"
import type { AppendFile, AppendOptions, Disk } from "../disk/Disk.ts"
import { removeFiles } from "../disk/removeFiles.ts"
import { checksum } from "../record/Checksum.ts"
import type { DiskError } from "../StoreError.ts"
import type { LogPosition } from "./LogPosition.ts"
import {
  encodeSegmentHeader,
  groupAlignment,
  GroupHeader,
  groupHeaderSize,
  groupSize,
  paddingAfter,
  payloadSeed,
  segmentHeaderSize
} from "./SegmentFormat.ts"
import type { SegmentIdentity, SegmentSalt } from "./SegmentFormat.ts"

/** Records on their way into the log as one group. */
export interface GroupInput {
  readonly firstSequence: number
  /** 1 or more. */
  readonly count: number
  /** The records as the record codec encodes them; may be views of shared memory. */
  readonly payload: ReadonlyArray<Uint8Array>
  /** Sum of the chunks' lengths. */
  readonly payloadLength: number
  /** The log's durable position: everything before it is on stable storage. At most where this group begins. */
  readonly durableSegment: number
  readonly durableOffset: number
}

/** Payloads up to this length are checksummed in less than half a millisecond; longer ones go to `encodeLargeGroup`. */
export const largeGroupLength = 1024 * 1024

/** How many groups may be encoded and not yet appended. */
const slotCount = 2

/** What one encoded group occupies until its append has ended. */
interface Slot {
  readonly header: Uint8Array
  readonly chunks: Array<Uint8Array>
  end: number
}

const makeSlot = (): Slot => ({ header: new Uint8Array(groupHeaderSize), chunks: [], end: 0 })

const paddings = Array.from({ length: groupAlignment }, (_, length) => new Uint8Array(length))

export class SegmentWriter {
  readonly file: AppendFile
  readonly #identity: SegmentIdentity
  readonly #header = new GroupHeader()
  readonly #slots: ReadonlyArray<Slot> = Array.from({ length: slotCount }, makeSlot)
  #encoded = 0
  #appended = 0
  #encodedEnd = segmentHeaderSize
  #position = segmentHeaderSize
  #lastGroupSegment = 0
  #lastGroupEnd = 0

  /** For a file that holds the segment's file header and nothing else. */
  constructor(file: AppendFile, segment: number, salt: SegmentSalt) {
    this.file = file
    this.#identity = { segment, salt }
  }

  /**
   * Creates the file and appends its header. The caller syncs the file and its
   * directory, before it appends a group: a segment whose header is lost and
   * whose groups are not is then damaged, never a leftover of a crash.
   */
  static create(
    disk: Disk["Service"],
    path: string,
    segment: number,
    salt: SegmentSalt,
    origin: number,
    options?: AppendOptions
  ): Effect.Effect<SegmentWriter, DiskError> {
    const headed = (file: AppendFile): Effect.Effect<SegmentWriter, DiskError> =>
      file.append([encodeSegmentHeader({ segment, salt }, origin)]).pipe(
        Effect.onError(() => Effect.andThen(file.close, removeFiles(disk, [path]))),
        Effect.as(new SegmentWriter(file, segment, salt))
      )
    // An interruption between the two would leave the file open.
    return Effect.uninterruptible(Effect.flatMap(disk.createAppend(path, options), headed))
  }

  get segment(): number {
    return this.#identity.segment
  }

  get salt(): SegmentSalt {
    return this.#identity.salt
  }

  /** Behind the last group whose append has succeeded: the segment's bytes before it are written. */
  get position(): number {
    return this.#position
  }

  /** Behind the last group encoded: where the next one will begin. */
  get encodedEnd(): number {
    return this.#encodedEnd
  }

  /** Where the last group of the log ends, in this segment or an earlier one; offset 0 if there is none yet. */
  get lastGroupEnd(): LogPosition {
    return { segment: this.#lastGroupSegment, offset: this.#lastGroupEnd }
  }

  /**
   * Makes this the segment that the log goes on in, so that its first group
   * says where the log before it ends; without it a reader can't tell that
   * the earlier segment lost all its groups. REQUIRES that no more groups come
   * before this one's, and that it has had none.
   */
  follow(previousEnd: LogPosition): void {
    if (this.#encoded > 0) throw new Error("follow after encodeGroup")
    this.#lastGroupSegment = previousEnd.segment
    this.#lastGroupEnd = previousEnd.offset
  }

  /**
   * Encodes one group; what it returns goes to `file.append` and is valid until
   * the `advance` that belongs to it. REQUIRES at most one group encoded and
   * not yet advanced past.
   */
  encodeGroup(group: GroupInput): ReadonlyArray<Uint8Array> {
    const slot = this.#takeSlot()
    const { chunks } = slot
    chunks.push(slot.header)
    let sum = payloadSeed(this.#identity, this.#encodedEnd)
    let length = 0
    for (const chunk of group.payload) {
      sum = checksum(chunk, sum)
      length += chunk.length
      chunks.push(chunk)
    }
    return this.#finish(slot, group, length, sum)
  }

  /** The same for a group of any size: it yields between pieces of the payload. */
  encodeLargeGroup(group: GroupInput): Effect.Effect<ReadonlyArray<Uint8Array>> {
    return Effect.gen({ self: this }, function*() {
      const slot = this.#takeSlot()
      const { chunks } = slot
      chunks.push(slot.header)
      let sum = payloadSeed(this.#identity, this.#encodedEnd)
      let length = 0
      let sinceYield = 0
      for (const chunk of group.payload) {
        for (let at = 0; at < chunk.length; at += largeGroupLength) {
          const piece = chunk.subarray(at, at + largeGroupLength)
          if (sinceYield + piece.length > largeGroupLength) {
            sinceYield = 0
            yield* Effect.yieldNow
          }
          sum = checksum(piece, sum)
          sinceYield += piece.length
        }
        length += chunk.length
        chunks.push(chunk)
      }
      return this.#finish(slot, group, length, sum)
    })
  }

  /** Takes note that the oldest group encoded and not yet advanced past has been appended. */
  advance(): void {
    if (this.#appended === this.#encoded) throw new Error("advance without an encoded group")
    this.#position = this.#slots[this.#appended % slotCount]!.end
    this.#appended++
  }

  #takeSlot(): Slot {
    if (this.#encoded - this.#appended >= slotCount) throw new Error("encodeGroup with two groups not yet appended")
    const slot = this.#slots[this.#encoded % slotCount]!
    slot.chunks.length = 0
    return slot
  }

  #finish(slot: Slot, group: GroupInput, length: number, payloadChecksum: number): ReadonlyArray<Uint8Array> {
    if (length !== group.payloadLength) throw new Error("payloadLength is not the sum of the chunks' lengths")
    const identity = this.#identity
    const offset = this.#encodedEnd
    const header = this.#header
    header.count = group.count
    header.firstSequence = group.firstSequence
    header.durableSegment = group.durableSegment
    header.durableOffset = group.durableOffset
    header.previousSegment = this.#lastGroupSegment
    header.previousEnd = this.#lastGroupEnd
    header.payloadLength = length
    header.payloadChecksum = payloadChecksum
    header.write(slot.header, identity, offset)
    const padding = paddingAfter(length)
    if (padding > 0) slot.chunks.push(paddings[padding]!)
    const end = offset + groupSize(length)
    slot.end = end
    this.#encoded++
    this.#encodedEnd = end
    this.#lastGroupSegment = identity.segment
    this.#lastGroupEnd = end
    return slot.chunks
  }
}
