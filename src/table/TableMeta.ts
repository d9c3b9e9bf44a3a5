/** What the manifest keeps of one table, and what a reader checks the file against. */
export interface TableMeta {
  /** The table's file number; its checksums are seeded with it. */
  readonly file: number
  /** Of the store that made it; a part of the file's name. */
  readonly generation: number
  readonly level: number
  /** Bytes in the file. */
  readonly size: number
  /** Checksum of the footer, which in turn covers every other checksum in the file. */
  readonly footerChecksum: number
  /** Records, tombstones included, every version counted. */
  readonly entries: number
  readonly tombstones: number
  /** Records that a newer one of the same key in the table shadows. */
  readonly shadowed: number
  readonly smallestKey: Uint8Array
  readonly largestKey: Uint8Array
  readonly smallestSequence: number
  readonly largestSequence: number
}
