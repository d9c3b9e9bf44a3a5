/** Calls a store without Effect: answers that come at once, and promises. */
import { Effect } from "effect"
import { setImmediate } from "node:timers/promises"
import type { Caller, Loop } from "./Store.ts"

const turnEvery = 256

const isPromise = <A>(answer: A | PromiseLike<A>): answer is PromiseLike<A> =>
  typeof answer === "object" && answer !== null && "then" in answer

const runFiber = async <A>(loop: Loop<"plain", A>, fiber: number): Promise<void> => {
  const every = loop.turnEvery ?? turnEvery
  let answeredAtOnce = 0
  while (loop.more(fiber)) {
    const answer = loop.call(fiber)
    if (isPromise(answer)) {
      loop.done(fiber, await answer)
    } else {
      loop.done(fiber, answer)
      if (++answeredAtOnce % every === 0) await setImmediate()
    }
  }
}

export const plainCaller: Caller<"plain"> = {
  drive: (loop) => Effect.promise(() => Promise.all(Array.from({ length: loop.fibers }, (_, n) => runFiber(loop, n)))),
  once: (call) => Effect.promise(async () => call()),
  begin: (call, end, fail) => {
    try {
      const answer = call()
      if (isPromise(answer)) answer.then(end, (thrown: unknown) => fail(String(thrown)))
      else end(answer)
    } catch (thrown) {
      fail(String(thrown))
    }
  }
}
