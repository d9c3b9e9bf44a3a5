/** A bug of the engine as data: what it is, what it breaks, and the edits of the source that make it. */

/** The ways to get a log-structured engine wrong that others went: for each there is a mutant. */
export const knownWays = [
  "installing the new memtable before the old one is findable",
  "a frozen memtable that answers \"not found\"",
  "acknowledging in segment n+1 while n is unsynced",
  "deleting the segment before the manifest is durable",
  "forgetting to sync the directory",
  "log and memtable in different orders for the same key",
  "retrying fsync after it failed",
  "a background writer that dies unnoticed while appends go on succeeding",
  "treating a null value as \"look further down\""
] as const

export const invariants = [
  "I1",
  "I2",
  "I3",
  "I4",
  "I5",
  "I6",
  "I7",
  "I8",
  "I9",
  "I10",
  "I11",
  "I12",
  "I13",
  "I14",
  "I15",
  "I16",
  "I26"
] as const
export type Invariant = typeof invariants[number]

/** One change of a source file. */
export interface Edit {
  /** From the root of the package. */
  readonly file: string
  /** What is replaced: it occurs once in the file. */
  readonly find: string
  readonly replace: string
}

export interface Mutant {
  readonly name: string
  /** What is wrong, in a sentence. */
  readonly bug: string
  readonly knownWay?: typeof knownWays[number]
  /** The invariants that it breaks, the first one foremost. */
  readonly breaks: readonly [Invariant, ...ReadonlyArray<Invariant>]
  /** Under which other invariants the simulation may tell of it. */
  readonly shownAs?: ReadonlyArray<Invariant>
  /** The seeds of which one must show it: the first and the last. What is found late begins late, to be found in time. */
  readonly seeds: readonly [first: number, last: number]
  readonly edits: readonly [Edit, ...ReadonlyArray<Edit>]
}

/** How often `part` occurs in `text`. */
export const occurrences = (text: string, part: string): number => text.split(part).length - 1

/** The file's text with those of the edits that are about it. */
export const mutated = (text: string, file: string, edits: ReadonlyArray<Edit>): string =>
  edits.filter((edit) => edit.file === file).reduce((changed, { find, replace }) => {
    if (occurrences(changed, find) !== 1) throw new Error(`what is to be replaced occurs not once in ${file}: ${find}`)
    return changed.replace(find, () => replace)
  }, text)
