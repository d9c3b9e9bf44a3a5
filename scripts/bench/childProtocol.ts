/**
 * Runs one measurement in a process of its own, so that each has a fresh heap
 * and its own peak of memory. The child writes lines of JSON: how far it is, and
 * at last its result.
 */
import { Effect, Exit, Schema } from "effect"
import { writeSync } from "node:fs"
import { startChild } from "../support/ChildProcess.ts"

const script = new URL("child.ts", import.meta.url)

const Line = Schema.fromJsonString(Schema.Union([
  Schema.Struct({ progress: Schema.String }),
  Schema.Struct({ result: Schema.Unknown })
]))
type Line = typeof Line.Type

export class ChildFailed extends Schema.TaggedError<ChildFailed>()("ChildFailed", {
  reason: Schema.String
}) {
  override get message(): string {
    return `A benchmark's child process failed: ${this.reason}`
  }
}

/** One measurement: its name for the child, what it is given and what it finds. */
export interface Measurement<Input, Result> {
  readonly name: string
  readonly input: Schema.Codec<Input>
  readonly result: Schema.Codec<Result>
}

/** The parent's side: `onProgress` gets every line that the child reports on the way. */
export const measure = <Input, Result>(
  { input, name, result }: Measurement<Input, Result>,
  given: Input,
  onProgress: (line: string) => void
): Effect.Effect<Result, ChildFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const argument = yield* Effect.orDie(Schema.encodeEffect(Schema.fromJsonString(input))(given))
    let last: Line | undefined
    let unexpected = ""
    const child = yield* startChild(script, [name, argument], (line) => {
      const decoded = Schema.decodeExit(Line)(line)
      if (Exit.isFailure(decoded)) unexpected += `${line}\n`
      else last = decoded.value
      if (last !== undefined && "progress" in last) onProgress(last.progress)
    })
    const { code, errors, signal } = yield* child.ended
    if (code !== 0 || last === undefined || !("result" in last)) {
      return yield* new ChildFailed({ reason: `${signal ?? `exit code ${code}`}\n${unexpected}${errors}` })
    }
    return yield* Schema.decodeUnknownEffect(result)(last.result).pipe(
      Effect.mapError(({ message }) => new ChildFailed({ reason: message }))
    )
  }))

const write = (line: Line): void => {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

/** The child's side: tells how far it is. */
export const reportProgress = (progress: string): Effect.Effect<void> => Effect.sync(() => write({ progress }))

/** The child's side: decodes what it was given, runs, and tells the result. */
export const runMeasurement = <Input, Result, E, R>(
  { input, result }: Measurement<Input, Result>,
  argument: string,
  run: (given: Input) => Effect.Effect<Result, E, R>
) =>
  Effect.gen(function*() {
    const given = yield* Schema.decodeEffect(Schema.fromJsonString(input))(argument)
    const found = yield* run(given)
    write({ result: yield* Schema.encodeEffect(result)(found) })
  })
