/**
 * Milliseconds on a clock that all threads of a process share: where one thread
 * finds that a time has come, the others do not find that it has not.
 */
export const sharedClock = (): number => {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1_000_000
}

/** Places in the memory that a pacer and its thread share. */
export const PacerWord = {
  /** An Int32 that the thread sleeps on: it is raised whenever the time that is due was changed from outside. */
  changes: 0,
  /** A Float64, behind the first eight bytes: when the next call is due; NaN ends the thread. */
  due: 1,
  /** A Float64: how long the thread overslept at most, which is the machine's doing and not the loop's. */
  overslept: 2
} as const
