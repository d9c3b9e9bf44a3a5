/**
 * Damage to the files of a store: the same answer or a typed error, never a wrong
 * answer, a hang or a defect (I15). Every byte of every file of the smallest store
 * is damaged in every way, and every region of larger ones.
 */
import type { Problem, SimulatedDisk } from "../../../src/testing/index.ts"
import { fingerprint } from "../../support/diskImages.ts"
import { directory, filesOf } from "../../support/smallStore.ts"
import type { FileDamage } from "../FileDamage.ts"
import { fileKind } from "../Mishaps.ts"
import { contentEnd } from "./DamagedStores.ts"
import type { LeftStore, LoggedWrite } from "./DamagedStores.ts"
import { sampler } from "./Outcome.ts"
import type { Figures, Outcome, Sample } from "./Outcome.ts"
import { reopen } from "./Reopened.ts"
import type { Reopened } from "./Reopened.ts"

/** The errors that damage may be answered with. */
const honest: ReadonlySet<string> = new Set(["StoreCorrupted", "UnsupportedFormat"])

/**
 * How many of the log's writes must be there if the store is not refused. Of a
 * store that was closed in order all; otherwise those before the damage, and all
 * of them if a header that is whole says that a damaged one was durable.
 */
const writesThatStay = (log: ReadonlyArray<LoggedWrite>, file: string, damage: FileDamage): number => {
  const isHit = ({ end, segment, start }: LoggedWrite): boolean =>
    segment === file && start < damage.until && end > damage.at
  const firstHit = log.findIndex(isHit)
  if (firstHit < 0) return log.length
  let synced = -1
  let known = -1
  for (const [at, write] of log.entries()) {
    if (!isHit(write)) known = synced
    if (write.isSynced) synced = at
  }
  return firstHit <= known ? log.length : firstHit
}

const wrongAnswer = (store: LeftStore, found: Reopened, leastWrites: number): ReadonlyArray<Problem> =>
  store.digests.slice(leastWrites).includes(found.digest) ? [] : [{
    invariant: "I15",
    message: `it answers wrongly: ${found.entries.length} entries that were not there`
  }]

/** An opening that is refused takes its owner's file away again; the one of before is gone by then. */
const isStoresOwn = (path: string): boolean => fileKind(path) !== "owner"

/** Opens the store with the damaged file in the place of its own, and reads all of it. */
const openDamaged = (
  store: LeftStore,
  file: string,
  damage: FileDamage,
  damaged: Uint8Array,
  figures: Figures
): Outcome => {
  const { keys, log, options } = store
  const disk = store.disk.killImage()
  disk.writeFile(`${directory}/${file}`, damaged)
  const before = fingerprint(disk, isStoresOwn)
  let isOpen = false
  figures.recoveries++
  const found = reopen(disk, {
    keys,
    options,
    onOpen: () => {
      isOpen = true
    }
  })
  const outcome = {
    kind: `${damage.kind} in a closed store's ${fileKind(`${directory}/${file}`)}`,
    what: `${store.name}: ${damage.kind} in ${file}, ${damage.where}`
  }
  if (found.refusal === undefined) {
    const wrong = found.problems.length > 0
      ? []
      : wrongAnswer(store, found, log.length === 0 ? 0 : writesThatStay(log, file, damage))
    return {
      ...outcome,
      answer: answerOf(store, found),
      problems: [...found.problems, ...wrong, ...againProblems(disk, found, store, figures)]
    }
  }
  const { refusal } = found
  const problems = [...found.problems]
  if (!honest.has(refusal._tag)) problems.push({ invariant: "I15", message: `it is answered with ${refusal.message}` })
  if (!isOpen && fingerprint(disk, isStoresOwn) !== before) {
    problems.push({ invariant: "I15", message: `it is refused with ${refusal._tag}, and its files have changed` })
  }
  return { ...outcome, answer: refusal._tag, problems }
}

const answerOf = (store: LeftStore, found: Reopened): string =>
  found.digest === store.digests.at(-1) ? "the same" : "the log ends before the damage"

/** What was answered once is the answer from then on. */
const againProblems = (
  disk: SimulatedDisk,
  found: Reopened,
  { keys, options }: LeftStore,
  figures: Figures
): ReadonlyArray<Problem> => {
  if (found.problems.length > 0) return []
  figures.recoveries++
  const again = reopen(disk, { keys, options })
  if (again.digest === found.digest) return again.problems
  return [...again.problems, {
    invariant: "I15",
    message: `opened again it answers otherwise: ${again.refusal?.message ?? "other entries"}`
  }]
}

/** Damages of the store's files, while nobody has it open. */
export function* damagedWhileClosed(
  store: LeftStore,
  isDamaged: (file: string) => boolean,
  damagesOf: (bytes: Uint8Array, end: number) => Iterable<FileDamage>,
  sample: Sample,
  figures: Figures
): Generator<Outcome> {
  const takes = sampler(sample)
  for (const file of filesOf(store.disk)) {
    if (!isDamaged(file)) continue
    const bytes = store.disk.readFile(`${directory}/${file}`)
    for (const damage of damagesOf(bytes, contentEnd(bytes))) {
      if (!takes()) continue
      const damaged = damage.apply(bytes)
      if (Buffer.compare(damaged, bytes) !== 0) yield openDamaged(store, file, damage, damaged, figures)
    }
  }
}
