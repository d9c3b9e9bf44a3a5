/**
 * The inner nodes of the memtable's adaptive radix tree, as functions over the
 * arena. All keys below a node agree in their first `depth` bytes, and the byte
 * at `depth` tells its children apart; a key of exactly `depth` bytes is the
 * node's terminal. A node keeps no copy of the bytes that it skips: any leaf
 * below it has them, and it names one.
 *
 * Layout, in words:
 *   0  header: type in bits 0 to 2, count of children in bits 3 to 11, depth from bit 12
 *   1  terminal: a leaf, or 0
 *   2  a leaf below the node
 *   3  by type:
 *      node4    4 key bytes in ascending order, 4 children
 *      node16   16 key bytes in ascending order, 16 children
 *      node48   for each of 256 bytes the ordinal (from 1) of its child or 0, 48 children
 *      node256  256 children
 *
 * A slot is a child's place in order: 0 the terminal, then the ordinal in a
 * node4 or node16, the byte plus 1 in a node48 or node256.
 *
 * Private to src/memtable.
 */
import type { Arena } from "./Arena.ts"

/** The low three bits of the first word of everything that a link refers to. */
const typeMask = 7
const node4 = 1
const node16 = 2
const node48 = 3
const node256 = 4

const node4Words = 8
const node16Words = 24
const node48Words = 120
const node256Words = 264

/** Words of a node of each type. */
const nodeWords: ReadonlyArray<number> = [0, node4Words, node16Words, node48Words, node256Words]

const keysAt = 3
const node4ChildrenAt = 4
const node16ChildrenAt = 7
const node48ChildrenAt = 67
const node256ChildrenAt = 3

/**
 * Bytes of nodes that n keys can cost at most, divided by n, whatever the keys
 * and though no freed node were used again. In a tree with n leaves the counts
 * of children less one sum to n - 1. A node with c children, its terminal
 * included, has cost the sizes that it went through: 32 bytes from c = 2 on,
 * 128 from 5, 608 from 17, 1,664 from 49. The worst quotient by c - 1 is 608 / 16.
 */
export const nodeBytesPerKey = 38

/** Behind every slot. */
export const endSlot = 258

export const isLeaf = (header: number): boolean => (header & typeMask) === 0

const countOf = (header: number): number => (header >>> 3) & 0x1ff

export const depthOf = (header: number): number => header >>> 12

export const terminalOf = (words: Uint32Array, node: number): number => words[node + 1]!

/** Where the link to the terminal is. */
export const terminalLinkOf = (node: number): number => node + 1

/** Some leaf below a node, or the leaf itself. */
export const someLeafOf = (words: Uint32Array, ref: number): number => isLeaf(words[ref]!) ? ref : words[ref + 2]!

/** Where the link to the child at `byte` is, or 0 if there is no such child. */
export const childLinkOf = (
  words: Uint32Array,
  bytes: Uint8Array,
  node: number,
  header: number,
  byte: number
): number => {
  const type = header & typeMask
  if (type === node256) {
    const link = node + node256ChildrenAt + byte
    return words[link] === 0 ? 0 : link
  }
  const keys = (node + keysAt) * 4
  if (type === node48) {
    const ordinal = bytes[keys + byte]!
    return ordinal === 0 ? 0 : node + node48ChildrenAt - 1 + ordinal
  }
  const count = countOf(header)
  for (let i = 0; i < count; i++) {
    if (bytes[keys + i] === byte) return node + (type === node4 ? node4ChildrenAt : node16ChildrenAt) + i
  }
  return 0
}

/** A node with no children yet. */
export const makeNode4 = (arena: Arena, depth: number, terminal: number, someLeaf: number): number => {
  const node = arena.allocateNode(0, node4Words)
  const words = arena.words
  words[node] = node4 | (depth << 12)
  words[node + 1] = terminal
  words[node + 2] = someLeaf
  return node
}

/** Adds a child at a byte that has none. `link` is where the node is linked: it grows into another one when full. */
export const addChild = (arena: Arena, link: number, node: number, byte: number, child: number): void => {
  const words = arena.words
  const header = words[node]!
  const count = countOf(header)
  switch (header & typeMask) {
    case node4:
      if (count < 4) return insertOrdered(arena, node, node4ChildrenAt, count, byte, child)
      return insertOrdered(arena, growNode4(arena, link, node), node16ChildrenAt, count, byte, child)
    case node16:
      if (count < 16) return insertOrdered(arena, node, node16ChildrenAt, count, byte, child)
      return insertIndexed(arena, growNode16(arena, link, node), count, byte, child)
    case node48:
      if (count < 48) return insertIndexed(arena, node, count, byte, child)
      return insertDirect(words, growNode48(arena, link, node), byte, child)
    default:
      return insertDirect(words, node, byte, child)
  }
}

const countStep = 1 << 3

const insertOrdered = (
  arena: Arena,
  node: number,
  childrenAt: number,
  count: number,
  byte: number,
  child: number
): void => {
  const { bytes, words } = arena
  const keys = (node + keysAt) * 4
  const children = node + childrenAt
  let i = count
  while (i > 0 && bytes[keys + i - 1]! > byte) {
    bytes[keys + i] = bytes[keys + i - 1]!
    words[children + i] = words[children + i - 1]!
    i--
  }
  bytes[keys + i] = byte
  words[children + i] = child
  words[node] = words[node]! + countStep
}

const insertIndexed = (arena: Arena, node: number, count: number, byte: number, child: number): void => {
  const words = arena.words
  arena.bytes[(node + keysAt) * 4 + byte] = count + 1
  words[node + node48ChildrenAt + count] = child
  words[node] = words[node]! + countStep
}

const insertDirect = (words: Uint32Array, node: number, byte: number, child: number): void => {
  words[node + node256ChildrenAt + byte] = child
  words[node] = words[node]! + countStep
}

/** The next larger node in the place of `node`, its children still to be copied. */
const replaceNode = (arena: Arena, link: number, node: number, type: number): number => {
  const words = arena.words
  const grown = arena.allocateNode(type - 1, nodeWords[type]!)
  words[grown] = (words[node]! & ~typeMask) | type
  words[grown + 1] = words[node + 1]!
  words[grown + 2] = words[node + 2]!
  words[link] = grown
  return grown
}

const growNode4 = (arena: Arena, link: number, node: number): number => {
  const words = arena.words
  const grown = replaceNode(arena, link, node, node16)
  words[grown + keysAt] = words[node + keysAt]!
  for (let i = 0; i < 4; i++) words[grown + node16ChildrenAt + i] = words[node + node4ChildrenAt + i]!
  arena.freeNode(node, 0, node4Words)
  return grown
}

const growNode16 = (arena: Arena, link: number, node: number): number => {
  const { bytes, words } = arena
  const grown = replaceNode(arena, link, node, node48)
  words.fill(0, grown + keysAt, grown + node48ChildrenAt)
  const keys = (node + keysAt) * 4
  const index = (grown + keysAt) * 4
  for (let i = 0; i < 16; i++) {
    bytes[index + bytes[keys + i]!] = i + 1
    words[grown + node48ChildrenAt + i] = words[node + node16ChildrenAt + i]!
  }
  arena.freeNode(node, 1, node16Words)
  return grown
}

const growNode48 = (arena: Arena, link: number, node: number): number => {
  const { bytes, words } = arena
  const grown = replaceNode(arena, link, node, node256)
  const index = (node + keysAt) * 4
  for (let byte = 0; byte < 256; byte++) {
    const ordinal = bytes[index + byte]!
    words[grown + node256ChildrenAt + byte] = ordinal === 0 ? 0 : words[node + node48ChildrenAt - 1 + ordinal]!
  }
  arena.freeNode(node, 2, node48Words)
  return grown
}

/** What the link at an occupied slot refers to. */
export const childAt = (words: Uint32Array, bytes: Uint8Array, node: number, slot: number): number => {
  if (slot === 0) return words[node + 1]!
  switch (words[node]! & typeMask) {
    case node4:
      return words[node + node4ChildrenAt - 1 + slot]!
    case node16:
      return words[node + node16ChildrenAt - 1 + slot]!
    case node48:
      return words[node + node48ChildrenAt - 1 + bytes[(node + keysAt) * 4 + slot - 1]!]!
    default:
      return words[node + node256ChildrenAt - 1 + slot]!
  }
}

/** The first occupied slot above `slot`, or -1. */
export const slotAbove = (words: Uint32Array, bytes: Uint8Array, node: number, slot: number): number => {
  const header = words[node]!
  const type = header & typeMask
  if (type <= node16) return slot < countOf(header) ? slot + 1 : -1
  if (type === node48) {
    const index = (node + keysAt) * 4
    for (let byte = slot; byte < 256; byte++) if (bytes[index + byte] !== 0) return byte + 1
    return -1
  }
  const children = node + node256ChildrenAt
  for (let byte = slot; byte < 256; byte++) if (words[children + byte] !== 0) return byte + 1
  return -1
}

/** The last occupied slot below `slot`, or -1. */
export const slotBelow = (words: Uint32Array, bytes: Uint8Array, node: number, slot: number): number => {
  const header = words[node]!
  const type = header & typeMask
  let below = slot - 1
  if (type <= node16) {
    const count = countOf(header)
    if (below > count) below = count
  } else {
    if (below > 256) below = 256
    if (type === node48) {
      const index = (node + keysAt) * 4 - 1
      while (below > 0 && bytes[index + below] === 0) below--
    } else {
      const children = node + node256ChildrenAt - 1
      while (below > 0 && words[children + below] === 0) below--
    }
  }
  return below > 0 ? below : below === 0 && words[node + 1] !== 0 ? 0 : -1
}

/** The slot of `byte`, which may be vacant: in a node4 or node16 it is then that of the next larger byte. */
export const slotFrom = (words: Uint32Array, bytes: Uint8Array, node: number, byte: number): number => {
  const header = words[node]!
  if ((header & typeMask) > node16) return byte + 1
  const keys = (node + keysAt) * 4
  const count = countOf(header)
  let i = 0
  while (i < count && bytes[keys + i]! < byte) i++
  return i + 1
}

/** The first occupied slot of a node. */
export const firstSlot = (words: Uint32Array, bytes: Uint8Array, node: number): number =>
  words[node + 1] !== 0 ? 0 : slotAbove(words, bytes, node, 0)

const touchWindow = 16
const touched = new Uint32Array(1)

/**
 * Reads the headers of the children that a pass through the node will come to,
 * so that their cache misses overlap instead of following one another: a pass
 * takes 60 to 85 ns a key so, and 180 without. What was read is stored, or the
 * compiler would drop the reads. Of a node256 it touches 16 slots at a time.
 */
export const touchOnEntry = (words: Uint32Array, node: number, slot: number): void => {
  const header = words[node]!
  const type = header & typeMask
  if (type === node256) return touchWindowAt(words, node, slot)
  const children = node + (type === node4 ? node4ChildrenAt : type === node16 ? node16ChildrenAt : node48ChildrenAt)
  const count = countOf(header)
  let sum = 0
  for (let i = 0; i < count; i++) sum ^= words[words[children + i]!]!
  touched[0] = sum
}

/** The same when a pass steps from slot to slot. */
export const touchOnStep = (words: Uint32Array, node: number, from: number, to: number): void => {
  if (((from ^ to) & -touchWindow) !== 0 && (words[node]! & typeMask) === node256) touchWindowAt(words, node, to)
}

const touchWindowAt = (words: Uint32Array, node: number, slot: number): void => {
  const start = slot & -touchWindow
  const end = Math.min(start + touchWindow, 257)
  const children = node + node256ChildrenAt - 1
  let sum = 0
  for (let i = Math.max(start, 1); i < end; i++) sum ^= words[words[children + i]!]!
  touched[0] = sum
}
