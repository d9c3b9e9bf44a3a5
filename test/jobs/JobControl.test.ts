/** Who has a job: the loop or the worker; when a worker rests between two stretches of work, and for how long. */
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { JobControl } from "../../src/jobs/JobControl.ts"

/** Milliseconds for which a worker that has worked for long rests now; none if it does not. */
const restsOf = ({ memory }: JobControl, evenUnasked: boolean): ReadonlyArray<unknown> => {
  const wait = vi.spyOn(Atomics, "wait").mockReturnValue("timed-out")
  new JobControl(memory).rest(evenUnasked)
  const rests = wait.mock.calls.map((call) => call[3])
  wait.mockRestore()
  return rests
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe("JobControl", () => {
  it("lets no worker begin a job that has been withdrawn, and no loop withdraw one that has been begun", () => {
    const loop = new JobControl()
    const worker = new JobControl(loop.memory)
    const first = loop.offer()
    assert.deepStrictEqual([loop.withdraw(), loop.withdraw(), worker.begin(first)], [true, true, false])
    const second = loop.offer()
    assert.deepStrictEqual([worker.begin(second), loop.withdraw()], [true, false])
  })

  it("does not take a job of which the message comes late for the one that followed", () => {
    const loop = new JobControl()
    const worker = new JobControl(loop.memory)
    const late = loop.offer()
    assert.isTrue(loop.withdraw())
    const next = loop.offer()
    assert.deepStrictEqual([worker.begin(late), loop.withdraw(), worker.begin(next)], [false, true, false])
  })

  it("lets a merge rest for a moment unasked, and a flush not at all", () => {
    const control = new JobControl()
    assert.deepStrictEqual([restsOf(control, true), restsOf(control, false)], [[0.05], []])
  })

  it("lets both rest for as long as the loop asks", () => {
    const control = new JobControl()
    control.restFor(3)
    assert.deepStrictEqual([restsOf(control, true), restsOf(control, false)], [[3], [3]])
    control.restFor(0)
    assert.deepStrictEqual([restsOf(control, true), restsOf(control, false)], [[0.05], []])
  })

  it("lets neither rest while the loop is idle", () => {
    const control = new JobControl()
    control.restFor(3)
    control.idle(true)
    assert.deepStrictEqual([restsOf(control, true), restsOf(control, false)], [[], []])
  })
})
