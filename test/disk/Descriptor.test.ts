import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { closeSync, fstatSync, openSync } from "node:fs"
import { Descriptor } from "../../src/disk/Descriptor.ts"

describe("Descriptor", () => {
  it.effect("closes once nobody holds it any more, and refuses new users from the beginning", () =>
    Effect.gen(function*() {
      const fd = openSync("/dev/null", "r")
      const descriptor = new Descriptor(fd)
      assert.strictEqual(descriptor.fd, fd)
      descriptor.hold()
      descriptor.hold()
      const closing = yield* Effect.forkChild(descriptor.close, { startImmediately: true })
      assert.strictEqual(descriptor.fd, -1)
      descriptor.release()
      yield* Effect.yieldNow
      assert.isUndefined(closing.pollUnsafe())
      assert.isTrue(fstatSync(fd).isCharacterDevice())
      descriptor.release()
      yield* Fiber.join(closing)
      assert.throws(() => fstatSync(fd), /EBADF/)
    }))

  it.effect("leaves alone the next file that gets its number", () =>
    Effect.gen(function*() {
      for (let round = 0; round < 200; round++) {
        const descriptor = new Descriptor(openSync("/dev/null", "r"))
        const next = Effect.callback<number>((resume) => {
          setImmediate(() => resume(Effect.succeed(openSync("/dev/null", "r"))))
        })
        const [, fd] = yield* Effect.all([descriptor.close, next, descriptor.close], { concurrency: "unbounded" })
        yield* descriptor.close
        assert.isTrue(fstatSync(fd).isCharacterDevice())
        closeSync(fd)
      }
    }))
})
