/**
 * Writes past the mailbox's bound that were withdrawn, as by a timeout, kept
 * their bytes until the Wal came to them: while writes were stalled, callers
 * who gave up and tried again filled the memory.
 */
import { assert, describe, it } from "@effect/vitest"
import { levelOf } from "../../src/engine/CommitRequest.ts"
import { Mailbox } from "../../src/engine/Mailbox.ts"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"
import { bytes } from "../store/storeHelpers.ts"

const nobody = undefined

describe("a mailbox that nobody empties (I13, I14)", () => {
  const mailbox = new Mailbox(1024)
  const offer = (key: string, length: number) =>
    mailbox.offerPut(bytes(key), new Uint8Array(length), levelOf.buffered, nobody)
  void offer("first", 1024)
  void offer("second", 1024)

  it("keeps nothing of writes that are withdrawn", () => {
    for (let i = 0; i < 10_000; i++) mailbox.withdraw(offer("given up", 10))
    assert.isBelow(mailbox.size, 100)
  })

  it("keeps those that wait, in their order", () => {
    void offer("third", 1024)
    const keys: Array<string> = []
    const memtable = ArenaMemtable.make({ limit: 64 * 1024, baseSequence: 1 })
    for (let group = mailbox.take(memtable); group !== undefined && group.records > 0; group = mailbox.take(memtable)) {
      for (const { buffer, start } of group.requests) {
        keys.push(new TextDecoder().decode(buffer.subarray(start + 4, start + 9)))
      }
    }
    assert.deepStrictEqual(keys, ["first", "secon", "third"])
  })
})
