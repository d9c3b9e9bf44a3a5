import { assert, describe, it } from "@effect/vitest"
import { SyncPolicy } from "../../src/disk/SyncPolicy.ts"
import { small, Syncer } from "./calmPolicy.ts"

const slow = 0.6
/** All but one of 32, where the loop has nothing to do. */
const almostAll = (count: number): number => count - Math.ceil(count / 32)

/** After so many calm syncs that they are made at once. */
const calm = (): Syncer => {
  const syncer = new Syncer()
  syncer.many(64)
  return syncer
}

describe("SyncPolicy", () => {
  it("syncs at once after some quick syncs during which the loop had nothing to do, but for a look now and then", () => {
    const syncer = new Syncer()
    assert.strictEqual(syncer.many(30), 0)
    syncer.many(10)
    assert.isAtLeast(syncer.many(1_600), almostAll(1_600))
    assert.isBelow(syncer.many(1_600), 1_600)
  })

  it("never syncs at once where syncs are slow", () => {
    assert.strictEqual(new Syncer().many(10_000, { took: slow }), 0)
  })

  it("never syncs much at once, nor learns from it", () => {
    const syncer = calm()
    assert.strictEqual(syncer.many(100, { bytes: 65_537, took: slow, otherTurns: 3 }), 0)
    assert.strictEqual(syncer.many(100, { bytes: Number.POSITIVE_INFINITY }), 0)
    assert.isTrue(syncer.sync())
    const fresh = new Syncer()
    fresh.many(1_000, { bytes: 65_537 })
    assert.strictEqual(fresh.many(30), 0)
  })

  it("takes what happens before and during a large sync for nobody's event", () => {
    const syncer = calm()
    let atOnce = 0
    for (let i = 0; i < 160; i++) {
      syncer.events++
      syncer.sync({ bytes: 65_537 })
      if (syncer.sync()) atOnce++
    }
    assert.isAtLeast(atOnce, almostAll(160))
  })

  it("syncs through the pool after a slow sync until one is quick", () => {
    const syncer = calm()
    assert.isTrue(syncer.sync({ took: slow }))
    assert.strictEqual(syncer.many(5, { took: slow }), 0)
    assert.isFalse(syncer.sync())
    assert.isTrue(syncer.sync())
  })

  it("goes on syncing at once where one sync of some hundred is slow", () => {
    const syncer = calm()
    let atOnce = 0
    for (let i = 0; i < 100; i++) atOnce += syncer.many(299) + syncer.many(1, { took: slow })
    assert.isAtLeast(atOnce, 0.9 * 30_000)
  })

  it("lets slow syncs hold the loop for a twentieth of the time at most, however they are mixed with quick ones", () => {
    for (const took of [0.3, 2, 10, 50]) {
      for (const every of [2, 10, 50, 200]) {
        const syncer = calm()
        const began = syncer.now
        let held = 0
        for (let i = 0; i < 20_000; i++) {
          const isSlow = i % every === 0
          if (syncer.sync(isSlow ? { took } : {}) && isSlow) held += took
        }
        assert.isAtMost(held, (syncer.now - began) / 20 + 5 + took, `${took} ms, one of ${every}`)
      }
    }
  })

  it("syncs through the pool while the loop has events of others, and does not come back soon", () => {
    const syncer = calm()
    let atOnce = 0
    for (let i = 0; i < 1_000; i++) {
      syncer.events++
      if (syncer.sync()) atOnce++
    }
    assert.isAtMost(atOnce, 2)
    assert.strictEqual(syncer.many(1_000), 0)
    syncer.many(4_000)
    assert.isAtLeast(syncer.many(160), almostAll(160))
  })

  it("syncs through the pool where the loop has an event of others during every eighth sync", () => {
    const syncer = calm()
    let atOnce = 0
    for (let i = 0; i < 1_000; i++) {
      atOnce += syncer.many(7)
      syncer.events++
      if (syncer.sync()) atOnce++
    }
    assert.isAtMost(atOnce, 32)
  })

  it("does not mind an event now and then, such as the runtime's own", () => {
    const syncer = calm()
    let atOnce = 0
    for (let i = 0; i < 10; i++) {
      syncer.events++
      atOnce += syncer.many(1_000)
    }
    assert.isAtLeast(atOnce, almostAll(10_000) - 10)
  })

  it("syncs through the pool where the loop turns for others during every eighth sync", () => {
    const syncer = new Syncer()
    let atOnce = 0
    for (let i = 0; i < 1_000; i++) {
      atOnce += syncer.many(7)
      if (syncer.sync({ otherTurns: 1 })) atOnce++
    }
    assert.strictEqual(atOnce, 0)
  })

  it("notices that the loop has come to turn for others, though it looks only now and then", () => {
    const syncer = calm()
    assert.isAtMost(syncer.many(1_000, { otherTurns: 1 }), 64)
  })

  it("never syncs at once in a runtime that does not count the loop's turns", () => {
    const policy = new SyncPolicy(() => 0, () => undefined)
    for (let i = 0; i < 1_000; i++) {
      const begun = policy.begin(small)
      assert.isFalse(begun.isAtOnce)
      policy.end(begun)
    }
  })
})
