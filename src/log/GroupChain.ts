/**
 * Decides, group by group, whether the log goes on: I3 on replay. A group goes
 * on where its sequences follow without a gap, and where the group that it names
 * as the one before it is the one that was found there.
 *
 * Called by the replay only, in log order.
 */
import type { LogPosition } from "./LogPosition.ts"
import type { GroupHeader } from "./SegmentFormat.ts"
import { segmentHeaderSize } from "./SegmentFormat.ts"

/** Where the log stops being whole, and why. */
export interface LogCut extends LogPosition {
  readonly reason: string
}

export class GroupChain {
  /** Set once a group was refused: from here on the log is lost. */
  cut: LogCut | undefined
  lastSequence: number
  readonly #firstSequence: number
  /** The segments that were walked to where their groups end, and that place. */
  readonly #ends = new Map<number, number>()
  #lastWalked: LogPosition | undefined
  #lastGroupEnd: LogPosition | undefined
  #segment = 0

  /** `firstSequence` is the lowest that the first group may have. */
  constructor(firstSequence: number) {
    this.#firstSequence = firstSequence
    this.lastSequence = firstSequence - 1
  }

  beginSegment(segment: number): void {
    this.#segment = segment
  }

  /** Takes note that the segment's groups end at `offset`. */
  endSegment(offset: number): void {
    const segment = this.#segment
    this.#ends.set(segment, offset)
    this.#lastWalked = { segment, offset }
    if (offset > segmentHeaderSize) this.#lastGroupEnd = this.#lastWalked
  }

  /** Whether the group at `offset` of the present segment goes on with the log; sets `cut` if not. */
  accepts(header: GroupHeader, offset: number): boolean {
    this.cut = this.#refusal(header, offset)
    return this.cut === undefined
  }

  /** Takes note that the group was whole. */
  passed(header: { readonly firstSequence: number; readonly count: number }): void {
    this.lastSequence = header.firstSequence + header.count - 1
  }

  #refusal(header: GroupHeader, offset: number): LogCut | undefined {
    const here = (reason: string): LogCut => ({ segment: this.#segment, offset, reason })
    const isFirstInLog = this.lastSequence < this.#firstSequence
    if (header.firstSequence < this.#firstSequence) {
      return here(`a group begins with sequence ${header.firstSequence}, below ${this.#firstSequence}`)
    }
    const durableLost = this.#endedEarly(header.durableSegment, header.durableOffset)
    if (durableLost !== undefined) return durableLost
    if (offset === segmentHeaderSize) {
      const { previousEnd, previousSegment } = header
      const found = this.#lastGroupEnd
      if (found !== undefined && previousEnd > 0 && previousSegment < found.segment) {
        return here("a group names another one as the one before it")
      }
      const lost = this.#endedEarly(previousSegment, previousEnd)
      if (lost !== undefined) return lost
    }
    const expected = this.lastSequence + 1
    if (isFirstInLog || header.firstSequence === expected) return undefined
    const reason = `sequence ${expected} is expected here and ${header.firstSequence} comes next`
    return offset === segmentHeaderSize && header.firstSequence > expected && this.#lastWalked !== undefined
      ? { ...this.#lastWalked, reason }
      : here(reason)
  }

  /** The cut at the end of a walked segment that a later group knows to have gone on up to `offset`. */
  #endedEarly(segment: number, offset: number): LogCut | undefined {
    const end = this.#ends.get(segment)
    return end !== undefined && offset > end
      ? { segment, offset: end, reason: "the segment ends here, before its last group" }
      : undefined
  }
}
