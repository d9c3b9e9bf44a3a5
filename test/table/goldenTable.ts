/** The contents of the committed tables, which every later writer of format version 1 must write byte for byte. */
import { put, tombstone } from "./TableFixture.ts"
import type { Entry } from "./TableFixture.ts"

export const goldenOptions = { file: 0x2_0000_0005, blockSize: 512, filterBitsPerKey: 10 }

export const goldenEntries: ReadonlyArray<Entry> = [
  put("", 12, "the empty key"),
  ...Array.from({ length: 40 }, (_, i) => put(`account/${1000 + i * 7}`, 500 - i, `balance ${i * i}`)),
  ...Array.from({ length: 30 }, (_, i) => put("counter", 90_000 - i * 300, String(1000 - i))),
  tombstone("counter", 6),
  put("counter", 5, "first"),
  tombstone("gone", 0x20_0000_0000_00),
  put("large", 7, "x".repeat(1500)),
  put("p".repeat(300), 8, "a long key"),
  put("p".repeat(301), Number.MAX_SAFE_INTEGER, ""),
  put("zebra", 0, "sequence zero")
]
