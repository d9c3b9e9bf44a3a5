import { assert, describe, it } from "@effect/vitest"
import { Mailbox } from "../../src/engine/Mailbox.ts"
import type { CommitGroup } from "../../src/engine/Mailbox.ts"
import { ArenaMemtable } from "../../src/memtable/ArenaMemtable.ts"

const KiB = 1024
const key = Uint8Array.of(1)

const makeMailbox = () => {
  const mailbox = new Mailbox(64 * 1024 * KiB)
  const index = ArenaMemtable.make({ limit: 64 * 1024 * KiB, baseSequence: 0 })
  const offer = (size: number) => mailbox.offerPut(key, new Uint8Array(size).fill(size & 0xff), 1, undefined)
  const take = (): CommitGroup => {
    const group = mailbox.take(index)
    if (group === undefined) throw new Error("Nothing was taken.")
    return group
  }
  return { mailbox, offer, take }
}

describe("The buffers of large records", () => {
  it("are used again once their group is done with, and not before", () => {
    const { mailbox, offer, take } = makeMailbox()
    const first = offer(100 * KiB)
    const group = take()
    const second = offer(100 * KiB)
    assert.notStrictEqual(second.buffer, first.buffer)
    mailbox.recycle(group)
    const third = offer(90 * KiB)
    const fourth = offer(100 * KiB)
    assert.notStrictEqual(third.buffer, first.buffer)
    assert.strictEqual(fourth.buffer, first.buffer)
  })

  it("are not used again if their put was withdrawn", () => {
    const { mailbox, offer, take } = makeMailbox()
    const withdrawn = offer(100 * KiB)
    mailbox.withdraw(withdrawn)
    mailbox.recycle(take())
    assert.notStrictEqual(offer(100 * KiB).buffer, withdrawn.buffer)
  })

  it("are kept up to 2 MiB in all, and those of a length that nobody asks for make room", () => {
    const { mailbox, offer, take } = makeMailbox()
    const old = new Set(Array.from({ length: 30 }, () => offer(100 * KiB).buffer))
    mailbox.recycle(take())
    const kept = Array.from({ length: 30 }, () => offer(100 * KiB).buffer).filter((buffer) => old.has(buffer))
    assert.isAbove(kept.length, 0)
    assert.isAtMost(kept.length * 112 * KiB, 2 * 1024 * KiB)
    mailbox.recycle(take())

    const longer = offer(500 * KiB).buffer
    mailbox.recycle(take())
    for (let i = 0; i < 4; i++) {
      void offer(500 * KiB)
      mailbox.recycle(take())
    }
    assert.strictEqual(offer(500 * KiB).buffer, longer)
  })

  it("are let go of above 2 MiB", () => {
    const { mailbox, offer, take } = makeMailbox()
    const huge = offer(3 * 1024 * KiB)
    mailbox.recycle(take())
    assert.notStrictEqual(offer(3 * 1024 * KiB).buffer, huge.buffer)
  })
})
