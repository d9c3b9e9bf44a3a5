/**
 * One file of a simulated disk, apart from its names: what programs read from
 * it now, and what of that is on stable storage.
 *
 * What was appended since the last sync is a list of unsynced writes. A sync
 * makes them durable, their bytes and the file's length together; a failed sync
 * gives them up: they stay readable, and no later sync makes them durable, as
 * on systems that mark pages clean that they could not write.
 */
import { Errno } from "./Errno.ts"

/** A range of a file that a power cut may take. */
export interface UnsyncedWrite {
  /** `"zeros"` only lengthens the file; its range is what nothing was appended to yet. */
  readonly kind: "bytes" | "zeros"
  readonly start: number
  readonly end: number
  /** Rises with every write to the disk. */
  readonly order: number
}

/** What a power cut left of one write. */
export interface WriteRemains {
  /** The ranges that hold what was written; the rest reads as zeros, as far as the file goes. */
  readonly ranges: ReadonlyArray<readonly [start: number, end: number]>
  /** What holds something else, and from where on; within the write. */
  readonly garbage?: ReadonlyArray<readonly [start: number, bytes: Uint8Array]>
  /** The file is at least so long. */
  readonly length: number
}

export class SimulatedFile {
  readonly kind = "file"
  /** Not changed below `#filled`, so that images share it; zero from there on. */
  #bytes: Uint8Array
  /** From here up to its size the file reads as zeros. */
  #filled: number
  #size: number
  #appended: number
  #durableSize: number
  #unsynced: Array<UnsyncedWrite> = []
  /** Those that a failed sync gave up. */
  #lost: Array<UnsyncedWrite> = []

  /** A file whose content is durable, with zeros behind the bytes up to its size; it takes the bytes over. */
  constructor(bytes: Uint8Array = new Uint8Array(0), size = bytes.length) {
    this.#bytes = bytes
    this.#filled = bytes.length
    this.#size = size
    this.#appended = size
    this.#durableSize = size
  }

  get size(): number {
    return this.#size
  }

  /** Everything that a power cut may take, in the order in which it was written. */
  get volatile(): ReadonlyArray<UnsyncedWrite> {
    const rest = (write: UnsyncedWrite): UnsyncedWrite =>
      write.kind === "bytes" ? write : { ...write, start: Math.min(write.end, Math.max(write.start, this.#appended)) }
    return [...this.#lost, ...this.#unsynced].map(rest)
  }

  append(chunks: ReadonlyArray<Uint8Array>, extendBy: number, order: number): void {
    const start = this.#appended
    let length = 0
    for (const chunk of chunks) length += chunk.byteLength
    const end = start + length
    this.#reserve(end)
    for (const chunk of chunks) {
      this.#bytes.set(chunk, this.#appended)
      this.#appended += chunk.byteLength
    }
    this.#filled = end
    if (length > 0) this.#unsynced.push({ kind: "bytes", start, end, order })
    if (end <= this.#size) return
    this.#size = end
    if (extendBy > 0) this.#extend(end + extendBy, order)
  }

  read(offset: number, length: number): Uint8Array {
    if (!(Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0)) {
      throw new Errno("EINVAL")
    }
    if (offset + length > this.#size) throw new Errno("ESHORT")
    const bytes = new Uint8Array(length)
    bytes.set(this.#content.subarray(offset, offset + length))
    return bytes
  }

  sync(): void {
    for (const write of this.#unsynced) this.#durableSize = Math.max(this.#durableSize, write.end)
    this.#unsynced = []
  }

  failSync(): void {
    this.#lost = this.#lost.concat(this.#unsynced)
    this.#unsynced = []
  }

  /** Puts other content, durable at once, in the place of all there is; it takes the bytes over. */
  replace(bytes: Uint8Array): void {
    this.#bytes = bytes
    this.#filled = bytes.length
    this.#size = bytes.length
    this.#appended = bytes.length
    this.#durableSize = bytes.length
    this.#unsynced = []
    this.#lost = []
  }

  /** The same file in another image, its unsynced writes included. */
  copy(): SimulatedFile {
    const copy = new SimulatedFile(this.#content, this.#size)
    copy.#appended = this.#appended
    copy.#durableSize = this.#durableSize
    copy.#unsynced = [...this.#unsynced]
    copy.#lost = [...this.#lost]
    return copy
  }

  /** The file as a power cut left it, if that is what remains of each volatile write. */
  afterPowerCut(remainsOf: (write: UnsyncedWrite) => WriteRemains): SimulatedFile {
    const volatile = this.volatile
    if (volatile.length === 0) return new SimulatedFile(this.#content, this.#size)
    const remains = volatile.map(remainsOf)
    const length = Math.max(this.#durableSize, ...remains.map((part) => part.length))
    const left = new Uint8Array(Math.min(length, this.#garbageEnd(remains)))
    left.set(this.#content.subarray(0, left.length))
    // Zeros need no clearing: what lies in them was either appended later, as a write of its own, or is zero.
    for (const write of volatile) if (write.kind === "bytes") left.fill(0, write.start, write.end)
    const put = (start: number, bytes: Uint8Array): void => {
      if (start < left.length) left.set(bytes.subarray(0, left.length - start), start)
    }
    for (const { garbage = [], ranges } of remains) {
      for (const [start, end] of ranges) put(start, this.#bytes.subarray(start, end))
      for (const [start, bytes] of garbage) put(start, bytes)
    }
    return new SimulatedFile(left, length)
  }

  get #content(): Uint8Array {
    return this.#bytes.subarray(0, this.#filled)
  }

  /** Where the zeros begin at the end of the file. */
  #garbageEnd(remains: ReadonlyArray<WriteRemains>): number {
    const ends = remains.flatMap(({ garbage = [] }) => garbage.map(([start, bytes]) => start + bytes.length))
    return Math.max(this.#filled, ...ends)
  }

  #extend(size: number, order: number): void {
    this.#unsynced.push({ kind: "zeros", start: this.#size, end: size, order })
    this.#size = size
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(size, this.#bytes.length * 2))
    larger.set(this.#content)
    this.#bytes = larger
  }
}
