/**
 * Stores with some files changed, and what they answer then (I15): the same, or
 * a typed error that leaves every file as it was.
 */
import { assert } from "@effect/vitest"
import { Cause, Effect, Exit, Option } from "effect"
import type { ReadError, StoreOpenError } from "../../src/index.ts"
import { simulate, SimulatedDisk, SimulationStuck } from "../../src/testing/index.ts"
import { bytesOf, contentOf, isOwner, nameIn, summaryOf, withStore } from "./harness.ts"
import type { TestOptions } from "./harness.ts"

/** The same files on another disk; `edit` changes one, or removes it by returning undefined. */
export const copyOf = (
  disk: SimulatedDisk,
  edit: (name: string, bytes: Uint8Array) => Uint8Array | undefined
): SimulatedDisk => {
  const copy = SimulatedDisk.make()
  for (const path of disk.files()) {
    const bytes = edit(path.slice(path.lastIndexOf("/") + 1), disk.readFile(path))
    if (bytes !== undefined) copy.writeFile(path, bytes)
  }
  return copy
}

export const withFile = (disk: SimulatedDisk, name: string, bytes: Uint8Array | undefined): SimulatedDisk =>
  copyOf(disk, (each, old) => each === name ? bytes : old)

/** Where a file's content ends; a segment is followed by zeros. */
export const contentEnd = (bytes: Uint8Array): number => bytes.findLastIndex((byte) => byte !== 0) + 1

/** What the store answered, or why it did not. */
export type Answer = Map<string, Uint8Array> | StoreOpenError | ReadError

const bytesOn = (disk: SimulatedDisk): ReadonlyMap<string, Buffer> =>
  new Map(disk.files().map((path) => [path, Buffer.from(disk.readFile(path))]))

/**
 * That each file is there that was, with the same bytes, and no other. The files of owners go where an opening for
 * writing got as far as to become the owner: it leaves the directory without one.
 */
const checkUnchanged = (disk: SimulatedDisk, before: ReadonlyMap<string, Buffer>, isReadOnly: boolean): void => {
  const hasOwner = isReadOnly || disk.files().some(isOwner)
  const expected = [...before].filter(([path]) => hasOwner || !isOwner(path))
  assert.deepStrictEqual(disk.files(), expected.map(([path]) => path))
  for (const [path, bytes] of expected) {
    assert.strictEqual(bytes.compare(disk.readFile(path)), 0, `${path} was changed by a refused opening`)
  }
}

/** What the store on the disk answers: its content, by scan and by key, or a typed error, which changes nothing. */
export const answerOf = (
  disk: SimulatedDisk,
  keys: Iterable<string>,
  seed: number,
  options?: TestOptions
): Answer => {
  let isOpen = false
  const read = withStore(disk, (store) =>
    Effect.gen(function*() {
      isOpen = true
      const content = yield* contentOf(store)
      for (const key of keys) {
        const found = yield* store.get(bytesOf(key))
        assert.strictEqual(nameIn(found), nameIn(content.get(key)), `get and scan differ at ${key}`)
      }
      return content
    }), options)
  const before = bytesOn(disk)
  const { exit } = simulate(read, { seed })
  if (Exit.isSuccess(exit)) return exit.value
  if (!isOpen) checkUnchanged(disk, before, options?.readOnly === true)
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (error === undefined || error instanceof SimulationStuck) throw new Error(Cause.pretty(exit.cause))
  return error
}

/** The tag of the error that the store can't be opened with, or can't be read with. */
export const refusalOf = (disk: SimulatedDisk, seed: number, options?: TestOptions): string => {
  const answer = answerOf(disk, [], seed, options)
  return answer instanceof Map ? "none" : answer._tag
}

export const honest = ["StoreCorrupted", "UnsupportedFormat"]

/** That the store answers as it did or with an honest error; which of these. */
export const checkHonest = (
  disk: SimulatedDisk,
  expected: ReadonlyMap<string, Uint8Array>,
  seed: number,
  what: string,
  options?: TestOptions
): string => {
  const answer = answerOf(disk, expected.keys(), seed, options)
  if (answer instanceof Map) {
    assert.deepStrictEqual(summaryOf(answer), summaryOf(expected), what)
    return "the same"
  }
  assert.include(honest, answer._tag, what)
  return answer._tag
}
