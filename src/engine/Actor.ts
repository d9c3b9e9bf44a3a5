/**
 * The one shape of everything in the background: a typed mailbox, one supervised
 * fiber, a visible state and a restart policy.
 *
 * A message leaves the mailbox only when its handler has succeeded: after a
 * failure or a defect it is handled again, so handlers are idempotent. Failures
 * restart the handler after a growing delay; an actor without a policy stops the
 * store's writes instead (I12): that message and all later ones are handled with
 * writes stopped, so that nobody waits for an answer.
 */
import { Cause, Duration, Effect, Exit, Queue } from "effect"
import type { Scope } from "effect"
import { StoreFenced } from "../StoreError.ts"
import type { ActorState } from "../StoreStats.ts"
import { StoreActorHook } from "./ActorHook.ts"
import type { EngineStateShape } from "./EngineState.ts"

/** Delays before restarts: 10 ms, doubled each time up to 5 s. */
const restartDelay = (failures: number): number => Math.min(5_000, 10 * 2 ** Math.min(failures - 1, 20))

export interface Actor<in Message> {
  /** Puts a message into the mailbox. */
  readonly tell: (message: Message) => void
}

/** Runs an actor for the scope. `handle` runs one message at a time and may be interrupted when the scope closes. */
export const makeActor = <Message, E>(
  engine: EngineStateShape,
  name: string,
  options: { readonly restart: boolean },
  handle: (message: Message) => Effect.Effect<void, E>
): Effect.Effect<Actor<Message>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const mailbox = yield* Queue.unbounded<Message>()
    const hook = yield* StoreActorHook
    let state: ActorState = "idle"
    let restarts = 0
    let failures = 0
    let handled = 0
    const handleHooked = hook === undefined
      ? handle
      : (message: Message): Effect.Effect<void, E> =>
        Effect.suspend(() => {
          hook(name, handled++)
          return handle(message)
        })
    engine.actors.push(() => ({
      name,
      state,
      restarts,
      // Nobody waits any more for what is left in it.
      queued: state === "stopped" ? 0 : Queue.sizeUnsafe(mailbox)
    }))

    const recover = (cause: Cause.Cause<E>): Effect.Effect<boolean> =>
      Effect.gen(function*() {
        const reason = describeCause(cause)
        if (!options.restart && state !== "failed") {
          state = "failed"
          yield* engine.stopWrites(`${name} failed: ${reason}`)
          return true
        }
        if (!options.restart || engine.status.value.readOnly !== undefined) {
          state = "failed"
          yield* engine.stopWrites(`${name} failed: ${reason}`)
          return false
        }
        failures++
        restarts++
        state = "waiting to restart"
        const delayMilliseconds = restartDelay(failures)
        engine.emit({ _tag: "ActorRestarted", actor: name, reason, restarts, delayMilliseconds })
        yield* Effect.logWarning(`${name} failed and starts again in ${delayMilliseconds} ms: ${reason}`)
        yield* Effect.sleep(Duration.millis(delayMilliseconds))
        return true
      })

    const loop = Effect.gen(function*() {
      for (;;) {
        const message = yield* Queue.peek(mailbox)
        if (state !== "failed") state = "working"
        const exit = yield* Effect.exit(handleHooked(message))
        if (Exit.isSuccess(exit)) {
          failures = 0
          yield* Queue.take(mailbox)
          if (state !== "failed") state = "idle"
        } else if (Cause.hasInterruptsOnly(exit.cause)) {
          return yield* Effect.interrupt
        } else if (!(yield* recover(exit.cause))) {
          return
        }
      }
    })
    yield* Effect.forkScoped(Effect.onExit(loop, () =>
      Effect.sync(() => {
        if (state !== "failed") state = "stopped"
      })))
    return { tell: (message) => Queue.offerUnsafe(mailbox, message) }
  })

/** Why writes stop: what was lost with the directory says so itself. */
export const stopReason = (what: string, cause: Cause.Cause<unknown>): string =>
  Cause.squash(cause) instanceof StoreFenced ? describeCause(cause) : `${what}: ${describeCause(cause)}`

/** A cause in one line. */
export const describeCause = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  return error instanceof Error ? error.message : String(error)
}
