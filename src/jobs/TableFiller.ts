/**
 * Moves entries from a job's source into its tables, a slice at a time.
 *
 * A plain loop without effects, the hot path of flush and compaction: what is
 * kept VersionRetention says (I8, I9), and where a table ends OutputEnd (I11).
 */
import { MoveStatus } from "../record/VersionIterator.ts"
import type { VersionIterator } from "../record/VersionIterator.ts"
import type { OutputEnd } from "../table/OutputEnd.ts"
import type { TableWriter } from "../table/TableWriter.ts"
import type { VersionRetention } from "../table/VersionRetention.ts"

/** How a slice ended. */
export const SliceEnd = {
  /** It was long enough. */
  long: 0,
  /** The source lacks a block. */
  needsLoad: 1,
  /** The entry that the source stands on begins a table. */
  tableEnd: 2,
  /** The source has no more entries. */
  sourceEnd: 3
} as const
export type SliceEnd = typeof SliceEnd[keyof typeof SliceEnd]

/** A slice ends after so many entries. */
const entriesPerSlice = 512

export class TableFiller {
  readonly #source: VersionIterator
  readonly #retention: VersionRetention
  readonly #end: OutputEnd
  readonly #bytesPerSlice: number
  /** No version of the key that the source stands on has been written. */
  #isNewKey = false
  /** The entry that the source stands on is kept, and begins a table. */
  #begins = false

  /** `bytesPerSlice`: bytes of keys and values after which a slice ends. */
  constructor(source: VersionIterator, retention: VersionRetention, end: OutputEnd, bytesPerSlice: number) {
    this.#source = source
    this.#retention = retention
    this.#end = end
    this.#bytesPerSlice = bytesPerSlice
  }

  /** Goes on where the last slice ended; a source that lacked a block has been resumed. `isLast`: the table takes all. */
  fill(writer: TableWriter, isLast: boolean): SliceEnd {
    const source = this.#source
    let bytes = this.#bytesPerSlice
    for (let left = entriesPerSlice; left > 0 && bytes > 0; left--) {
      if (!source.valid) return SliceEnd.sourceEnd
      const { keyBuffer, keyLength, keyOffset, valueLength } = source
      if (this.#begins || this.#keep()) {
        if (this.#isNewKey && !isLast && this.#end.isBefore(keyBuffer, keyOffset, keyLength, writer.size)) {
          this.#isNewKey = false
          this.#begins = true
          return SliceEnd.tableEnd
        }
        this.#isNewKey = false
        this.#begins = false
        writer.add(
          keyBuffer,
          keyOffset,
          keyLength,
          source.sequence,
          source.kind,
          source.valueBuffer,
          source.valueOffset,
          valueLength
        )
      }
      bytes -= keyLength + valueLength
      if (source.advance() === MoveStatus.needsLoad) return SliceEnd.needsLoad
    }
    return SliceEnd.long
  }

  #keep(): boolean {
    const source = this.#source
    const retention = this.#retention
    const kept = retention.keep(source.keyBuffer, source.keyOffset, source.keyLength, source.sequence, source.kind)
    if (retention.isNewKey) this.#isNewKey = true
    return kept
  }
}
