/** Short forms for tests of any disk. */
import { assert } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { type AppendFile, type AppendOptions, type Claim, Disk, type ReadFile } from "../../src/disk/Disk.ts"
import { DiskError } from "../../src/StoreError.ts"

export const createAppend = (
  path: string,
  options?: AppendOptions
): Effect.Effect<AppendFile, DiskError, Disk | Scope.Scope> =>
  Effect.acquireRelease(
    Disk.use((disk) => disk.createAppend(path, options)),
    (file) => file.close
  )

export const claim = (path: string): Effect.Effect<Claim, DiskError, Disk | Scope.Scope> =>
  Effect.acquireRelease(
    Disk.use((disk) => disk.claim(path)),
    (held) => held.close
  )

export const openRead = (path: string): Effect.Effect<ReadFile, DiskError, Disk | Scope.Scope> =>
  Effect.acquireRelease(
    Disk.use((disk) => disk.openRead(path)),
    (file) => file.close
  )

export const writeFile = (path: string, ...chunks: ReadonlyArray<Uint8Array>): Effect.Effect<void, DiskError, Disk> =>
  Effect.scoped(Effect.flatMap(createAppend(path), (file) => file.append(chunks)))

export const readFile = (path: string): Effect.Effect<Uint8Array, DiskError, Disk> =>
  Effect.scoped(Effect.flatMap(openRead(path), (file) => file.read(0, file.size)))

/** `readSync` with what it throws as the error; anything but a `DiskError` is a defect. */
export const readAtOnce = (file: ReadFile, offset: number, length: number): Effect.Effect<Uint8Array, DiskError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(file.readSync(offset, length))
    } catch (cause) {
      return cause instanceof DiskError ? Effect.fail(cause) : Effect.die(cause)
    }
  })

/** That it fails with a `DiskError` of this code. */
export const failsWith = <A, E, R>(self: Effect.Effect<A, E, R>, code: string): Effect.Effect<void, A, R> =>
  Effect.map(Effect.flip(self), (error) => {
    assert.instanceOf(error, DiskError)
    assert.strictEqual(error.code, code)
  })

/** Bytes that differ at every offset a mistake might confuse. */
export const pattern = (length: number, seed = 0): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 17 + (i >>> 16) * 7 + seed) & 0xff
  return bytes
}

export const concatenate = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => new Uint8Array(Buffer.concat(chunks))
