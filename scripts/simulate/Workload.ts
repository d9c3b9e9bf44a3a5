/**
 * The keys of a simulated store: few enough that operations meet each other.
 */
import type { Entry } from "../../src/index.ts"
import { Bank, SeededRandom } from "../../src/testing/index.ts"

/** Written by `put` and `delete` from all fibers. */
export const singleKeys: ReadonlyArray<string> = [
  "",
  ...Array.from({ length: 30 }, (_, key) => `single/${String(key).padStart(3, "0")}`),
  `single/${"long".repeat(60)}/a`,
  `single/${"long".repeat(60)}/b`
]

/** Written by batches alone, so that the sequence of each write is known. */
export const batchKeys: ReadonlyArray<string> = Array.from(
  { length: 40 },
  (_, key) => `batch/${String(key).padStart(3, "0")}`
)

/** Every fiber may transfer, and nobody may ever see money come or go. */
export const bank = new Bank({ groups: 3, accounts: 2 })
export const accountKeys: ReadonlyArray<string> = bank.accounts.map((account) => new TextDecoder().decode(account))

export const allKeys: ReadonlyArray<string> = [...singleKeys, ...batchKeys, ...accountKeys]

const encoder = new TextEncoder()

export const keyBytes = (key: string): Uint8Array => encoder.encode(key)

export const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0

/** Bytes that do not compress, to cut values from. */
const filler = new SeededRandom(0).bytes(256 * 1024)

/** A value of so many bytes; if there are enough of them, it begins with its name, and is like no other. */
export const valueOf = (name: string, size: number): Uint8Array => {
  const value = new Uint8Array(size)
  const start = Number.parseInt(name.replace(/\D/gu, ""), 10) % (filler.length / 2)
  // The first half does not compress, the second does.
  value.set(filler.subarray(start, start + Math.min(size / 2, filler.length / 2)))
  value.set(keyBytes(`${name}:`).subarray(0, size))
  return value
}

/** The accounts among the entries of a store. */
export const bankEntries = (content: ReadonlyArray<Entry>): ReadonlyArray<Entry> =>
  content.filter(([key]) => accountKeys.some((account) => sameBytes(key, keyBytes(account))))
