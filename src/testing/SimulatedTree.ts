/**
 * The directories of a simulated disk: the entries that programs see, and those
 * that are on stable storage.
 *
 * Every creation, rename and removal is one atomic operation on entries, which
 * becomes durable when a directory that it touches is synced. Operations on
 * different names reach the disk in any order; those that share a name keep
 * theirs, so that an image never holds an older entry over a newer one, nor
 * neither of a rename's two. Like inodes, files and directories live on behind
 * handles whatever becomes of their names.
 */
import { Errno } from "./Errno.ts"
import { SimulatedFile } from "./SimulatedFile.ts"

type Entries = Map<string, SimulatedFile | SimulatedDirectory>

export class SimulatedDirectory {
  readonly kind = "directory"
  readonly entries: Entries = new Map()
  readonly durable: Entries = new Map()
}

interface EntryChange {
  readonly directory: SimulatedDirectory
  readonly name: string
  /** Nothing: the name goes. */
  readonly node: SimulatedFile | SimulatedDirectory | undefined
}

/** One creation, rename or removal that a power cut may undo. */
export interface EntryOperation {
  readonly changes: ReadonlyArray<EntryChange>
  /** A failed sync gave it up: later ones do not make it durable. */
  lost: boolean
}

interface Place {
  readonly directory: SimulatedDirectory
  readonly name: string
}

const segments = (path: string): Array<string> => {
  const names: Array<string> = []
  for (const name of path.split("/")) {
    if (name === "..") names.pop()
    else if (name !== "" && name !== ".") names.push(name)
  }
  return names
}

const applyTo = (view: (directory: SimulatedDirectory) => Entries, operation: EntryOperation): void => {
  for (const { directory, name, node } of operation.changes) {
    if (node === undefined) view(directory).delete(name)
    else view(directory).set(name, node)
  }
}

const touches = (operation: EntryOperation, directory: SimulatedDirectory): boolean =>
  operation.changes.some((change) => change.directory === directory)

/** Those that are chosen, and every earlier one on a name that one of them is about. */
const withCauses = (
  operations: ReadonlyArray<EntryOperation>,
  chosen: (operation: EntryOperation) => boolean
): ReadonlySet<EntryOperation> => {
  const kept = new Set<EntryOperation>()
  const names = new Map<SimulatedDirectory, Set<string>>()
  for (const operation of operations.toReversed()) {
    const caused = operation.changes.some(({ directory, name }) => names.get(directory)?.has(name) === true)
    if (!caused && !chosen(operation)) continue
    kept.add(operation)
    for (const { directory, name } of operation.changes) {
      const known = names.get(directory)
      if (known === undefined) names.set(directory, new Set([name]))
      else known.add(name)
    }
  }
  return kept
}

export class SimulatedTree {
  readonly #root: SimulatedDirectory
  #pending: Array<EntryOperation>

  constructor(root = new SimulatedDirectory(), pending: Array<EntryOperation> = []) {
    this.#root = root
    this.#pending = pending
  }

  /** Operations that a power cut may undo, in the order in which they were made. */
  get pending(): ReadonlyArray<EntryOperation> {
    return this.#pending
  }

  find(path: string): SimulatedFile | SimulatedDirectory | undefined {
    let node: SimulatedFile | SimulatedDirectory | undefined = this.#root
    for (const name of segments(path)) {
      if (node === undefined) return undefined
      if (node.kind === "file") throw new Errno("ENOTDIR")
      node = node.entries.get(name)
    }
    return node
  }

  file(path: string): SimulatedFile {
    const node = this.find(path)
    if (node === undefined) throw new Errno("ENOENT")
    if (node.kind === "directory") throw new Errno("EISDIR")
    return node
  }

  directory(path: string): SimulatedDirectory {
    const node = this.find(path)
    if (node === undefined) throw new Errno("ENOENT")
    if (node.kind === "file") throw new Errno("ENOTDIR")
    return node
  }

  /** The paths of all files, in order. */
  files(): ReadonlyArray<string> {
    const paths: Array<string> = []
    const walk = (directory: SimulatedDirectory, prefix: string): void => {
      for (const [name, node] of directory.entries) {
        if (node.kind === "file") paths.push(prefix + name)
        else walk(node, `${prefix}${name}/`)
      }
    }
    walk(this.#root, "")
    return paths.sort()
  }

  /** Gives a new file or directory its name. */
  link(path: string, node: SimulatedFile | SimulatedDirectory): EntryOperation {
    const { directory, name } = this.#place(path)
    if (directory.entries.has(name)) throw new Errno("EEXIST")
    return this.#apply([{ directory, name, node }])
  }

  unlink(path: string): void {
    this.file(path)
    const { directory, name } = this.#place(path)
    this.#apply([{ directory, name, node: undefined }])
  }

  rename(from: string, to: string): void {
    const node = this.find(from)
    if (node === undefined) throw new Errno("ENOENT")
    const target = this.find(to)
    if (target === node) return
    if (target !== undefined && node.kind === "file" && target.kind === "directory") throw new Errno("EISDIR")
    if (target !== undefined && node.kind === "directory") {
      if (target.kind === "file") throw new Errno("ENOTDIR")
      if (target.entries.size > 0) throw new Errno("ENOTEMPTY")
    }
    const source = this.#place(from)
    const destination = this.#place(to)
    if (node.kind === "directory" && `${segments(to).join("/")}/`.startsWith(`${segments(from).join("/")}/`)) {
      throw new Errno("EINVAL")
    }
    this.#apply([{ ...source, node: undefined }, { ...destination, node }])
  }

  sync(directory: SimulatedDirectory): void {
    this.#commit((operation) => !operation.lost && touches(operation, directory))
  }

  failSync(directory: SimulatedDirectory): void {
    for (const operation of this.#pending) if (touches(operation, directory)) operation.lost = true
  }

  /** Makes one operation durable by itself. */
  settle(operation: EntryOperation): void {
    this.#commit((other) => other === operation)
  }

  /** The same tree in another image: what a power cut may undo there is what it may undo here. */
  copy(): SimulatedTree {
    const copies = new Map<SimulatedFile | SimulatedDirectory, SimulatedFile | SimulatedDirectory>()
    const copyOf = (node: SimulatedFile | SimulatedDirectory): SimulatedFile | SimulatedDirectory => {
      if (node.kind === "directory") return directoryOf(node)
      const copy = copies.get(node) ?? node.copy()
      copies.set(node, copy)
      return copy
    }
    const directoryOf = (directory: SimulatedDirectory): SimulatedDirectory => {
      const known = copies.get(directory)
      if (known?.kind === "directory") return known
      const copy = new SimulatedDirectory()
      copies.set(directory, copy)
      for (const [name, node] of directory.entries) copy.entries.set(name, copyOf(node))
      for (const [name, node] of directory.durable) copy.durable.set(name, copyOf(node))
      return copy
    }
    const pending = this.#pending.map(({ changes, lost }): EntryOperation => ({
      lost,
      changes: changes.map(({ directory, name, node }) => ({
        directory: directoryOf(directory),
        name,
        node: node === undefined ? undefined : copyOf(node)
      }))
    }))
    return new SimulatedTree(directoryOf(this.#root), pending)
  }

  /**
   * The tree as a power cut left it, if it spared the chosen operations (and
   * those that they follow from), and made this of each file.
   */
  afterPowerCut(
    spared: (operation: EntryOperation) => boolean,
    fileAfter: (file: SimulatedFile) => SimulatedFile
  ): SimulatedTree {
    const views = new Map<SimulatedDirectory, Entries>()
    const view = (directory: SimulatedDirectory): Entries => {
      const known = views.get(directory) ?? new Map(directory.durable)
      views.set(directory, known)
      return known
    }
    const kept = withCauses(this.#pending, spared)
    for (const operation of this.#pending) if (kept.has(operation)) applyTo(view, operation)
    const build = (directory: SimulatedDirectory): SimulatedDirectory => {
      const copy = new SimulatedDirectory()
      for (const [name, node] of view(directory)) {
        const left = node.kind === "file" ? fileAfter(node) : build(node)
        copy.entries.set(name, left)
        copy.durable.set(name, left)
      }
      return copy
    }
    return new SimulatedTree(build(this.#root))
  }

  #apply(changes: ReadonlyArray<EntryChange>): EntryOperation {
    const operation: EntryOperation = { changes, lost: false }
    applyTo((directory) => directory.entries, operation)
    this.#pending.push(operation)
    return operation
  }

  #commit(chosen: (operation: EntryOperation) => boolean): void {
    const committed = withCauses(this.#pending, chosen)
    for (const operation of this.#pending) {
      if (committed.has(operation)) applyTo((directory) => directory.durable, operation)
    }
    this.#pending = this.#pending.filter((operation) => !committed.has(operation))
  }

  #place(path: string): Place {
    const names = segments(path)
    const name = names.pop()
    if (name === undefined) throw new Errno("EEXIST")
    return { directory: this.directory(names.join("/")), name }
  }
}
