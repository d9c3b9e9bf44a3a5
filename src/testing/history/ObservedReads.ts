/** The reads of a store and of its snapshots, each taken down with what it found once it has succeeded. */
import { Effect, Stream } from "effect"
import type { Scope } from "effect"
import type { LsmStore } from "../../LsmStore.ts"
import type { Entry, ScanOptions, Snapshot } from "../../Snapshot.ts"
import type { ReadError } from "../../StoreError.ts"
import { absent, anyValue, findingOf, isKey, keyOf, shownKey } from "./Content.ts"
import type { Finding, Key } from "./Content.ts"
import type { HistoryLog, ReadName, Report } from "./HistoryLog.ts"
import { ObservedScan } from "./ObservedScan.ts"

type Store = LsmStore["Service"]

export type StoreReads = Pick<Store, "get" | "getMany" | "has" | "scan" | "snapshot">

/** A read of keys by name. */
const point = <A>(
  log: HistoryLog,
  name: ReadName,
  keys: ReadonlyArray<Uint8Array>,
  read: Effect.Effect<A, ReadError>,
  findings: (answer: A) => ReadonlyArray<Finding>,
  reportTo: (name: ReadName) => Report
): Effect.Effect<A, ReadError> =>
  Effect.suspend(() => {
    // What is no key is refused, and shows nothing.
    if (!Array.isArray(keys) || !keys.every(isKey)) return read
    const names = keys.map(keyOf)
    const begun = log.tick()
    return Effect.map(read, (answer) => {
      const found = new Map<Key, Finding>()
      const answers = findings(answer)
      for (const [at, key] of names.entries()) {
        const finding = answers[at] ?? absent
        const before = found.get(key)
        if (before !== undefined && before !== finding) {
          log.problems.push({ invariant: "I3", message: `${name} gave ${before} and ${finding} for ${shownKey(key)}` })
        }
        found.set(key, finding)
      }
      reportTo(name)(begun, { found, covered: undefined })
      return answer
    })
  })

const scanned = (
  log: HistoryLog,
  options: ScanOptions | undefined,
  scan: Stream.Stream<Entry, ReadError>,
  reportTo: (name: ReadName) => Report
): Stream.Stream<Entry, ReadError> =>
  Stream.suspend(() => {
    const observed = new ObservedScan(log, reportTo("scan"), options)
    return Stream.transformPull(scan, (pull) =>
      Effect.succeed(Effect.onExit(pull, (exit) => {
        observed.pulled(exit)
        return Effect.void
      })))
  })

const observedSnapshot = (log: HistoryLog, inner: Snapshot, begun: number): Snapshot => {
  const observation = log.open("snapshot", begun, inner.sequence)
  const reportTo = (): Report => (_begun, part) => log.sawMore(observation, part)
  const snapshot: Snapshot = {
    sequence: inner.sequence,
    get: (key) => point(log, "get", [key], inner.get(key), (value) => [findingOf(value)], reportTo),
    has: (key) => point(log, "has", [key], inner.has(key), (isThere) => [isThere ? anyValue : absent], reportTo),
    getMany: (keys) => point(log, "getMany", keys, inner.getMany(keys), (values) => values.map(findingOf), reportTo),
    scan: (options) => scanned(log, options, inner.scan(options), reportTo)
  }
  log.snapshots.set(snapshot, { inner, observation })
  return snapshot
}

export const observedReads = (store: Store, log: HistoryLog): StoreReads => {
  /** The options as the store knows them: its snapshot is behind the one that this history gave out. */
  const inward = <O extends { readonly snapshot?: Snapshot | undefined }>(options: O | undefined): O | undefined => {
    const known = options?.snapshot === undefined ? undefined : log.snapshots.get(options.snapshot)
    return options === undefined || known === undefined ? options : { ...options, snapshot: known.inner }
  }
  const reportAt = (at: Snapshot | undefined) => (name: ReadName): Report => {
    if (at === undefined) return (begun, part) => log.saw(name, begun, part, undefined)
    const known = log.snapshots.get(at)
    return known === undefined
      // Of a snapshot that was taken elsewhere only the sequence is known.
      ? (_begun, part) => log.saw(name, 0, part, at.sequence)
      : (_begun, part) => log.sawMore(known.observation, part)
  }
  const snapshot: Effect.Effect<Snapshot, ReadError, Scope.Scope> = Effect.suspend(() => {
    const begun = log.tick()
    return Effect.map(store.snapshot, (inner) => observedSnapshot(log, inner, begun))
  })
  return {
    get: (key, options) =>
      point(
        log,
        "get",
        [key],
        store.get(key, inward(options)),
        (value) => [findingOf(value)],
        reportAt(options?.snapshot)
      ),
    has: (key, options) =>
      point(
        log,
        "has",
        [key],
        store.has(key, inward(options)),
        (isThere) => [isThere ? anyValue : absent],
        reportAt(options?.snapshot)
      ),
    getMany: (keys, options) =>
      point(
        log,
        "getMany",
        keys,
        store.getMany(keys, inward(options)),
        (values) => values.map(findingOf),
        reportAt(options?.snapshot)
      ),
    scan: (options) => scanned(log, options, store.scan(inward(options)), reportAt(options?.snapshot)),
    snapshot
  }
}
