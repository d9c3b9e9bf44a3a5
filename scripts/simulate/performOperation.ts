/** Carries out one operation of a plan, and checks what can be checked on the spot. */
import { Effect, Exit, Scope, Stream } from "effect"
import type { Durability, KeyRange, LsmStore, ReadError, Snapshot, WriteError, WriteOptions } from "../../src/index.ts"
import { WriteBatch } from "../../src/index.ts"
import { SeededRandom } from "../../src/testing/index.ts"
import type { Problem } from "../../src/testing/index.ts"
import type { Operation } from "./Plan.ts"
import { bank, keyBytes, sameBytes, valueOf } from "./Workload.ts"

type Store = LsmStore["Service"]

/** What one fiber has in its hands. */
export class Hand {
  #held: { readonly scope: Scope.Closeable; readonly snapshot: Snapshot } | undefined

  snapshot(throughSnapshot: boolean | undefined): Snapshot | undefined {
    return throughSnapshot === true ? this.#held?.snapshot : undefined
  }

  take(store: Store): Effect.Effect<void, ReadError> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen({ self: this }, function*() {
        yield* this.release
        const scope = yield* Scope.make()
        const snapshot = yield* Effect.onError(
          restore(Scope.provide(store.snapshot, scope)),
          (cause) => Scope.close(scope, Exit.failCause(cause))
        )
        this.#held = { scope, snapshot }
      })
    )
  }

  get release(): Effect.Effect<void> {
    return Effect.uninterruptible(Effect.suspend(() => {
      const held = this.#held
      this.#held = undefined
      return held === undefined ? Effect.void : Scope.close(held.scope, Exit.void)
    }))
  }
}

/** What all fibers of a life share. */
export interface Stage {
  readonly store: Store
  /** The accounts are there. */
  readonly isBankOpen: boolean
  /** Counts a check of the invariant, which has found the problem, or none. */
  readonly check: (invariant: string, problem: string | undefined) => void
  readonly checked: (invariant: string, problems: ReadonlyArray<Problem>) => void
  /** A batch was acknowledged. */
  readonly committed: (sequence: number, level: Durability | undefined) => void
}

const rangeBytes = (range: { readonly [bound in keyof KeyRange]?: string }): KeyRange =>
  Object.fromEntries(Object.entries(range).map(([bound, key]) => [bound, keyBytes(key)]))

const batchOf = (records: ReadonlyArray<readonly [Uint8Array, Uint8Array | undefined]>): WriteBatch => {
  const batch = WriteBatch.make()
  for (const [key, value] of records) {
    if (value === undefined) batch.delete(key)
    else batch.put(key, value)
  }
  return batch
}

const levelOf = ({ durability }: WriteOptions): WriteOptions => ({ durability })

const transfer = (stage: Stage, operation: Extract<Operation, { readonly _tag: "Transfer" }>) =>
  // Before there is a bank there is no money to transfer.
  stage.isBankOpen
    ? Effect.asVoid(stage.store.write(bank.transfer(new SeededRandom(operation.seed)), levelOf(operation)))
    : Effect.void

const audit = (stage: Stage, snapshot: Snapshot | undefined): Effect.Effect<void, ReadError> =>
  Effect.map(bank.audit(snapshot ?? stage.store), (problems) => stage.checked("I3", problems))

const scan = (
  { store }: Stage,
  { abandonAfter, limit, pause, range, reverse }: Extract<Operation, { readonly _tag: "Scan" }>,
  snapshot: Snapshot | undefined
): Effect.Effect<void, ReadError> =>
  Effect.suspend(() => {
    const entries = store.scan({ ...rangeBytes(range), reverse, limit, snapshot })
    const taken = abandonAfter === undefined ? entries : Stream.take(entries, abandonAfter)
    return pause === undefined ? Stream.runDrain(taken) : Stream.runForEach(taken, () => Effect.sleep(pause))
  })

type Record = readonly [key: Uint8Array, value: Uint8Array | undefined]

const recordsOf = ({ records }: Extract<Operation, { readonly _tag: "Write" }>, name: string): ReadonlyArray<Record> =>
  records.map(({ key, size }, at) => [keyBytes(key), size === undefined ? undefined : valueOf(`${name}/${at}`, size)])

/** Values of fewer bytes may be those of another write. */
const tellingSize = 20

/** What a write that was refused would have written is not there (I12). */
export const checkAbsent = (stage: Stage, operation: Operation, name: string): Effect.Effect<void> => {
  const records: ReadonlyArray<Record> = operation._tag === "Put"
    ? [[keyBytes(operation.key), valueOf(name, operation.size)]]
    : operation._tag === "Write"
    ? recordsOf(operation, name)
    : []
  return Effect.forEach(
    records,
    ([key, value]) =>
      value === undefined || value.length < tellingSize ? Effect.void : Effect.map(
        Effect.exit(stage.store.get(key)),
        (exit) =>
          stage.check(
            "I12",
            Exit.isSuccess(exit) && exit.value !== undefined && sameBytes(exit.value, value)
              ? `${operation._tag} ${name} was refused, and what it wrote is there`
              : undefined
          )
      ),
    { discard: true }
  )
}

/** `name` is the operation's own: what it writes nobody else does. */
export const performOperation = (
  stage: Stage,
  hand: Hand,
  operation: Operation,
  name: string
): Effect.Effect<void, ReadError | WriteError> => {
  const { store } = stage
  const snapshot = "throughSnapshot" in operation ? hand.snapshot(operation.throughSnapshot) : undefined
  switch (operation._tag) {
    case "Put":
      return store.put(keyBytes(operation.key), valueOf(name, operation.size), levelOf(operation))
    case "Delete":
      return store.delete(keyBytes(operation.key), levelOf(operation))
    case "Burst":
      return Effect.forEach(operation.writes, (write, at) => {
        const key = keyBytes(write.key)
        return write.size === undefined
          ? store.delete(key, levelOf(write))
          : store.put(key, valueOf(`${name}/${at}`, write.size), levelOf(write))
      }, { concurrency: "unbounded", discard: true })
    case "Write":
      return Effect.map(
        store.write(batchOf(recordsOf(operation, name)), levelOf(operation)),
        ({ sequence }) => operation.records.length > 0 && stage.committed(sequence, operation.durability)
      )
    case "Transfer":
      return transfer(stage, operation)
    case "Get":
      return Effect.asVoid(store.get(keyBytes(operation.key), { snapshot }))
    case "Has":
      return Effect.asVoid(store.has(keyBytes(operation.key), { snapshot }))
    case "GetMany":
      return Effect.asVoid(store.getMany(operation.keys.map(keyBytes), { snapshot }))
    case "Watch": {
      const look = Effect.andThen(store.getMany(operation.keys.map(keyBytes)), Effect.yieldNow)
      return Effect.asVoid(Effect.repeat(look, { times: operation.turns }))
    }
    case "Scan":
      return scan(stage, operation, snapshot)
    case "Audit":
      return audit(stage, snapshot)
    case "TakeSnapshot":
      return hand.take(store)
    case "ReleaseSnapshot":
      return hand.release
    case "Sync":
      return store.sync
    case "Flush":
      return store.flush
    case "Compact":
      return operation.range === undefined ? store.compact() : store.compact(rangeBytes(operation.range))
    case "Stats":
      return Effect.asVoid(store.stats)
    case "Sleep":
      return Effect.sleep(operation.milliseconds)
  }
}
