/**
 * The directories of a simulated disk: the entries that programs see, and those
 * that are on stable storage.
 *
 * Every creation, rename and removal is one operation on entries, atomic for
 * programs, which becomes durable as a whole when a directory that it touches is
 * synced. Before that a power cut may take it or leave half of it. Operations on
 * different names reach the disk in any order; those that share a name keep
 * theirs, the earlier ones whole, so that an image never holds an older entry
 * over a newer one. Like inodes, files and directories live on behind handles
 * whatever becomes of their names.
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
  readonly kind: "create" | "rename" | "remove"
  /** What it is about. */
  readonly node: SimulatedFile | SimulatedDirectory
  /** Whether it is a rename to a name that was taken. */
  readonly replaces: boolean
  /** Of a rename: the old name goes, then the new one comes. */
  readonly changes: ReadonlyArray<EntryChange>
  /** A failed sync gave it up: later ones do not make it durable. */
  lost: boolean
}

/**
 * What a power cut left of an operation on entries. Of a file that is:
 * - `"bare name"` of a creation the name, and what of the file was synced;
 * - `"both names"` of a rename the old name and the new one;
 * - `"no name"` of a rename neither: the new name is what it was before;
 * - `"remnant"` of a removal the name, and a beginning of the file.
 */
export type OperationRemains = "nothing" | "everything" | "bare name" | "both names" | "no name" | "remnant"

/** What becomes of a file's bytes in a power cut, by what was left of the operations on its names. */
export type FileFate = "kept" | "unsynced lost" | "cut short"

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

const applyTo = (view: (directory: SimulatedDirectory) => Entries, changes: ReadonlyArray<EntryChange>): void => {
  for (const { directory, name, node } of changes) {
    if (node === undefined) view(directory).delete(name)
    else view(directory).set(name, node)
  }
}

const touches = (operation: EntryOperation, directory: SimulatedDirectory): boolean =>
  operation.changes.some((change) => change.directory === directory)

/** What is left of each: of those before one of which something is left, on a name of it, everything. */
const withCauses = (
  operations: ReadonlyArray<EntryOperation>,
  remainsOf: (operation: EntryOperation) => OperationRemains
): ReadonlyMap<EntryOperation, OperationRemains> => {
  const kept = new Map<EntryOperation, OperationRemains>()
  const names = new Map<SimulatedDirectory, Set<string>>()
  for (const operation of operations.toReversed()) {
    const isCause = operation.changes.some(({ directory, name }) => names.get(directory)?.has(name) === true)
    const remains = isCause ? "everything" : remainsOf(operation)
    if (remains === "nothing") continue
    kept.set(operation, remains)
    for (const { directory, name } of operation.changes) {
      const known = names.get(directory)
      if (known === undefined) names.set(directory, new Set([name]))
      else known.add(name)
    }
  }
  return kept
}

/** Those of an operation's changes that are left. */
const changesLeft = ({ changes }: EntryOperation, remains: OperationRemains): ReadonlyArray<EntryChange> => {
  switch (remains) {
    case "everything":
    case "bare name":
      return changes
    case "both names":
      return changes.filter(({ node }) => node !== undefined)
    case "no name":
      return changes.filter(({ node }) => node === undefined)
    case "nothing":
    case "remnant":
      return []
  }
}

const fateOf = (remains: OperationRemains): FileFate =>
  remains === "bare name" ? "unsynced lost" : remains === "remnant" ? "cut short" : "kept"

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
    return this.#apply({ kind: "create", node, replaces: false, changes: [{ directory, name, node }] })
  }

  unlink(path: string): void {
    const file = this.file(path)
    const { directory, name } = this.#place(path)
    this.#apply({ kind: "remove", node: file, replaces: false, changes: [{ directory, name, node: undefined }] })
  }

  /** Undefined if both names are those of one file already. */
  rename(from: string, to: string): EntryOperation | undefined {
    const node = this.find(from)
    if (node === undefined) throw new Errno("ENOENT")
    const target = this.find(to)
    if (target === node) return undefined
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
    const changes = [{ ...source, node: undefined }, { ...destination, node }]
    return this.#apply({ kind: "rename", node, replaces: target !== undefined, changes })
  }

  /** Whether the node has a name that is on stable storage. */
  isDurable(node: SimulatedFile | SimulatedDirectory): boolean {
    const isIn = (directory: SimulatedDirectory): boolean =>
      [...directory.durable.values()].some((entry) => entry === node || (entry.kind === "directory" && isIn(entry)))
    return isIn(this.#root)
  }

  sync(directory: SimulatedDirectory): void {
    this.#commit((operation) => !operation.lost && touches(operation, directory))
  }

  failSync(directory: SimulatedDirectory): void {
    for (const operation of this.#pending) if (touches(operation, directory)) operation.lost = true
  }

  /** Makes one operation durable by itself. */
  settle(operation: EntryOperation | undefined): void {
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
    const pending = this.#pending.map((operation): EntryOperation => ({
      ...operation,
      node: copyOf(operation.node),
      changes: operation.changes.map(({ directory, name, node }) => ({
        directory: directoryOf(directory),
        name,
        node: node === undefined ? undefined : copyOf(node)
      }))
    }))
    return new SimulatedTree(directoryOf(this.#root), pending)
  }

  /**
   * The tree as a power cut left it, if that is what it left of each operation
   * (and everything of those that it follows from), and made this of each file.
   */
  afterPowerCut(
    remainsOf: (operation: EntryOperation) => OperationRemains,
    fileAfter: (file: SimulatedFile, fate: FileFate) => SimulatedFile
  ): SimulatedTree {
    const views = new Map<SimulatedDirectory, Entries>()
    const view = (directory: SimulatedDirectory): Entries => {
      const known = views.get(directory) ?? new Map(directory.durable)
      views.set(directory, known)
      return known
    }
    const fates = new Map<SimulatedFile | SimulatedDirectory, FileFate>()
    const kept = withCauses(this.#pending, remainsOf)
    for (const operation of this.#pending) {
      const remains = kept.get(operation) ?? "nothing"
      applyTo(view, changesLeft(operation, remains))
      const fate = fateOf(remains)
      if (fate !== "kept") fates.set(operation.node, fate)
    }
    // One file may have two names.
    const files = new Map<SimulatedFile, SimulatedFile>()
    const leftOf = (file: SimulatedFile): SimulatedFile => {
      const left = files.get(file) ?? fileAfter(file, fates.get(file) ?? "kept")
      files.set(file, left)
      return left
    }
    const build = (directory: SimulatedDirectory): SimulatedDirectory => {
      const copy = new SimulatedDirectory()
      for (const [name, node] of view(directory)) {
        const left = node.kind === "file" ? leftOf(node) : build(node)
        copy.entries.set(name, left)
        copy.durable.set(name, left)
      }
      return copy
    }
    return new SimulatedTree(build(this.#root))
  }

  #apply(made: Omit<EntryOperation, "lost">): EntryOperation {
    const operation: EntryOperation = { ...made, lost: false }
    applyTo((directory) => directory.entries, operation.changes)
    this.#pending.push(operation)
    return operation
  }

  #commit(chosen: (operation: EntryOperation) => boolean): void {
    const committed = withCauses(this.#pending, (operation) => chosen(operation) ? "everything" : "nothing")
    for (const operation of this.#pending) {
      if (committed.has(operation)) applyTo((directory) => directory.durable, operation.changes)
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
