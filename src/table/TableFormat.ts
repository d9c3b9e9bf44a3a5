/**
 * The table file, format version 1. All integers are little-endian.
 *
 *   data blocks   one behind the other from offset 0; each with its own trailer (`Block.ts`)
 *   filter        absent if the table has none (`Filter.ts`)
 *   index         (`TableIndex.ts`)
 *   properties
 *   footer        48 bytes
 *
 * Properties:
 *   file              u64
 *   entries           u64
 *   tombstones        u64
 *   shadowed          u64  entries behind a newer one of the same key
 *   smallest sequence u64
 *   largest sequence  u64
 *   smallest klen     u32
 *   largest klen      u32
 *   smallest key, largest key
 *   blocks digest     u32  CRC-32 of the blocks' checksums, in their order
 * The digest makes the footer's checksum, which the manifest keeps, depend on
 * every byte of the file. It is not there in the oldest tables of this version.
 * A table's level is the manifest's to know: it can change without the file.
 *
 * Footer:
 *    0  data length          u64  all blocks with their trailers
 *    8  filter length        u32  0: no filter
 *   12  filter checksum      u32
 *   16  index length         u32
 *   20  index checksum       u32
 *   24  properties length    u32
 *   28  properties checksum  u32
 *   32  format version       u32
 *   36  footer checksum      u32  of the footer's other bytes
 *   40  magic                "lsmTable"
 * Every later version keeps a footer of 48 bytes with its last 16 bytes as they
 * are here, so that it is told from a damaged file.
 *
 * Every checksum is a CRC-32 seeded with the file's number and the offset of
 * what it covers (I15: the same bytes elsewhere, or in another file, do not
 * pass). Blocks and footer carry their own, the footer those of the other
 * sections, and the manifest keeps the footer's with the size of the file.
 */
import { compareBytes } from "../record/Bytes.ts"
import { checksum, checksumSeed } from "../record/Checksum.ts"
import type { TableMeta } from "./TableMeta.ts"

export const formatVersion = 1
export const footerSize = 48

const magic = new TextEncoder().encode("lsmTable")
const versionOffset = 32
const checksumOffset = 36
const magicOffset = 40
const propertiesHeaderSize = 56

/** The sections' lengths and checksums. */
export interface Footer {
  readonly dataLength: number
  readonly filterLength: number
  readonly filterChecksum: number
  readonly indexLength: number
  readonly indexChecksum: number
  readonly propertiesLength: number
  readonly propertiesChecksum: number
}

export const sectionChecksum = (section: Uint8Array, file: number, offset: number): number =>
  checksum(section, checksumSeed(file, offset))

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const setUint64 = (view: DataView, at: number, value: number): void => {
  view.setUint32(at, value >>> 0, true)
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true)
}

const getUint64 = (view: DataView, at: number): number =>
  view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true)

const footerChecksumOf = (bytes: Uint8Array, file: number, offset: number): number =>
  checksum(bytes.subarray(magicOffset), sectionChecksum(bytes.subarray(0, checksumOffset), file, offset))

export const encodeFooter = (footer: Footer, file: number, offset: number): Uint8Array => {
  const bytes = new Uint8Array(footerSize)
  const view = viewOf(bytes)
  setUint64(view, 0, footer.dataLength)
  view.setUint32(8, footer.filterLength, true)
  view.setUint32(12, footer.filterChecksum, true)
  view.setUint32(16, footer.indexLength, true)
  view.setUint32(20, footer.indexChecksum, true)
  view.setUint32(24, footer.propertiesLength, true)
  view.setUint32(28, footer.propertiesChecksum, true)
  view.setUint32(versionOffset, formatVersion, true)
  bytes.set(magic, magicOffset)
  view.setUint32(checksumOffset, footerChecksumOf(bytes, file, offset), true)
  return bytes
}

/** The checksum that a footer carries. */
export const storedFooterChecksum = (bytes: Uint8Array): number => viewOf(bytes).getUint32(checksumOffset, true)

/** The format version that a footer carries. */
export const storedVersion = (bytes: Uint8Array): number => viewOf(bytes).getUint32(versionOffset, true)

/** What is wrong with a footer that `meta` should describe, whatever its version; nothing if it is right. */
export const footerDamage = (bytes: Uint8Array, meta: TableMeta): string | undefined => {
  if (compareBytes(bytes.subarray(magicOffset), magic) !== 0) return "the footer has no magic number"
  const stored = storedFooterChecksum(bytes)
  if (stored !== footerChecksumOf(bytes, meta.file, meta.size - footerSize)) {
    return "the footer does not match its checksum"
  }
  return stored === meta.footerChecksum ? undefined : "the footer is not the one that the manifest names"
}

/** Reads a footer of this version; what is wrong with it, if its lengths do not make up the file. */
export const decodeFooter = (bytes: Uint8Array, size: number): Footer | string => {
  const view = viewOf(bytes)
  const footer: Footer = {
    dataLength: getUint64(view, 0),
    filterLength: view.getUint32(8, true),
    filterChecksum: view.getUint32(12, true),
    indexLength: view.getUint32(16, true),
    indexChecksum: view.getUint32(20, true),
    propertiesLength: view.getUint32(24, true),
    propertiesChecksum: view.getUint32(28, true)
  }
  const sum = footer.dataLength + footer.filterLength + footer.indexLength + footer.propertiesLength + footerSize
  return sum === size ? footer : "the footer's lengths do not add up to the file's"
}

/** What the properties hold of a table's meta. */
export type Properties = Omit<TableMeta, "generation" | "level" | "size" | "footerChecksum">

/** The properties up to the digest. */
export const encodeProperties = (properties: Properties): Uint8Array => {
  const { smallestKey, largestKey } = properties
  const bytes = new Uint8Array(propertiesHeaderSize + smallestKey.length + largestKey.length)
  const view = viewOf(bytes)
  setUint64(view, 0, properties.file)
  setUint64(view, 8, properties.entries)
  setUint64(view, 16, properties.tombstones)
  setUint64(view, 24, properties.shadowed)
  setUint64(view, 32, properties.smallestSequence)
  setUint64(view, 40, properties.largestSequence)
  view.setUint32(48, smallestKey.length, true)
  view.setUint32(52, largestKey.length, true)
  bytes.set(smallestKey, propertiesHeaderSize)
  bytes.set(largestKey, propertiesHeaderSize + smallestKey.length)
  return bytes
}

export const encodeDigest = (digest: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  viewOf(bytes).setUint32(0, digest, true)
  return bytes
}

/** The digest after one more block. */
export const digestWith = (digest: number, blockChecksum: number): number =>
  checksum(encodeDigest(blockChecksum), digest)
