/**
 * The real disk, which counts how files are read and how long a synchronous read
 * held the event loop; on request one on which the first read of each page takes
 * long, as on a disk that is slower than the one at hand.
 */
import { Effect, Layer } from "effect"
import * as NodeDisk from "../../src/disk/NodeDisk.ts"
import { Disk } from "../../src/index.ts"
import type { ReadFile } from "../../src/index.ts"

const pageSize = 4096
const never = new Int32Array(new SharedArrayBuffer(4))

export interface ReadFigures {
  atOnce: number
  inPool: number
  /** Milliseconds of the longest read at once. */
  longestHold: number
  /** Milliseconds of all reads at once that took more than a fifth of one. */
  slowHolds: number
}

export interface MeasuredReads {
  readonly layer: Layer.Layer<Disk>
  readonly figures: ReadFigures
  /** From now on counts from zero, and if it is a slow disk takes all pages for cold. */
  readonly begin: () => void
}

/** `coldMilliseconds`: what the first read of a page takes longer; 0 for the disk as it is. */
export const measuredReads = (coldMilliseconds: number): MeasuredReads => {
  const figures: ReadFigures = { atOnce: 0, inPool: 0, longestHold: 0, slowHolds: 0 }
  const warm = new Set<string>()
  let isCounting = false

  /** Whether a range has a page that was not read; from now on it has none. */
  const isCold = (path: string, offset: number, length: number): boolean => {
    if (!isCounting || coldMilliseconds === 0) return false
    let cold = false
    for (let page = Math.floor(offset / pageSize); page * pageSize < offset + length; page++) {
      const name = `${path}:${page}`
      if (!warm.has(name)) cold = true
      warm.add(name)
    }
    return cold
  }

  const measured = (file: ReadFile): ReadFile => ({
    path: file.path,
    size: file.size,
    close: file.close,
    readSync: (offset, length) => {
      const began = performance.now()
      if (isCold(file.path, offset, length)) Atomics.wait(never, 0, 0, coldMilliseconds)
      const bytes = file.readSync(offset, length)
      const took = performance.now() - began
      figures.atOnce++
      figures.longestHold = Math.max(figures.longestHold, took)
      if (took > 0.2) figures.slowHolds += took
      return bytes
    },
    read: (offset, length) =>
      Effect.suspend(() => {
        figures.inPool++
        const read = file.read(offset, length)
        return isCold(file.path, offset, length)
          ? Effect.uninterruptible(Effect.delay(read, coldMilliseconds))
          : read
      })
  })

  return {
    layer: Layer.effect(
      Disk,
      Effect.map(Disk, (disk) => ({ ...disk, openRead: (path) => Effect.map(disk.openRead(path), measured) }))
    ).pipe(Layer.provide(NodeDisk.layer)),
    figures,
    begin: () => {
      Object.assign(figures, { atOnce: 0, inPool: 0, longestHold: 0, slowHolds: 0 })
      warm.clear()
      isCounting = true
    }
  }
}
