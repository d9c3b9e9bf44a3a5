/**
 * The ways in which a child of the crash test ends. The parent sends the signals;
 * all else the child does to itself.
 */
import type { Ending, PlannedEnd } from "./Plan.ts"

/** How the system says that a process has ended. */
interface SystemEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const exitCode = 86
const handlerCode = 87
/** Node's own, after an exception that nobody catches. */
const exceptionCode = 1
const exceptionMessage = "The plan wants an exception that nobody catches."

const signals: Partial<Record<Ending, NodeJS.Signals>> = { SIGKILL: "SIGKILL", SIGTERM: "SIGTERM" }

/** The parent's part: the signal that it sends, if any. */
export const signalOf = (ending: Ending): NodeJS.Signals | undefined => signals[ending]

const codes: { readonly [ending in Ending]: number | null } = {
  SIGKILL: null,
  SIGTERM: null,
  "exit in a timer": exitCode,
  "exit in a writer": exitCode,
  "exit in an exit handler": handlerCode,
  "uncaught exception": exceptionCode
}

/** Whether a process ended in this way, and in no other. */
export const hasEndedBy = (ending: Ending, { code, signal }: SystemEnd, errors: string): boolean =>
  signal === (signalOf(ending) ?? null) && code === codes[ending]
  && (ending !== "uncaught exception" || errors.includes(exceptionMessage))

const exit = (): void => process.exit(exitCode)

export interface OwnEnd {
  /** It has entered the planned phase: the time runs from now on. */
  readonly arm: () => void
  /** To be called by a writer that has just got an acknowledgement. */
  readonly afterAcknowledgement: () => void
}

/** The child's part. */
export const ownEnd = ({ ending, milliseconds }: PlannedEnd): OwnEnd => {
  let isWritersTurn = false
  const endNow = (): void => {
    switch (ending) {
      case "SIGKILL":
      case "SIGTERM":
        return
      case "exit in a timer":
        return exit()
      case "exit in a writer":
        isWritersTurn = true
        return
      case "exit in an exit handler":
        process.once("exit", () => process.exit(handlerCode))
        return exit()
      case "uncaught exception":
        throw new Error(exceptionMessage)
    }
  }
  return {
    // A child that comes to its end before does not wait for it.
    arm: () => void setTimeout(endNow, milliseconds).unref(),
    afterAcknowledgement: () => {
      if (isWritersTurn) exit()
    }
  }
}
