/** What a checker tells: a checker returns problems, and never throws. */

/** Something that a store must not do, and did. */
export interface Problem {
  /** The invariant that is broken, for example `"I5"`: see the names in the store's design. */
  readonly invariant: string
  /** What was seen, and what it contradicts. */
  readonly message: string
}
