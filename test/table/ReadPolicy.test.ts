import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import { ReadPolicy } from "../../src/table/ReadPolicy.ts"
import type { FileReads } from "../../src/table/ReadPolicy.ts"

const never = (): number => {
  throw new Error("the clock was read")
}

/** A disk on which a read at once takes as long as the test says, and one through the pool something more. */
class Reader {
  now = 0
  /** What the system counts; undefined: nothing. */
  diskReads: number | undefined
  readonly policy = new ReadPolicy("adaptive", () => this.now, () => this.diskReads)
  atOnce = 0
  inPool = 0

  /** Makes one read as the policy decides; true if at once. */
  read(file: FileReads, took: number, busy = 0, bytes = 4096): boolean {
    const isAtOnce = file.isAtOnce()
    const began = file.begin()
    if (isAtOnce) {
      this.now += took
      file.endAtOnce(began, bytes)
      this.atOnce++
    } else {
      this.now += took + 0.035 + busy
      file.endInPool(began, bytes)
      this.inPool++
    }
    return isAtOnce
  }

  many(file: FileReads, count: number, took: number, busy = 0): void {
    for (let i = 0; i < count; i++) this.read(file, took, busy)
  }
}

const warm = 0.002
const cold = 0.5

describe("ReadPolicy", () => {
  it("always reads at once when synchronous, and looks at no clock", () => {
    const policy = new ReadPolicy("sync", never)
    const file = policy.file()
    for (let i = 0; i < 3; i++) {
      assert.isTrue(file.isAtOnce())
      file.endAtOnce(file.begin(), 4096)
    }
    assert.isTrue(policy.synchronousBulk)
  })

  it("never reads at once when asynchronous, and looks at no clock", () => {
    const policy = new ReadPolicy("async", never)
    const file = policy.file()
    for (let i = 0; i < 3; i++) {
      assert.isFalse(file.isAtOnce())
      file.endInPool(file.begin(), 4096)
    }
    assert.isFalse(policy.synchronousBulk)
  })

  it("reads a warm file at once after two reads through the pool", () => {
    const reader = new Reader()
    const file = reader.policy.file()
    reader.many(file, 1000, warm)
    assert.strictEqual(reader.inPool, 2)
  })

  it("gives large reads of a warm file the time to copy, and no more", () => {
    const large = 256 * 1024
    for (const [took, expected] of [[0.12, 2], [0.35, 99]] as const) {
      const reader = new Reader()
      const file = reader.policy.file()
      for (let i = 0; i < 100; i++) reader.read(file, took, 0, large)
      assert.strictEqual(reader.inPool, expected, `${took} ms`)
    }
    const reader = new Reader()
    const file = reader.policy.file(true)
    assert.isTrue(reader.read(file, 0.28, 0, large))
    assert.isTrue(reader.read(file, 0.35, 0, large))
    assert.isFalse(reader.read(file, 0.12, 0, large))
  })

  it("reads a cold file through the pool from the first read on, and seldom otherwise", () => {
    const reader = new Reader()
    const file = reader.policy.file()
    reader.many(file, 10_000, cold)
    assert.isAtLeast(reader.atOnce, 1)
    assert.isAtMost(reader.atOnce, 10)
  })

  it("asking decides nothing: the answer is the same until a read has ended", () => {
    const reader = new Reader()
    const file = reader.policy.file()
    for (let i = 0; i < 1000; i++) assert.isFalse(file.isAtOnce())
    reader.many(file, 2, warm)
    for (let i = 0; i < 1000; i++) assert.isTrue(file.isAtOnce())
  })

  it("reads no file at once while slow reads have held the loop for longer than they may", () => {
    const reader = new Reader()
    const [file, other] = [reader.policy.file(), reader.policy.file()]
    reader.many(file, 100, warm)
    reader.many(other, 100, warm)
    assert.isTrue(reader.read(file, 30))
    const until = reader.now + 200
    while (reader.now < until - 0.1) assert.isFalse(reader.read(other, warm))
    reader.now = until + 0.1
    assert.isTrue(reader.read(other, warm))
  })

  it("goes on reading other files at once after a slow read now and then", () => {
    const reader = new Reader()
    const [file, other] = [reader.policy.file(), reader.policy.file()]
    reader.many(file, 100, warm)
    reader.many(other, 100, warm)
    for (let i = 0; i < 10; i++) {
      assert.isTrue(reader.read(file, 8))
      assert.isTrue(reader.read(other, warm))
      reader.now += 200
      reader.many(file, 2000, warm)
    }
  })

  it("makes a file prove itself the longer the slower its reads at once were", () => {
    const reader = new Reader()
    const [slow, slower] = [reader.policy.file(), reader.policy.file()]
    const readsUntilTrusted = (file: FileReads, took: number): number => {
      reader.many(file, 100, warm)
      assert.isTrue(reader.read(file, took))
      reader.now += 10_000
      let reads = 0
      while (!reader.read(file, warm)) reads++
      return reads
    }
    const short = readsUntilTrusted(slow, 0.3)
    assert.isAtLeast(short, 5)
    assert.isAbove(readsUntilTrusted(slower, 1), short)
  })

  it("reads a warm file at once on trial when the loop is so busy that no read comes back quickly", () => {
    const reader = new Reader()
    const file = reader.policy.file()
    reader.many(file, 1000, warm, 3)
    assert.isAbove(reader.atOnce, 900)
  })

  it("makes a file that was not read for long prove itself again", () => {
    const reader = new Reader()
    const file = reader.policy.file()
    reader.many(file, 100, warm)
    assert.isTrue(reader.read(file, warm))
    reader.now += 60_000
    assert.isFalse(reader.read(file, cold))
  })

  it("comes back to reading at once when a cold file has become warm", () => {
    const reader = new Reader()
    const file = reader.policy.file()
    reader.many(file, 5000, cold)
    reader.many(file, 5000, warm)
    assert.isTrue(reader.read(file, warm))
  })

  it.prop(
    "slow reads hold the loop for a twentieth of the time and 20 ms at most, but for the last one of them",
    {
      reads: Arbitrary.array(
        Arbitrary.all({
          file: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 }))),
          warmBefore: Arbitrary.schema(Schema.Literals([0, 10, 200, 2000])),
          busy: Arbitrary.schema(Schema.Literals([0, 0, 0, 0.01, 2])),
          slow: Arbitrary.schema(Schema.Literals([0.3, 1, 8, 30])),
          slowReads: Arbitrary.schema(Schema.Literals([1, 1, 5, 500]))
        }),
        { maxLength: 60 }
      )
    },
    ({ reads }) => {
      const reader = new Reader()
      const files = Array.from({ length: 8 }, () => reader.policy.file())
      let held = 0
      for (const { busy, file, slow, slowReads, warmBefore } of reads) {
        reader.many(files[file]!, warmBefore, warm, busy)
        for (let i = 0; i < slowReads; i++) {
          const began = reader.now
          if (!reader.read(files[file]!, slow, busy)) continue
          assert.isAtMost(held, began / 20 + 20.001)
          held += slow
        }
      }
    },
    { arbitrary: { runs: 60, size: 100 } }
  )

  it("trusts a file that the store has just written", () => {
    const reader = new Reader()
    assert.isTrue(reader.read(reader.policy.file(true), warm))
    assert.isFalse(reader.read(reader.policy.file(), warm))
  })

  it("does not hold against the disk a slow read that the system did not count", () => {
    const reader = new Reader()
    const file = reader.policy.file(true)
    reader.diskReads = 8
    // The first look finds a count that it can't compare.
    reader.read(file, cold)
    reader.many(file, 2000, warm)
    const before = reader.inPool
    for (let i = 0; i < 20; i++) {
      reader.read(file, cold)
      reader.many(file, 100, warm)
    }
    assert.strictEqual(reader.inPool, before)
    reader.diskReads = 16
    reader.read(file, cold)
    assert.isFalse(reader.read(file, warm))
  })

  it("does not hold slow reads against a disk from which nothing was read", () => {
    const reader = new Reader()
    reader.diskReads = 0
    const file = reader.policy.file(true)
    reader.many(file, 100, warm)
    for (let i = 0; i < 20; i++) {
      reader.read(file, cold)
      reader.many(file, 100, warm)
    }
    assert.strictEqual(reader.inPool, 0)
  })

  it("holds slow reads that follow one another against a disk that is not counted", () => {
    const reader = new Reader()
    const file = reader.policy.file(true)
    reader.diskReads = 8
    reader.read(file, cold)
    reader.many(file, 2000, warm)
    reader.read(file, cold)
    reader.read(file, cold)
    assert.isFalse(reader.read(file, cold))
  })
})
