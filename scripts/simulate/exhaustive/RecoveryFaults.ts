/**
 * Every kind of error at every disk call of a recovery: it fails with a typed
 * error or succeeds, and whatever it came to, the next one finds what one without
 * errors would have (I12, I16).
 */
import { Result } from "effect"
import type { ReadMode } from "../../../src/table/ReadPolicy.ts"
import { SimulatedDisk } from "../../../src/testing/index.ts"
import type { DiskCall, Problem } from "../../../src/testing/index.ts"
import { callInWords, describeTaken, isChange, takeImages } from "../../support/diskImages.ts"
import type { Taken } from "../../support/diskImages.ts"
import { faultKinds } from "./FaultKinds.ts"
import type { FaultKind } from "./FaultKinds.ts"
import { isExpected } from "./Faults.ts"
import { liveSession, sessions, sparing } from "./Life.ts"
import { sampler } from "./Outcome.ts"
import type { Figures, Outcome, Sample } from "./Outcome.ts"
import { reopen, runGuarded } from "./Reopened.ts"

type Left = Taken<undefined>

/** Images are taken at one change of the life in so many, so that they come from all its phases. */
const stride = 41

/** What crashes left of the life at a few moments, of each mode in turn. */
const leftOvers = (): ReadonlyArray<Left> => {
  const disk = SimulatedDisk.make()
  let changes = 0
  const isWanted = (call: DiskCall): boolean => isChange(call) && changes++ % stride === stride - 1
  const images = takeImages(disk, ["kill", "random"], isWanted, () => undefined)
  for (const session of sessions) {
    const ended = runGuarded(liveSession(sparing(disk), session, { observe: (store) => store }))
    if (Result.isFailure(ended)) throw new Error(ended.failure.message)
  }
  return images.filter((_, at) => at % 4 === 0 || at % 4 === 3)
}

const recoverFaultily = (
  left: Left,
  readMode: ReadMode,
  digest: string,
  call: DiskCall,
  kind: FaultKind,
  figures: Figures
): Outcome | undefined => {
  const plan = kind.plan(call)
  if (plan === undefined) return undefined
  const disk = left.image.killImage()
  const fault = disk.fail(plan)
  figures.recoveries += 2
  const struck = reopen(disk, { readMode, mayLeaveFiles: true })
  const problems: Array<Problem> = [...struck.problems]
  const differs = (found: string): boolean => found !== digest
  if (fault.fired === 0) problems.push({ invariant: "I12", message: "the fault did not strike" })
  if (struck.refusal === undefined) {
    if (differs(struck.digest)) problems.push({ invariant: "I16", message: "the recovery finds something else" })
  } else if (!isExpected(fault, struck.refusal)) {
    problems.push({ invariant: "I12", message: `it is refused with ${struck.refusal.message}` })
  }
  fault.heal()
  // What a kill left may be lost to a power cut before it is recovered.
  const images = left.mode === "kill" ? [disk.killImage()] : [disk.killImage(), disk.crashImage("synced")]
  for (const image of images) {
    const again = reopen(image)
    problems.push(...again.problems)
    if (differs(again.digest)) {
      problems.push({
        invariant: "I16",
        message: `opened again it answers with ${again.refusal?.message ?? "something else"}`
      })
    }
  }
  return {
    kind: `${kind.name}, in a recovery`,
    answer: struck.refusal === undefined ? "opens" : `does not open: ${struck.refusal._tag}`,
    what: `recovery from ${describeTaken(left)}: ${kind.name} at ${callInWords(call)}`,
    problems
  }
}

/** All that can go wrong while a store recovers. */
export function* recoveryFaults(sample: Sample, figures: Figures): Generator<Outcome> {
  const takes = sampler(sample)
  for (const [at, left] of leftOvers().entries()) {
    const readMode = at % 4 < 2 ? "sync" : "async"
    const undisturbed = left.image.killImage()
    const { digest, problems } = reopen(undisturbed, { readMode })
    yield { kind: "a recovery", answer: "opens", what: describeTaken(left), problems }
    for (const call of undisturbed.trace) {
      // A close can't be refused.
      if (call.operation === "close") continue
      for (const kind of faultKinds) {
        if (!takes()) continue
        const outcome = recoverFaultily(left, readMode, digest, call, kind, figures)
        if (outcome !== undefined) yield outcome
      }
    }
  }
}
