/** A disk that counts the descriptors of its tables, from before each is opened until it has closed. */
import { Effect } from "effect"
import type { Disk, ReadFile } from "../../src/disk/Disk.ts"

export class CountedDisk {
  readonly service: Disk["Service"]
  /** Descriptors there are now, and the most there have been. */
  open = 0
  most = 0
  /** The most there have been of one path. */
  mostOfOnePath = 0
  readonly #byPath = new Map<string, number>()

  constructor(disk: Disk["Service"], isCounted: (path: string) => boolean = () => true) {
    this.service = {
      ...disk,
      openRead: (path) => isCounted(path) ? this.#openRead(disk, path) : disk.openRead(path)
    }
  }

  openOf(path: string): number {
    return this.#byPath.get(path) ?? 0
  }

  #add(path: string, count: 1 | -1): void {
    this.open += count
    this.most = Math.max(this.most, this.open)
    const ofPath = this.openOf(path) + count
    this.#byPath.set(path, ofPath)
    this.mostOfOnePath = Math.max(this.mostOfOnePath, ofPath)
  }

  #openRead(disk: Disk["Service"], path: string) {
    return Effect.suspend(() => {
      this.#add(path, 1)
      return disk.openRead(path).pipe(
        Effect.onError(() => Effect.sync(() => this.#add(path, -1))),
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
          if (isOpen) this.#add(file.path, -1)
          isOpen = false
        }))
    }
  }
}
