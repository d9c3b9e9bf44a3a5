/**
 * The manifest's file format, and the pointer to the manifest in force.
 *
 * manifest-NNNNNNNNNN-GGGGGGGGGG.log
 *   header, 32 bytes
 *     0   8  magic "ELSMMANI"
 *     8   4  format version, u32 little-endian: 1
 *     12  8  the manifest's number, u64 little-endian
 *     20  8  the generation of the store that made it, u64 little-endian
 *     28  4  CRC-32 of the 28 bytes before it
 *   then frames, one an event
 *     0   4  marker 0x4d455645, u32 little-endian
 *     4   4  payload length n, u32 little-endian
 *     8   4  CRC-32 of the payload length and the payload, seeded with the manifest's number and the frame's offset
 *     12  n  the event as JSON in UTF-8
 *
 * CURRENT-GGGGGGGGGG
 *   one line of text: "effect-lsm 1 manifest NNN crc HHHHHHHH\n", the CRC-32 in
 *   hexadecimal of all before " crc"; the manifest has the same generation
 *
 * A frame at the end that is not whole was never acknowledged, and the manifest
 * ends before it; one that is followed by a whole frame is damage (I15). What
 * the end of a manifest has lost shows in the files that it then fails to
 * account for, which recovery checks.
 */
import { Result, Schema } from "effect"
import { checksum, checksumSeed } from "../record/Checksum.ts"
import { StoreCorrupted, UnsupportedFormat } from "../StoreError.ts"
import { applyEvent, ManifestEvent } from "./ManifestEvent.ts"
import type { ManifestState } from "./ManifestEvent.ts"

const formatVersion = 1
const headerLength = 32
const frameHeaderLength = 12
const marker = 0x4d45_5645
const magic = new TextEncoder().encode("ELSMMANI")
const text = new TextEncoder()

const EventJson = Schema.fromJsonString(ManifestEvent)
const encodeEvent = Schema.encodeSync(EventJson)
const decodeEvent = Schema.decodeUnknownResult(EventJson)

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** What the names of a manifest and of its pointer say. */
export interface ManifestId {
  readonly number: number
  readonly generation: number
}

/** The first bytes of a manifest. */
export const encodeManifestHeader = ({ generation, number }: ManifestId): Uint8Array => {
  const bytes = new Uint8Array(headerLength)
  const view = viewOf(bytes)
  bytes.set(magic, 0)
  view.setUint32(8, formatVersion, true)
  view.setBigUint64(12, BigInt(number), true)
  view.setBigUint64(20, BigInt(generation), true)
  view.setUint32(28, checksum(bytes.subarray(0, 28), 0), true)
  return bytes
}

/** The event as a frame that stands at `offset` of manifest `number`. */
export const encodeFrame = (number: number, offset: number, event: ManifestEvent): Uint8Array => {
  const payload = text.encode(encodeEvent(event))
  const bytes = new Uint8Array(frameHeaderLength + payload.length)
  const view = viewOf(bytes)
  view.setUint32(0, marker, true)
  view.setUint32(4, payload.length, true)
  bytes.set(payload, frameHeaderLength)
  view.setUint32(8, frameChecksum(bytes, 0, payload.length, number, offset), true)
  return bytes
}

const frameChecksum = (
  bytes: Uint8Array,
  at: number,
  length: number,
  number: number,
  offset: number
): number => {
  const seeded = checksum(bytes.subarray(at + 4, at + 8), checksumSeed(number, offset))
  return checksum(bytes.subarray(at + frameHeaderLength, at + frameHeaderLength + length), seeded)
}

/** Length of the whole frame at `at`, or 0 if there is none. */
const frameLength = (bytes: Uint8Array, view: DataView, at: number, number: number): number => {
  if (at + frameHeaderLength > bytes.length || view.getUint32(at, true) !== marker) return 0
  const length = view.getUint32(at + 4, true)
  if (at + frameHeaderLength + length > bytes.length) return 0
  return frameChecksum(bytes, at, length, number, at) === view.getUint32(at + 8, true) ? frameHeaderLength + length : 0
}

/** Folds a manifest's bytes. `file` is its path, for errors. */
export const readManifest = (
  file: string,
  { generation, number }: ManifestId,
  bytes: Uint8Array
): Result.Result<ManifestState, StoreCorrupted | UnsupportedFormat> => {
  const corrupted = (offset: number, reason: string) => Result.fail(new StoreCorrupted({ file, offset, reason }))
  const view = viewOf(bytes)
  if (bytes.length < headerLength) return corrupted(0, "the header is cut short")
  if (view.getUint32(28, true) !== checksum(bytes.subarray(0, 28), 0)) {
    return corrupted(0, "the header's checksum does not match")
  }
  if (magic.some((byte, i) => bytes[i] !== byte)) {
    return Result.fail(new UnsupportedFormat({ file, reason: "it does not begin as a manifest does" }))
  }
  const version = view.getUint32(8, true)
  if (version !== formatVersion) {
    return Result.fail(
      new UnsupportedFormat({ file, reason: `its format version is ${version}, not ${formatVersion}` })
    )
  }
  if (view.getBigUint64(12, true) !== BigInt(number) || view.getBigUint64(20, true) !== BigInt(generation)) {
    return corrupted(12, "it is another manifest under this name")
  }

  let state: ManifestState | undefined
  let at = headerLength
  for (;;) {
    const length = frameLength(bytes, view, at, number)
    if (length === 0) break
    const payload = new TextDecoder().decode(bytes.subarray(at + frameHeaderLength, at + length))
    const event = decodeEvent(payload)
    if (Result.isFailure(event)) {
      return Result.fail(new UnsupportedFormat({ file, reason: `it holds an event that this version does not know` }))
    }
    const next = applyEvent(state, event.success)
    if (typeof next === "string") return corrupted(at, next)
    state = next
    at += length
  }
  for (let later = at + 1; later + frameHeaderLength <= bytes.length; later++) {
    if (frameLength(bytes, view, later, number) > 0) return corrupted(at, "an event in the middle is damaged")
  }
  return state === undefined ? corrupted(at, "the first event is damaged") : Result.succeed(state)
}

/** The content of CURRENT that names manifest `number`. */
export const encodeCurrent = (number: number): Uint8Array => {
  const body = `effect-lsm ${formatVersion} manifest ${number}`
  return text.encode(`${body} crc ${checksum(text.encode(body), 0).toString(16).padStart(8, "0")}\n`)
}

/** Longest CURRENT that is looked at. */
export const maxCurrentLength = 256

const currentPattern = /^(effect-lsm (\d{1,9}) manifest (\d{1,16})) crc ([0-9a-f]{8})\n$/

/** The number of the manifest in force. */
export const readCurrent = (
  file: string,
  bytes: Uint8Array
): Result.Result<number, StoreCorrupted | UnsupportedFormat> => {
  const content = new TextDecoder("latin1").decode(bytes)
  const match = currentPattern.exec(content)
  if (match !== null) {
    const [, body = "", version, number, crc = ""] = match
    if (checksum(text.encode(body), 0) !== Number.parseInt(crc, 16)) {
      return Result.fail(new StoreCorrupted({ file, offset: 0, reason: "its checksum does not match" }))
    }
    if (Number(version) !== formatVersion) {
      return Result.fail(
        new UnsupportedFormat({ file, reason: `its format version is ${version}, not ${formatVersion}` })
      )
    }
    return Result.succeed(Number(number))
  }
  if (content.startsWith("effect-lsm")) {
    return Result.fail(new StoreCorrupted({ file, offset: 0, reason: "its line is damaged" }))
  }
  return Result.fail(new UnsupportedFormat({ file, reason: "it was not written by effect-lsm" }))
}
