/**
 * The process that is killed, or ends itself: opens the store, writes from many
 * fibers while tables are flushed and merged, and at last closes the store under
 * the writers' hands. It reports an acknowledgement once it has it, and before its
 * fiber writes anything else.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Context, Deferred, Effect, Exit, Layer, Logger, Schema, Scope } from "effect"
import { writeSync } from "node:fs"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { LsmStore, WriteBatch } from "../../src/index.ts"
import type { KeyRange, WriteError } from "../../src/index.ts"
import { isLostWithWorker } from "../../src/jobs/Jobs.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"
import { openAckLog } from "../support/AckLog.ts"
import { ownEnd } from "./endings.ts"
import { PlanArgument } from "./Plan.ts"
import type { Phase, Plan } from "./Plan.ts"
import { reportedJobs } from "./reportedJobs.ts"
import { strategies } from "./strategies.ts"
import { makeValue, operation, wideKeys } from "./Workload.ts"

type Store = LsmStore["Service"]

const text = new TextEncoder()

const perform = (store: Store, plan: Plan, fiber: number, count: number): Effect.Effect<unknown, WriteError> => {
  const { level: durability, writes } = operation(plan, fiber, count)
  const valueAt = (place: number, length: number) =>
    makeValue({ incarnation: plan.incarnation, fiber, count, place }, length)
  const [only, second] = writes
  if (only !== undefined && second === undefined) {
    const key = text.encode(only.key)
    return only.length === undefined
      ? store.delete(key, { durability })
      : store.put(key, valueAt(0, only.length), { durability })
  }
  const batch = WriteBatch.make()
  for (const [place, { key, length }] of writes.entries()) {
    if (length === undefined) batch.delete(text.encode(key))
    else batch.put(text.encode(key), valueAt(place, length))
  }
  return store.write(batch, { durability })
}

/** Some of the keys that are written. */
const rangeOf = (random: SeededRandom): KeyRange => {
  const wide = () => text.encode(`wide/${random.int(wideKeys)}`)
  return random.pick([{ prefix: text.encode("hot/") }, { prefix: text.encode("own/") }, { gte: wide(), lt: wide() }])
}

/** One whose worker threads died again and again is the caller's to ask for once more, and changed nothing. */
const compact = (store: Store, range: KeyRange): Effect.Effect<void, WriteError> =>
  Effect.catchTag(
    store.compact(range),
    "DiskError",
    (error) => isLostWithWorker(error) ? Effect.void : Effect.fail(error)
  )

const maintain = (store: Store, plan: Plan) =>
  Effect.gen(function*() {
    const random = new SeededRandom(plan.seed + plan.incarnation)
    for (;;) {
      yield* Effect.sleep(random.int(80))
      yield* random.bool(0.6) ? store.flush : compact(store, random.bool(0.4) ? {} : rangeOf(random))
    }
  })

/** The work is over when the store is closed, or is refused because another has taken it. */
const untilRefused = <E extends WriteError>(plan: Plan, work: Effect.Effect<unknown, E>) =>
  Effect.catchIf(
    work,
    ({ _tag }) =>
      _tag === "StoreClosed" || (plan.takeover === "first" && (_tag === "StoreReadOnly" || _tag === "StoreFenced")),
    () => Effect.void
  )

const run = Effect.fnUntraced(function*(plan: Plan) {
  const report = openAckLog(plan.acks)
  const reportJob = openAckLog(plan.jobs)
  const end = ownEnd(plan.end)
  let isArmed = false
  const enter = (phase: Phase): void => {
    writeSync(1, `${phase}\n`)
    if (phase !== plan.end.phase || isArmed) return
    isArmed = true
    end.arm()
  }
  const isEnough = yield* Deferred.make<void>()
  const counts = new Uint32Array(plan.fibers)
  let acknowledged = 0

  const writeNext = (store: Store, fiber: number): Effect.Effect<void, WriteError> =>
    Effect.suspend(() => {
      const count = counts[fiber] ?? 0
      return Effect.map(perform(store, plan, fiber, count), () => {
        counts[fiber] = count + 1
        report(fiber)
        if (++acknowledged === plan.closeAfter) Deferred.doneUnsafe(isEnough, Exit.void)
        end.afterAcknowledgement()
      })
    })

  /** From its opening to its closing. */
  const live = Effect.fnUntraced(function*<E, R>(use: (store: Store) => Effect.Effect<unknown, E, R>) {
    enter("opening")
    const scope = yield* Scope.make()
    const { compression, directory, maxImmutables, memtableSize } = plan
    const compaction = strategies[plan.compaction]
    const layer = LsmStore.layer({ directory, maxImmutables, memtableSize, compression, compaction }).pipe(
      Layer.provide(reportedJobs(plan, reportJob)),
      Layer.provide(NodeDisk.layer)
    )
    const store = Context.get(yield* Layer.buildWithScope(Layer.fresh(layer), scope), LsmStore)
    enter("writing")
    yield* use(store)
    enter("closing")
    yield* Scope.close(scope, Exit.void)
  })

  // A SIGTERM is to end it as it ends a process that says nothing about signals.
  process.removeAllListeners("SIGTERM")
  const fibers = Array.from({ length: plan.fibers }, (_, fiber) => fiber)
  for (let life = 0; life < plan.shortLives; life++) {
    yield* live((store) =>
      Effect.forEach(fibers, (fiber) => writeNext(store, fiber), { concurrency: "unbounded", discard: true })
    )
  }
  if (plan.shortLives === 0) {
    const working = yield* Deferred.make<void, WriteError>()
    yield* live((store) =>
      Effect.gen(function*() {
        const work = [maintain(store, plan), ...fibers.map((fiber) => Effect.forever(writeNext(store, fiber)))]
        yield* Effect.forkChild(
          Deferred.into(
            Effect.forEach(work, (each) => untilRefused(plan, each), { concurrency: "unbounded", discard: true }),
            working
          )
        )
        yield* Effect.raceFirst(Deferred.await(isEnough), Deferred.await(working))
      })
    )
    // It is closed under the hands of those who write.
    yield* Deferred.await(working)
  }
  enter("closed")
})

/** A warning is a line that the parent does not expect, unless the plan has made the store warn. */
const withWarnings = (plan: Plan) =>
  plan.threadDiesOnceIn === 0 && plan.takeover === "none" ? run(plan) : Effect.provide(run(plan), quiet)
const quiet = Logger.layer([Logger.withConsoleError(Logger.formatSimple)])

NodeRuntime.runMain(
  Effect.flatMap(Schema.decodeUnknownEffect(PlanArgument)(process.argv[2]), withWarnings)
)
