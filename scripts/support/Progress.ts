/**
 * Progress on standard output: one line that is rewritten in place on a
 * terminal, and a plain line now and then elsewhere.
 */
const plainEvery = 2000
const rewriteEvery = 50

export interface Progress {
  /** Shows where things stand; most calls come too soon after the last to print anything. */
  readonly show: (line: () => string) => void
  /** Prints a line that stays. */
  readonly print: (line: string) => void
}

export const makeProgress = (output: NodeJS.WriteStream): Progress => {
  const every = output.isTTY ? rewriteEvery : plainEvery
  let shownAt = -every
  const clear = output.isTTY ? "\r\u001b[K" : ""
  return {
    show: (line) => {
      const now = performance.now()
      if (now - shownAt < every) return
      shownAt = now
      output.write(output.isTTY ? `${clear}${line().slice(0, output.columns - 1)}` : `${line()}\n`)
    },
    print: (line) => {
      output.write(`${clear}${line}\n`)
    }
  }
}
