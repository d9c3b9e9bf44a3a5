/**
 * How a child process that will be killed tells what was acknowledged to it:
 * one four-byte number, little endian, for each acknowledgement, written with
 * one system call into a file. What was written before a SIGKILL stays in the
 * page cache; a number that the kill cut short is dropped.
 */
import { existsSync, openSync, readFileSync, statSync, writeSync } from "node:fs"

const width = 4

/** The child's side: returns the report of one acknowledgement. */
export const openAckLog = (path: string): (value: number) => void => {
  const file = openSync(path, "a")
  const bytes = new Uint8Array(width)
  const view = new DataView(bytes.buffer)
  return (value) => {
    view.setUint32(0, value, true)
    writeSync(file, bytes)
  }
}

/** How many acknowledgements have been reported so far. */
export const countAcks = (path: string): number =>
  Math.floor((statSync(path, { throwIfNoEntry: false })?.size ?? 0) / width)

/** The reported numbers in their order; none if the child never came so far. */
export const readAckLog = (path: string): Uint32Array => {
  if (!existsSync(path)) return new Uint32Array(0)
  const content = readFileSync(path)
  const bytes = new DataView(content.buffer, content.byteOffset, content.length)
  return Uint32Array.from(
    { length: Math.floor(content.length / width) },
    (_, index) => bytes.getUint32(index * width, true)
  )
}
