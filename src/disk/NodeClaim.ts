/**
 * A file on a real disk that stands for whoever made it (I26).
 *
 * It is told from another one at its path by device and inode. The descriptor
 * stays open, so that the system gives the inode to no other file meanwhile.
 */
import * as Effect from "effect/Effect"
import { fstatSync, readdirSync, statSync } from "node:fs"
import { dirname } from "node:path"
import { Descriptor } from "./Descriptor.ts"
import type { Claim } from "./Disk.ts"

const quiet = { throwIfNoEntry: false } as const
const exact = { throwIfNoEntry: false, bigint: true } as const

export class NodeClaim implements Claim {
  readonly path: string
  readonly close: Effect.Effect<void>
  readonly #device: bigint
  readonly #inode: bigint
  /** The same as numbers. Where they are exact they are compared: that takes a tenth less time. */
  readonly #deviceNumber: number
  readonly #inodeNumber: number
  readonly #isExact: boolean

  /** Takes over the descriptor of a file that was created at the path. */
  constructor(path: string, fd: number) {
    const { dev, ino } = fstatSync(fd, { bigint: true })
    this.path = path
    this.#device = dev
    this.#inode = ino
    this.#deviceNumber = Number(dev)
    this.#inodeNumber = Number(ino)
    this.#isExact = Number.isSafeInteger(this.#deviceNumber) && Number.isSafeInteger(this.#inodeNumber)
    this.close = new Descriptor(fd).close
  }

  isHeld(isRival?: (name: string) => boolean): boolean {
    try {
      return this.#isThere() && (isRival === undefined || !this.#hasRival(isRival))
    } catch {
      return false
    }
  }

  /** To list takes a descriptor, and there may be none for now: whoever comes takes this file away before all else. */
  #hasRival(isRival: (name: string) => boolean): boolean {
    try {
      return readdirSync(dirname(this.path)).some(isRival)
    } catch {
      return false
    }
  }

  #isThere(): boolean {
    if (this.#isExact) {
      const found = statSync(this.path, quiet)
      return found !== undefined && found.ino === this.#inodeNumber && found.dev === this.#deviceNumber
    }
    const found = statSync(this.path, exact)
    return found !== undefined && found.ino === this.#inode && found.dev === this.#device
  }
}
