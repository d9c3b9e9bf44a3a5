/** Calls a store by effects, as a program in Effect does: a fiber for each writer or reader. */
import { Effect, Exit } from "effect"
import type { Caller } from "./Store.ts"

export const effectCaller: Caller<"effect"> = {
  drive: ({ call, done, fibers, more }) =>
    Effect.orDie(Effect.all(
      Array.from({ length: fibers }, (_, fiber) =>
        Effect.whileLoop({
          while: () => more(fiber),
          body: () => call(fiber),
          step: (result) => done(fiber, result)
        })),
      { concurrency: "unbounded", discard: true }
    )),
  once: (call) => Effect.orDie(Effect.suspend(call)),
  begin: (call, end, fail) => {
    Effect.runCallback(call(), {
      onExit: (exit) => Exit.isSuccess(exit) ? end(exit.value) : fail(String(exit.cause))
    })
  }
}
