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

export interface ChildOptions {
  /** Gets every line that the child reports on the way. */
  readonly onProgress?: (line: string) => void
  /** Variables beside those of this process. */
  readonly environment?: Readonly<Record<string, string>> | undefined
  /** Kills the child once it has reported this line: it gives no result then. */
  readonly killAt?: string
}

/** Runs the child to its end, and gives its last line. */
const runChild = <Input, Result>(
  { input, name }: Measurement<Input, Result>,
  given: Input,
  { environment, killAt, onProgress }: ChildOptions
): Effect.Effect<Line, ChildFailed> =>
  Effect.scoped(Effect.gen(function*() {
    const argument = yield* Effect.orDie(Schema.encodeEffect(Schema.fromJsonString(input))(given))
    let last: Line | undefined
    let unexpected = ""
    let isKilled = false
    const child = yield* startChild(
      script,
      [name, argument],
      (line) => {
        const decoded = Schema.decodeExit(Line)(line)
        if (Exit.isFailure(decoded)) unexpected += `${line}\n`
        else last = decoded.value
        if (last === undefined || !("progress" in last)) return
        onProgress?.(last.progress)
        if (last.progress !== killAt) return
        isKilled = true
        child.kill()
      },
      { environment }
    )
    const { code, errors, signal } = yield* child.ended
    if (last === undefined || !(isKilled || code === 0)) {
      return yield* new ChildFailed({ reason: `${signal ?? `exit code ${code}`}\n${unexpected}${errors}` })
    }
    return last
  }))

/** The parent's side. */
export const measure = <Input, Result>(
  measurement: Measurement<Input, Result>,
  given: Input,
  options: Omit<ChildOptions, "killAt"> = {}
): Effect.Effect<Result, ChildFailed> =>
  Effect.flatMap(runChild(measurement, given, options), (last) =>
    "result" in last
      ? Effect.mapError(
        Schema.decodeUnknownEffect(measurement.result)(last.result),
        ({ message }) => new ChildFailed({ reason: message })
      )
      : Effect.fail(new ChildFailed({ reason: "it gave no result" })))

/** The parent's side: kills the child where it reports a line. */
export const measureKilled = <Input, Result>(
  measurement: Measurement<Input, Result>,
  given: Input,
  killAt: string
): Effect.Effect<void, ChildFailed> =>
  Effect.flatMap(runChild(measurement, given, { killAt }), (last) =>
    "progress" in last && last.progress === killAt
      ? Effect.void
      : Effect.fail(new ChildFailed({ reason: `it did not come to be killed at "${killAt}"` })))

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
