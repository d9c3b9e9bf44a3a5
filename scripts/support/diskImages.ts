/** Images of a simulated disk, taken right before its calls. */
import { createHash } from "node:crypto"
import { SeededRandom } from "../../src/testing/index.ts"
import type { CrashMode, DiskCall, SimulatedDisk } from "../../src/testing/index.ts"

export type ImageMode = CrashMode | "kill"

/** An image together with what was known when it was taken. */
export interface Taken<Known> {
  readonly image: SimulatedDisk
  readonly mode: ImageMode
  readonly call: DiskCall
  readonly known: Known
}

/** What is found after a crash now. `seed` decides what is left to chance. */
export const imageOf = (disk: SimulatedDisk, mode: ImageMode, seed: number): SimulatedDisk =>
  mode === "kill" ? disk.killImage() : disk.crashImage(mode, new SeededRandom(seed))

/** An image of each mode, right before the call. */
export const imagesBefore = <Known>(
  disk: SimulatedDisk,
  modes: ReadonlyArray<ImageMode>,
  call: DiskCall,
  known: Known
): ReadonlyArray<Taken<Known>> =>
  // By the call: what is taken elsewhere changes no image.
  modes.map((mode, at) => ({ image: imageOf(disk, mode, call.index * modes.length + at), mode, call, known }))

/** Takes images right before each of the calls that `wanted` picks, from now on. */
export const takeImages = <Known>(
  disk: SimulatedDisk,
  modes: ReadonlyArray<ImageMode>,
  wanted: (call: DiskCall) => boolean,
  known: () => Known
): ReadonlyArray<Taken<Known>> => {
  const taken: Array<Taken<Known>> = []
  disk.onCall((call, phase) => {
    if (phase === "before" && wanted(call)) taken.push(...imagesBefore(disk, modes, call, known()))
  })
  return taken
}

/** For messages. */
export const callInWords = ({ index, operation, path, to }: DiskCall): string =>
  `call ${index} (${operation} ${path}${to === undefined ? "" : ` to ${to}`})`

/** For messages: which image it was. */
export const describeTaken = ({ call, mode }: Taken<unknown>): string => `"${mode}" before ${callInWords(call)}`

const changes: ReadonlySet<DiskCall["operation"]> = new Set([
  "createAppend",
  "claim",
  "append",
  "sync",
  "makeDirectory",
  "rename",
  "remove",
  "syncDirectory"
])

/** Whether the call may change what a crash leaves: between two such calls nothing does. */
export const isChange = ({ operation }: DiskCall): boolean => changes.has(operation)

/** Equal for disks that a program can't tell apart by the files that count: all, unless told. */
export const fingerprint = (disk: SimulatedDisk, counts: (path: string) => boolean = () => true): string => {
  const hash = createHash("sha1")
  for (const path of disk.files().filter(counts)) {
    const bytes = disk.readFile(path)
    hash.update(`${path}\0${bytes.length}\0`).update(bytes)
  }
  return hash.digest("base64")
}
