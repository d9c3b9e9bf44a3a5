/**
 * Damage to the tables of a store that is open, where it reads blocks that it does
 * not hold in memory: each read gives the same answer or fails with a typed error,
 * and once the file is whole again everything is there (I15).
 */
import { Cause, Effect, Exit, Result, Stream } from "effect"
import { Compaction } from "../../../src/index.ts"
import type { Entry, ReadError } from "../../../src/index.ts"
import type { Compression } from "../../../src/table/Compression.ts"
import { StoreReadMode } from "../../../src/table/ReadPolicy.ts"
import { SimulatedDisk } from "../../../src/testing/index.ts"
import type { Problem } from "../../../src/testing/index.ts"
import { bytesOf, directory, filesOf, openStore, padded, withStore } from "../../support/smallStore.ts"
import type { Store, TestOptions } from "../../support/smallStore.ts"
import type { FileDamage } from "../FileDamage.ts"
import { damagesOfEachRegion } from "./Damages.ts"
import { sparing } from "./Life.ts"
import { sampler } from "./Outcome.ts"
import type { Outcome, Sample } from "./Outcome.ts"
import { digestOf, handleProblems, onlyError, readAll, runGuarded } from "./Reopened.ts"

const tables = 10
const keys = Array.from({ length: 24 }, (_, at) => bytesOf(`key/${String(at).padStart(3, "0")}`))

/** Fewer files may be open than there are tables: some are opened again for a read. */
const optionsOf = (compression: Compression): TestOptions => ({
  compaction: Compaction.fifo({ maxBytes: 1_000_000 }),
  compression,
  blockSize: 512,
  blockCacheSize: 0,
  maxOpenFiles: 8
})

/** Each table has some of the keys, the same as another has among them. */
const fill = (store: Store) =>
  Effect.gen(function*() {
    for (let table = 0; table < tables; table++) {
      for (const [at, key] of keys.entries()) {
        if ((at + table) % 3 !== 0) continue
        if ((at + table) % 4 === 0) yield* store.delete(key, { durability: "buffered" })
        else yield* store.put(key, padded(`${table}/${at}`, 90), { durability: "buffered" })
      }
      yield* store.flush
    }
  })

type Read<A> = Effect.Effect<A, ReadError>

/** Makes each kind of read, and compares what comes of it with what there is. */
const readHonestly = (store: Store, entries: ReadonlyArray<Entry>, isShort: boolean) =>
  Effect.gen(function*() {
    const problems: Array<Problem> = []
    const answers = new Set<string>()
    const judge = <A>(name: string, read: Read<A>, isRight: (found: A) => boolean) =>
      Effect.map(Effect.exit(read), (exit) => {
        if (Exit.isSuccess(exit)) {
          if (!isRight(exit.value)) problems.push({ invariant: "I15", message: `${name} answers wrongly` })
          return
        }
        const error = onlyError(exit.cause)
        const isHonest = error?._tag === "StoreCorrupted" || error?._tag === "UnsupportedFormat"
          || (isShort && error?._tag === "DiskError" && error.code === "ESHORT")
        if (!isHonest) problems.push({ invariant: "I15", message: `${name} failed with ${Cause.pretty(exit.cause)}` })
        answers.add(error?._tag ?? "a defect")
      })
    const digest = digestOf(entries)
    yield* judge("a scan", Stream.runCollect(store.scan()), (found) => digestOf(found) === digest)
    yield* judge(
      "a scan in reverse",
      Stream.runCollect(store.scan({ reverse: true })),
      (found) => digestOf(found.toReversed()) === digest
    )
    const there = new Map(entries.map(([key, value]) => [Buffer.from(key).toString(), Buffer.from(value)]))
    const isRight = (at: number, value: Uint8Array | undefined): boolean => {
      const expected = there.get(Buffer.from(keys[at] ?? []).toString())
      return value === undefined ? expected === undefined : expected?.equals(value) === true
    }
    yield* judge("getMany", store.getMany(keys), (found) => found.every((value, at) => isRight(at, value)))
    for (const [at, key] of keys.entries()) {
      yield* judge("get", store.get(key), (value) => isRight(at, value))
      yield* judge("has", store.has(key), (has) => has === there.has(Buffer.from(key).toString()))
    }
    return { answer: answers.size === 0 ? "the same" : [...answers].sort().join(", "), problems }
  })

/** Damages the file, again and again, while the store is open. */
const damageOften = (
  disk: SimulatedDisk,
  store: Store,
  file: string,
  damages: ReadonlyArray<FileDamage>,
  how: string
) =>
  Effect.gen(function*() {
    const path = `${directory}/${file}`
    const whole = disk.readFile(path)
    const { digest, entries } = yield* readAll(store, keys)
    const outcomes: Array<Outcome> = []
    for (const damage of damages) {
      disk.writeFile(path, damage.apply(whole))
      const { answer, problems } = yield* readHonestly(store, entries, damage.kind === "a truncation")
      disk.writeFile(path, whole)
      const again = yield* readAll(store, keys)
      if (again.digest !== digest) {
        problems.push({ invariant: "I15", message: "what was read meanwhile changes what the whole file says" })
      }
      const what = `${how}: ${damage.kind} in ${file}, ${damage.where}`
      outcomes.push({
        kind: `${damage.kind} in an open store's table`,
        answer,
        what,
        problems: [...problems, ...again.problems]
      })
    }
    return outcomes
  })

/** Damages of tables that are stored like this and read like that. */
export function* damagedWhileOpen(
  compression: Compression,
  mode: "sync" | "async",
  sample: Sample
): Generator<Outcome> {
  const disk = SimulatedDisk.make({ delay: Effect.void })
  const options = optionsOf(compression)
  const how = `"${compression}", read by ${mode} calls`
  const filled = runGuarded(withStore(sparing(disk), fill, options))
  if (Result.isFailure(filled)) throw new Error(filled.failure.message)
  const files = filesOf(disk).filter((file) => file.endsWith(".sst"))
  const takes = sampler(sample)
  for (const file of [files[0], files.at(-1)]) {
    if (file === undefined) continue
    const whole = disk.readFile(`${directory}/${file}`)
    const damages = [...damagesOfEachRegion(whole, whole.length)].filter(takes)
    const result = runGuarded(Effect.scoped(
      Effect.flatMap(openStore(sparing(disk), options), (store) => damageOften(disk, store, file, damages, how)).pipe(
        Effect.provideService(StoreReadMode, mode)
      )
    ))
    if (Result.isSuccess(result)) yield* result.success
    const problems = Result.isSuccess(result) ? handleProblems(disk) : [result.failure]
    yield { kind: "closing after damage", answer: "closed", what: `${how}: ${file}`, problems }
  }
}
