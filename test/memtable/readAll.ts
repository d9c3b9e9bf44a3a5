import type { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import { hex, unhex, versionOf } from "./MemtableModel.ts"

/** All that can be read from a memtable, by every way of reading it. */
export const readAll = (memtable: ArenaMemtable) => {
  const entries: Array<string> = []
  const versions = memtable.versions()
  for (versions.first(); versions.valid; versions.advance()) {
    const key = hex(versions.keyBuffer.subarray(versions.keyOffset, versions.keyOffset + versions.keyLength))
    const value = hex(versions.valueBuffer.subarray(versions.valueOffset, versions.valueOffset + versions.valueLength))
    entries.push(`${key} ${versions.sequence} ${versions.kind} ${value}`)
  }
  const backwards: Array<string> = []
  const cursor = memtable.cursor()
  for (cursor.seekLast(); cursor.valid; cursor.previous()) {
    backwards.push(hex(cursor.keyBuffer.subarray(cursor.keyOffset, cursor.keyOffset + cursor.keyLength)))
  }
  return {
    entries,
    backwards,
    found: backwards.map((key) => versionOf(memtable, memtable.find(unhex(key), memtable.lastSequence))),
    count: memtable.count,
    usedBytes: memtable.usedBytes,
    limit: memtable.limit,
    baseSequence: memtable.baseSequence,
    firstSequence: memtable.firstSequence,
    lastSequence: memtable.lastSequence
  }
}
