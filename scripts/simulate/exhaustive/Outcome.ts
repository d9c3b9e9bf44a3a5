/** What an exhaustive run is made of: cases, and what each came to. */
import type { Problem } from "../../../src/testing/index.ts"

export interface Outcome {
  /** What was done to the store, in few words: cases are counted by it. */
  readonly kind: string
  /** What it came to, in few words. */
  readonly answer: string
  /** Which case it was, so that it can be found again. */
  readonly what: string
  /** What was wrong; nothing, as it should be. */
  readonly problems: ReadonlyArray<Problem>
}

/** Which of the cases are taken: each one unless told, or every n-th in a short form. */
export interface Sample {
  readonly every: number
  /** Of the first `every` cases the first that is taken. */
  readonly from: number
}

export const everything: Sample = { every: 1, from: 0 }

/** Whether the next case is to be taken. */
export const sampler = ({ every, from }: Sample): () => boolean => {
  let count = 0
  return () => count++ % every === from
}

/** What was done in all. */
export class Figures {
  /** Disks after a crash, equal ones among them. */
  images = 0
  /** Openings of a store that was not new. */
  recoveries = 0
  /** Runs of a whole workload. */
  lives = 0
}
