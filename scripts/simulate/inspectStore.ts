/** Reads a whole store in every way there is, and tells where two ways differ (I10). */
import { Effect, Stream } from "effect"
import type { Entry, LsmStore, ReadError } from "../../src/index.ts"
import type { Problem } from "../../src/testing/index.ts"
import { allKeys, keyBytes, sameBytes } from "./Workload.ts"

export interface Inspected {
  readonly content: ReadonlyArray<Entry>
  readonly problems: ReadonlyArray<Problem>
}

/** How the content differs from another that should be the same. */
export const contentProblems = (
  what: string,
  content: ReadonlyArray<Entry>,
  expected: ReadonlyArray<Entry>,
  invariant = "I10"
): ReadonlyArray<Problem> => {
  const at = content.findIndex(([key, value], index) => {
    const other = expected[index]
    return other === undefined || !sameBytes(key, other[0]) || !sameBytes(value, other[1])
  })
  if (at < 0 && content.length === expected.length) return []
  const [key] = content[at < 0 ? content.length : at] ?? expected[content.length] ?? [new Uint8Array(0)]
  return [{
    invariant,
    message: `${what}: ${content.length} entries, not ${expected.length}, or others from ${
      JSON.stringify(new TextDecoder().decode(key))
    } on`
  }]
}

const describe = (key: string): string => key.length > 40 ? `${key.slice(0, 40)}…` : JSON.stringify(key)

/** Reads keys by name as well: those that there are, and the given ones. */
export const inspectStore = (
  store: LsmStore["Service"],
  keys: ReadonlyArray<Uint8Array> = allKeyBytes
): Effect.Effect<Inspected, ReadError> =>
  Effect.scoped(Effect.gen(function*() {
    const problems: Array<Problem> = []
    const content = yield* Stream.runCollect(store.scan())
    problems.push(
      ...contentProblems("a reverse scan", (yield* Stream.runCollect(store.scan({ reverse: true }))).reverse(), content)
    )
    const snapshot = yield* store.snapshot
    problems.push(...contentProblems("a snapshot's scan", yield* Stream.runCollect(snapshot.scan()), content))
    const expected = new Map(content.map(([key, value]) => [nameOf(key), value]))
    const named = new Map([...keys, ...content.map(([key]) => key)].map((key) => [nameOf(key), key]))
    const asked = [...named.values()]
    const many = yield* store.getMany(asked)
    const throughSnapshot = yield* snapshot.getMany(asked)
    for (const [at, key] of asked.entries()) {
      const value = expected.get(nameOf(key))
      const one = yield* store.get(key)
      const has = yield* store.has(key)
      const differs = [
        sameValue(one, value) ? undefined : "get",
        sameValue(many[at], value) ? undefined : "getMany",
        sameValue(throughSnapshot[at], value) ? undefined : "a snapshot's getMany",
        has === (value !== undefined) ? undefined : "has"
      ].filter((way) => way !== undefined)
      if (differs.length > 0) {
        const message = `${differs.join(" and ")} of ${describe(nameOf(key))} differ from a scan`
        problems.push({ invariant: "I10", message })
      }
    }
    return { content, problems }
  }))

const allKeyBytes = allKeys.map(keyBytes)

const nameOf = (key: Uint8Array): string => Buffer.from(key).toString("latin1")

const sameValue = (one: Uint8Array | undefined, other: Uint8Array | undefined): boolean =>
  one === undefined || other === undefined ? one === other : sameBytes(one, other)
