/** Damages copies of a closed store: each answer is the same as before, or a typed error (I15). */
import { Cause, Effect, Exit, Stream } from "effect"
import type { Entry } from "../../src/index.ts"
import { decodeFooter, footerSize } from "../../src/table/TableFormat.ts"
import { SeededRandom } from "../../src/testing/index.ts"
import type { SimulatedDisk } from "../../src/testing/index.ts"
import { flippedBit, garbage, swapped, truncation, zeroed } from "./FileDamage.ts"
import { fileKind } from "./Mishaps.ts"
import { openStore } from "./opening.ts"
import type { Damage, FileKind, PlannedOptions } from "./Plan.ts"
import type { Run } from "./Run.ts"
import { allKeys, keyBytes, sameBytes, singleKeys, valueOf } from "./Workload.ts"

const sector = 512

/** A segment ends in zeros, where there is not much to damage. */
const contentLength = (bytes: Uint8Array): number =>
  Math.min(bytes.length, bytes.findLastIndex((byte) => byte !== 0) + sector)

/** The lengths of the parts of a file that are hit alike, however short they are. */
const sectionsOf = (bytes: Uint8Array, files: FileKind): ReadonlyArray<number> => {
  const isWhole = files === "table" && bytes.length >= footerSize
  const footer = isWhole ? decodeFooter(bytes.subarray(-footerSize), bytes.length) : undefined
  if (footer === undefined || typeof footer === "string") {
    // What lies near the end of a log or a manifest tells what there was before.
    const content = contentLength(bytes)
    return [content - content / 8, content / 8]
  }
  const { dataLength, filterLength, indexLength, propertiesLength } = footer
  return [dataLength / 2, dataLength / 2, filterLength, indexLength, propertiesLength, footerSize]
}

/** The place that is hit, to a part of a byte. */
const placeOf = (bytes: Uint8Array, { at, files }: Damage): number => {
  const sections = sectionsOf(bytes, files)
  const section = Math.floor(at * sections.length)
  const begin = sections.slice(0, section).reduce((sum, length) => sum + length, 0)
  return begin + (at * sections.length - section) * (sections[section] ?? 0)
}

const damaged = (bytes: Uint8Array, damage: Damage): Uint8Array => {
  const { at, kind } = damage
  const place = placeOf(bytes, damage)
  const offset = Math.floor(place)
  switch (kind) {
    case "flipped bit":
      return offset < bytes.length ? flippedBit(offset, Math.floor(place * 8) % 8).apply(bytes) : bytes
    case "zeros":
      return zeroed(offset - offset % sector, sector).apply(bytes)
    case "truncation":
      return truncation(offset).apply(bytes)
    case "garbage": {
      const tail = new SeededRandom(offset).bytes(1 + offset % 1000)
      return garbage(bytes.length, "garbage", tail).apply(bytes)
    }
    case "swapped sectors": {
      const sectors = Math.floor(contentLength(bytes) / sector)
      const one = Math.floor(at * (sectors - 1)) * sector
      return sectors < 2 ? bytes : swapped(one, one + sector, sector).apply(bytes)
    }
  }
}

/** Writes to the store on the run's disk and closes it, so that its log holds something; the content then. */
export const writeSome = (run: Run, options: PlannedOptions, seed: number): ReadonlyArray<Entry> | undefined => {
  const program = Effect.scoped(Effect.gen(function*() {
    const store = yield* openStore(run.disk, options, yield* Effect.scope)
    for (const [at, key] of singleKeys.entries()) yield* store.put(keyBytes(key), valueOf(`damage/${at}`, 300))
    return yield* Stream.runCollect(store.scan())
  }))
  const exit = run.simulate(run.disk, program, { seed })
  if (Exit.isSuccess(exit)) return exit.value
  run.problem("I16", `the store does not open: ${Cause.pretty(exit.cause)}`)
  return undefined
}

/** What is left of the store on the run's disk if it is killed once it is open: with a log that was closed in order. */
export const openAndKill = (run: Run, options: PlannedOptions, seed: number): SimulatedDisk | undefined => {
  const disk = run.disk.killImage()
  const program = Effect.scoped(Effect.gen(function*() {
    yield* openStore(disk, options, yield* Effect.scope)
    return disk.killImage()
  }))
  const exit = run.simulate(disk, program, { seed })
  if (Exit.isSuccess(exit)) return exit.value
  run.problem("I16", `the store does not open: ${Cause.pretty(exit.cause)}`)
  return undefined
}

type Tagged = { readonly _tag: string }

const honest = new Set(["StoreCorrupted", "UnsupportedFormat", "DiskError"])

/** Damages a copy of what is left of a store that holds no more than was closed in order. */
export const checkDamage = (
  run: Run,
  left: SimulatedDisk,
  damage: Damage,
  options: PlannedOptions,
  expected: ReadonlyArray<Entry>
): void => {
  const disk = left.killImage()
  const files = disk.files().filter((file) => fileKind(file) === damage.files)
  const path = files[Math.floor(damage.file * files.length)]
  if (path === undefined) return
  disk.writeFile(path, damaged(disk.readFile(path), damage))
  const what = `${damage.kind} at ${damage.at.toFixed(4)} of ${path}`
  const known = new Map(expected.map(([key, value]) => [new TextDecoder().decode(key), value]))
  const judge = <A>(name: string, exit: Exit.Exit<A, Tagged>, isRight: (answer: A) => boolean): void => {
    if (Exit.isSuccess(exit)) {
      if (!isRight(exit.value)) run.problem("I15", `${what}: ${name} gives a wrong answer`)
      return
    }
    const errors = exit.cause.reasons.filter(Cause.isFailReason)
    if (errors.length !== exit.cause.reasons.length || !errors.every(({ error }) => honest.has(error._tag)))
      run.problem("I15", `${what}: ${name} fails with ${Cause.pretty(exit.cause)}`)
  }
  const program = Effect.scoped(Effect.gen(function*() {
    const opened = yield* Effect.exit(openStore(disk, options, yield* Effect.scope))
    judge("opening", opened, () => true)
    if (Exit.isFailure(opened)) return
    const store = opened.value
    for (const key of allKeys) {
      const value = known.get(key)
      judge(
        "get",
        yield* Effect.exit(store.get(keyBytes(key))),
        (found) => found === undefined || value === undefined ? found === value : sameBytes(found, value)
      )
    }
    for (const reverse of [false, true]) {
      const exit = yield* Effect.exit(Stream.runCollect(store.scan({ reverse })))
      judge("a scan", exit, (found) => {
        const entries = reverse ? found.reverse() : found
        return entries.length === expected.length && entries.every(([key, value], at) => {
          const other = expected[at]
          return other !== undefined && sameBytes(key, other[0]) && sameBytes(value, other[1])
        })
      })
    }
  }))
  run.simulate(disk, program, { seed: run.plan.seed })
  run.counts.add("damage", damage.kind)
  run.checked(["I15"], [])
}
