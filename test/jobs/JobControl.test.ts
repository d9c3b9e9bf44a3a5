/** When a worker rests between two stretches of work, and for how long. */
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
