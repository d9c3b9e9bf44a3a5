import { assert, describe, it } from "@effect/vitest"
import { HistoryCheck } from "../../src/testing/history/HistoryCheck.ts"
import { Story } from "./Story.ts"

const sound: ReadonlyArray<string> = []

describe("A read of one key", () => {
  it("I1: shows what was acknowledged before it began", () => {
    const story = new Story()
    story.write({ a: "1" })
    story.read("get", { a: "1" })
    story.write({ a: null })
    story.read("get", { a: null })
    assert.deepStrictEqual(story.broken, sound)
  })

  it("I1: may not show what was overwritten before it began", () => {
    const story = new Story()
    story.write({ a: "1" })
    story.write({ a: "2" })
    story.read("get", { a: "1" })
    assert.deepStrictEqual(story.broken, ["I1"])
  })

  it("I1: may show either while a write is under way, but not the older one after the newer", () => {
    const story = new Story({ a: "1" })
    const write = story.begin({ a: "2" })
    story.read("get", { a: "1" })
    story.read("get", { a: "2" })
    assert.deepStrictEqual(story.broken, sound)
    story.read("get", { a: "1" })
    story.end(write)
    assert.deepStrictEqual(story.broken, ["I1"])
  })

  it("I1: may not show what nobody wrote, or what began later", () => {
    const story = new Story()
    story.read("get", { a: "1" })
    assert.deepStrictEqual(story.broken, ["I1"])
    story.write({ a: "1" })
    assert.deepStrictEqual(story.broken, ["I1"])
  })

  it("I1: may show a write of unknown outcome at any later time, once, or never", () => {
    const story = new Story({ a: "1" })
    story.end(story.begin({ a: "2" }), "unknown")
    story.read("get", { a: "1" })
    assert.deepStrictEqual(story.broken, sound)
    story.write({ a: "3" })
    story.read("get", { a: "2" })
    assert.deepStrictEqual(story.broken, sound)
    story.write({ a: "4" })
    story.read("get", { a: "2" })
    assert.deepStrictEqual(story.broken, ["I1"])
  })

  it("I1: may not show a write that was refused", () => {
    const story = new Story()
    story.end(story.begin({ a: "1" }), "refused")
    story.read("get", { a: "1" })
    assert.deepStrictEqual(story.broken, ["I1"])
  })

  it("I12: shows a write that failed only once the store was opened again", () => {
    const story = new Story()
    story.log.opened()
    story.end(story.begin({ a: "1" }), "failed")
    story.read("get", { a: null })
    story.log.opened()
    story.read("get", { a: "1" })
    assert.deepStrictEqual(story.broken, sound)

    const other = new Story()
    other.log.opened()
    other.end(other.begin({ a: "1" }), "failed")
    other.read("get", { a: "1" })
    assert.deepStrictEqual(other.broken, ["I1"])
  })

  it("I1: by has shows whether there is a value", () => {
    const story = new Story({ a: "1" })
    story.has("a", true)
    story.has("b", false)
    assert.deepStrictEqual(story.broken, sound)
    story.has("a", false)
    story.has("b", true)
    assert.deepStrictEqual(story.broken, ["I1", "I1"])
  })

  it("I1: of a value that was written twice is of either write", () => {
    const story = new Story()
    story.write({ a: "1" })
    story.write({ a: "2" })
    story.write({ a: "1" })
    story.read("get", { a: "1" })
    assert.deepStrictEqual(story.broken, sound)
    story.read("get", { a: "2" })
    assert.deepStrictEqual(story.broken, ["I1"])
  })
})

describe("A read of several keys", () => {
  it("I3: may not show a batch in part", () => {
    const story = new Story()
    story.begin({ a: "1", b: "1" })
    story.read("getMany", { a: "1", b: null })
    assert.deepStrictEqual(story.broken, ["I3"])
  })

  it("I3: may not show one key of one batch and the other of another, in whichever order they came", () => {
    const story = new Story()
    const one = story.begin({ a: "1", b: "1" })
    const other = story.begin({ a: "2", b: "2" })
    story.end(one)
    story.end(other)
    story.read("getMany", { a: "1", b: "2" })
    assert.deepStrictEqual(story.broken, ["I3"])
  })

  it("I8: by a scan shows every key that must be there", () => {
    const story = new Story({ a: "1" })
    story.write({ b: "1" })
    story.scan({ a: "1", b: "1" })
    assert.deepStrictEqual(story.broken, sound)
    story.scan({ a: "1" })
    assert.deepStrictEqual(story.broken, ["I8"])
  })

  it("I8: says nothing of keys that a scan has not come to", () => {
    const story = new Story({ a: "1", b: "1", c: "1" })
    story.scan({ a: "1" }, { lte: "a" })
    story.scan({ c: "1" }, { gt: "b" })
    story.scan({ b: "1" }, { prefix: "b" })
    assert.deepStrictEqual(story.broken, sound)
    story.scan({ c: "1" }, { gte: "b" })
    assert.deepStrictEqual(story.broken, ["I8"])
  })

  it("I8: lies at one moment, though each key by itself may be as it was found", () => {
    const story = new Story({ a: "1", b: "1" })
    const first = story.begin({ a: "2" })
    story.end(first)
    const second = story.begin({ b: "2" })
    // Whoever sees the second must see the first.
    const begun = 0
    story.log.saw("scan", begun, { found: new Map([["a", "1"], ["b", "2"]]), covered: {} }, undefined)
    story.end(second)
    assert.deepStrictEqual(story.broken, ["I8"])
  })

  it("I3: agrees with another one on the order of writes that were under way at once", () => {
    const story = new Story({ a: "1", b: "1" })
    story.begin({ a: "2" })
    story.begin({ b: "2" })
    story.read("getMany", { a: "2", b: "1" })
    assert.deepStrictEqual(story.broken, sound)
    story.log.saw("getMany", 0, { found: new Map([["a", "1"], ["b", "2"]]), covered: undefined }, undefined)
    assert.deepStrictEqual(story.broken, ["I3"])
  })

  it("I1: a key that shows a write later than another's acknowledgement is not followed by one that lacks that", () => {
    const story = new Story()
    const first = story.begin({ a: "1" })
    story.read("get", { a: "1" })
    story.begin({ b: "1" })
    story.read("get", { b: "1" })
    assert.deepStrictEqual(story.broken, sound)
    story.read("get", { a: null })
    story.end(first, "unknown")
    assert.deepStrictEqual(story.broken, ["I1"])
  })
})

/** A snapshot between two writes of a key that were under way with it. */
const snapshotBetween = () => {
  const story = new Story()
  const early = story.begin({ a: "1" })
  const late = story.begin({ a: "2" })
  const snapshot = story.snapshot(5)
  story.end(early, "acknowledged", 5)
  story.end(late, "acknowledged", 6)
  return { snapshot, story }
}

describe("A snapshot", () => {
  it("I8: has all writes up to its sequence, and no other", () => {
    const { snapshot, story } = snapshotBetween()
    story.through(snapshot, { a: "1" })
    assert.deepStrictEqual(story.broken, sound)
  })

  it.each([["lacks an earlier write", null], ["has a later write", "2"]] as const)(
    "I8: that %s is wrong",
    (_, value) => {
      const { snapshot, story } = snapshotBetween()
      story.through(snapshot, { a: value })
      assert.deepStrictEqual(story.broken, ["I8"])
    }
  )

  it("I8: may not change its answer", () => {
    const story = new Story()
    const write = story.begin({ a: "1" })
    const snapshot = story.snapshot(5)
    story.end(write)
    story.through(snapshot, { a: null })
    assert.deepStrictEqual(story.broken, sound)
    story.through(snapshot, { a: "1" })
    assert.include(story.broken, "I8")
  })

  it("I3: may not lie within a batch", () => {
    const story = new Story()
    story.write({ a: "1", b: "1", c: "1" }, { sequence: 3 })
    story.snapshot(3)
    assert.deepStrictEqual(story.broken, sound)
    const other = new Story()
    const write = other.begin({ a: "1", b: "1", c: "1" })
    other.snapshot(2)
    other.end(write, "acknowledged", 3)
    assert.deepStrictEqual(other.broken, ["I3"])
  })
})

describe("Sequences", () => {
  it("I3: rise with time", () => {
    const story = new Story()
    story.write({ a: "1" }, { sequence: 1 })
    story.write({ a: "2", b: "2" }, { sequence: 3 })
    assert.deepStrictEqual(story.broken, sound)
    story.write({ a: "3" }, { sequence: 1_000 })
    story.write({ b: "3" }, { sequence: 500 })
    assert.deepStrictEqual(story.broken, ["I3"])
  })

  it("I3: are given once", () => {
    const story = new Story()
    const one = story.begin({ a: "1", b: "1" })
    const other = story.begin({ a: "2", b: "2" })
    story.end(one, "acknowledged", 2)
    story.end(other, "acknowledged", 3)
    assert.deepStrictEqual(story.broken, ["I3"])
  })

  it("I3: never go back where somebody looks at them", () => {
    const story = new Story()
    story.read("stats", {}, 7)
    story.read("stats", {}, 7)
    assert.deepStrictEqual(story.broken, sound)
    story.read("stats", {}, 6)
    assert.deepStrictEqual(story.broken, ["I3"])
  })
})

describe("The content after an end of the store", () => {
  const levels = ["sync", "buffered", "async"] as const
  const mayBeLost = {
    "power cut": { sync: false, buffered: true, async: true },
    "kill": { sync: false, buffered: false, async: true },
    "close": { sync: false, buffered: false, async: false }
  }
  for (const end of ["power cut", "kill", "close"] as const) {
    it.each(levels)(`I5: after a ${end} has what was acknowledged at "%s", or may lack it`, (level) => {
      const story = new Story()
      story.write({ a: "1" }, { level })
      assert.deepStrictEqual(story.after({ a: "1" }, end), sound)
      assert.deepStrictEqual(story.after({}, end), mayBeLost[end][level] ? sound : ["I5"])
    })

    it.each(levels)(`I5: after a ${end} has what was seen at "%s", or may lack it`, (level) => {
      const story = new Story()
      story.begin({ a: "1" }, { level })
      story.read("get", { a: "1" })
      assert.deepStrictEqual(story.after({ a: "1" }, end), sound)
      assert.deepStrictEqual(story.after({}, end), mayBeLost[end][level] ? sound : ["I5"])
    })
  }

  it("I5: has what a sync that succeeded was after", () => {
    const story = new Story()
    story.write({ a: "1" }, { level: "async" })
    const before = story.log.now
    story.sync()
    story.write({ b: "1" }, { level: "async" })
    assert.deepStrictEqual(story.after({ a: "1" }, "power cut"), sound)
    assert.deepStrictEqual(story.after({}, "power cut"), ["I5"])
    assert.deepStrictEqual(story.after({}, "power cut", before), sound)
  })

  it("I4: has no write without those before it", () => {
    const story = new Story()
    story.write({ a: "1" }, { level: "async" })
    story.write({ b: "1" }, { level: "async" })
    assert.deepStrictEqual(story.after({}, "power cut"), sound)
    assert.deepStrictEqual(story.after({ a: "1" }, "power cut"), sound)
    assert.deepStrictEqual(story.after({ b: "1" }, "power cut"), ["I4"])
  })

  it("I4: has no write without those of a lower sequence, though they were under way at once", () => {
    const story = new Story()
    const one = story.begin({ a: "1" }, { level: "async" })
    const other = story.begin({ b: "1" }, { level: "async" })
    story.end(one, "acknowledged", 2)
    story.end(other, "acknowledged", 1)
    assert.deepStrictEqual(story.after({ b: "1" }, "power cut"), sound)
    assert.deepStrictEqual(story.after({ a: "1" }, "power cut"), ["I4"])
  })

  it("I4: has a batch whole or not at all", () => {
    const story = new Story({ a: "0", b: "0" })
    story.begin({ a: "1", b: "1", c: "1" })
    assert.deepStrictEqual(story.after({ a: "0", b: "0" }, "kill"), sound)
    assert.deepStrictEqual(story.after({ a: "1", b: "1", c: "1" }, "kill"), sound)
    assert.deepStrictEqual(story.after({ a: "1", b: "0", c: "1" }, "kill"), ["I4"])
    assert.deepStrictEqual(story.after({ a: "1", b: "1" }, "kill"), ["I4"])
  })

  it("I4: has nothing that nobody wrote, or that had not begun", () => {
    const story = new Story()
    const before = story.log.now
    story.write({ a: "1" })
    assert.deepStrictEqual(story.after({ a: "1", b: "1" }, "kill"), ["I4"])
    assert.deepStrictEqual(story.after({}, "kill", before), sound)
    assert.deepStrictEqual(story.after({ a: "1" }, "kill", before), ["I4"])
  })

  it("I4: has a deleted key no more, if it has what came after", () => {
    const story = new Story({ a: "1" })
    story.write({ a: null }, { level: "async" })
    story.write({ b: "1" }, { level: "async" })
    assert.deepStrictEqual(story.after({ a: "1" }, "power cut"), sound)
    assert.deepStrictEqual(story.after({ b: "1" }, "power cut"), sound)
    assert.deepStrictEqual(story.after({ a: "1", b: "1" }, "power cut"), ["I4"])
  })

  it("I5: need not have a write that was acknowledged after the end", () => {
    const story = new Story()
    const write = story.begin({ a: "1" })
    const before = story.log.now
    story.end(write)
    assert.deepStrictEqual(story.after({}, "power cut", before), sound)
    assert.deepStrictEqual(story.after({ a: "1" }, "power cut", before), sound)
    assert.deepStrictEqual(story.after({}, "power cut"), ["I5"])
  })

  it("I12: has what failed whole, or not at all", () => {
    const story = new Story()
    story.end(story.begin({ a: "1", b: "1" }), "failed")
    story.scan({})
    assert.deepStrictEqual(story.after({}, "kill"), sound)
    assert.deepStrictEqual(story.after({ a: "1", b: "1" }, "kill"), sound)
    assert.deepStrictEqual(story.after({ b: "1" }, "kill"), ["I4"])
  })

  it("is checked by the order of calls alone after answers that were wrong", () => {
    const story = new Story()
    story.write({ a: "1" })
    story.begin({ a: "2", b: "2" })
    story.begin({ a: "3", b: "3" })
    story.read("getMany", { a: "2", b: "3" })
    story.read("getMany", { a: "3", b: "2" })
    assert.isNotEmpty(story.broken)
    assert.deepStrictEqual(story.after({ a: "2", b: "2" }, "kill"), sound)
    assert.deepStrictEqual(story.after({}, "kill"), ["I5"])
  })
})

describe("A problem", () => {
  it("tells who wrote what, and why it can't be so", () => {
    const story = new Story()
    story.write({ a: "1" })
    story.write({ "b\n": "1" })
    const [problem] = new HistoryCheck(story.log).contentProblems(new Map([["b\n", "1"]]), story.log.now, "power cut")
    assert.deepStrictEqual(problem, {
      invariant: "I5",
      message: `the recovered content shows no value for "a", though write 1 of "a" came later; write 1 of "a" was `
        + `acknowledged at "sync"`
    })
  })
})
