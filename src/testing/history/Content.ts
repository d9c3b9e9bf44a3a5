/**
 * Keys and values as a history keeps them: strings, so that they can be
 * compared, ordered and shown, and hold on to no memory of the store.
 */
import { isUint8Array } from "node:util/types"
import { crc32 } from "node:zlib"

/** A character a byte, which orders as the bytes do. */
export type Key = string

/** What a key holds: `absent`, or a value's beginning, length and checksum. */
export type Value = string

export const absent: Value = "no value"

/** What `has` finds: a value, whichever it is. */
export const anyValue = "some value"

/** What a read found: a value, or `anyValue`. */
export type Finding = string

const shownBytes = 24
const shownKeyBytes = 80

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1")

/** Printable text as it is, all else as escapes. */
const quoted = (text: string): string => {
  const escape = (character: string) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`
  return `"${text.replaceAll(/[^ !#-[\]-~]/g, escape)}"`
}

/** True for what the store takes as a key; all else it refuses. */
export const isKey = (key: unknown): key is Uint8Array => isUint8Array(key)

/** True for what the store takes as a value. */
export const isValue = isKey

export const keyOf = (key: Uint8Array): Key => latin1(key)

/** What was found where these bytes, or none, were found. */
export const findingOf = (value: Uint8Array | undefined): Value =>
  value === undefined
    ? absent
    : `${quoted(latin1(value.subarray(0, shownBytes)))} (${value.length} bytes, CRC ${crc32(value).toString(16)})`

/** A key in a message's words. */
export const shownKey = (key: Key): string =>
  key.length > shownKeyBytes ? `${quoted(key.slice(0, shownKeyBytes))}…` : quoted(key)

/** True if this value is what a read found. */
export const agrees = (finding: Finding, value: Value): boolean =>
  finding === anyValue ? value !== absent : finding === value
