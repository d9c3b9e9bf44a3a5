/**
 * A Node process of our own that ends by SIGKILL at the latest with the scope
 * that it was started in.
 */
import { Effect } from "effect"
import type { Scope } from "effect"
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** All that it wrote to standard error. */
  readonly errors: string
}

export interface RunningChild {
  /** Sends a signal, SIGKILL if none is named. */
  readonly kill: (signal?: NodeJS.Signals) => void
  /** Returns when it has ended and all its output is read. */
  readonly ended: Effect.Effect<Ending>
}

export interface ChildOptions {
  /** A module that is loaded before the script. */
  readonly loadsFirst?: URL
  /** Added to the environment. */
  readonly environment?: { readonly [name: string]: string } | undefined
}

/** Starts `script` with its arguments; every line of its standard output goes to `onLine`. */
export const startChild = (
  script: URL,
  args: ReadonlyArray<string>,
  onLine: (line: string) => void = () => {},
  { environment, loadsFirst }: ChildOptions = {}
): Effect.Effect<RunningChild, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const first = loadsFirst === undefined ? [] : ["--import", loadsFirst.href]
        const child = spawn(process.execPath, [...first, fileURLToPath(script), ...args], {
          stdio: ["ignore", "pipe", "pipe"],
          env: { ...process.env, ...environment }
        })
        const errors: Array<string> = []
        child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text))
        createInterface({ input: child.stdout }).on("line", onLine)
        const ended = new Promise<Ending>((resolve) => {
          child.once("error", (error) => resolve({ code: null, signal: null, errors: error.message }))
          child.once("close", (code, signal) => resolve({ code, signal, errors: errors.join("") }))
        })
        return { child, ended }
      }),
      ({ child, ended }) => Effect.andThen(Effect.sync(() => child.kill("SIGKILL")), Effect.promise(() => ended))
    ),
    ({ child, ended }) => ({ kill: (signal = "SIGKILL") => child.kill(signal), ended: Effect.promise(() => ended) })
  )
