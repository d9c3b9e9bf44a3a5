import { assert, describe, it } from "@effect/vitest"
import { ReadPolicy } from "../../src/table/ReadPolicy.ts"

const never = (): number => {
  throw new Error("the clock was read")
}

describe("ReadPolicy", () => {
  it("always reads at once when synchronous, and looks at no clock", () => {
    const policy = new ReadPolicy("sync", never)
    for (let i = 0; i < 3; i++) {
      assert.isTrue(policy.decide())
      assert.strictEqual(policy.run(() => i), i)
    }
    assert.isTrue(policy.synchronousBulk)
  })

  it("never reads at once when asynchronous", () => {
    const policy = new ReadPolicy("async", never)
    for (let i = 0; i < 3; i++) assert.isFalse(policy.decide())
    assert.isFalse(policy.synchronousBulk)
  })

  it("goes on reading at once while reads are quick", () => {
    let now = 0
    const policy = new ReadPolicy("adaptive", () => now)
    for (let i = 0; i < 1000; i++) {
      assert.isTrue(policy.decide())
      policy.run(() => now += 0.002)
    }
  })

  it("turns to asynchronous reads after a slow one, and tries again in the end", () => {
    let now = 0
    const policy = new ReadPolicy("adaptive", () => now)
    for (let round = 0; round < 3; round++) {
      assert.isTrue(policy.decide())
      policy.run(() => now += 5)
      let asynchronous = 0
      while (!policy.decide()) asynchronous++
      assert.isAbove(asynchronous, 10)
      policy.run(() => now += 0.002)
    }
  })
})
