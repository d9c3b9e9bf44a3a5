/** A disk that counts the descriptors of its tables, from before each is opened until it has closed. */
import { Effect } from "effect"
import type { Disk, ReadFile } from "../../src/disk/Disk.ts"

export class CountedDisk {
  readonly service: Disk["Service"]
  /** Descriptors there are now, and the most there have been. */
  open = 0
  most = 0
  /** Per path, openings under way now, and the most there have been of one path. */
  readonly #opening = new Map<string, number>()
  mostOpeningsAtOnce = 0

  constructor(disk: Disk["Service"], isCounted: (path: string) => boolean = () => true) {
    this.service = {
      ...disk,
      openRead: (path) => isCounted(path) ? this.#openRead(disk, path) : disk.openRead(path)
    }
  }

  #openRead(disk: Disk["Service"], path: string) {
    return Effect.suspend(() => {
      this.open++
      this.most = Math.max(this.most, this.open)
      const opening = (this.#opening.get(path) ?? 0) + 1
      this.#opening.set(path, opening)
      this.mostOpeningsAtOnce = Math.max(this.mostOpeningsAtOnce, opening)
      return disk.openRead(path).pipe(
        Effect.ensuring(Effect.sync(() => this.#opening.set(path, this.#opening.get(path)! - 1))),
        Effect.onError(() => Effect.sync(() => this.open--)),
        Effect.map((file) => this.#counted(file))
      )
    })
  }

  #counted(file: ReadFile): ReadFile {
    let isOpen = true
    return {
      path: file.path,
      size: file.size,
      read: (offset, length) => file.read(offset, length),
      readSync: (offset, length) => file.readSync(offset, length),
      close: Effect.tap(file.close, () =>
        Effect.sync(() => {
          if (isOpen) this.open--
          isOpen = false
        }))
    }
  }
}
