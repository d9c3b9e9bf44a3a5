/**
 * A cursor over the keys of one memtable, forwards and backwards. It keeps the
 * path to its leaf; leaves never move, so when keys were inserted since its
 * last move it finds the path again by its leaf's key. A record inserted behind
 * the cursor's back is met if it lies ahead.
 *
 * Serves I8: `select` shows the key as of a sequence, whatever was inserted since.
 */
import { RecordKind } from "../record/RecordKind.ts"
import { keysWord, rootWord } from "./Arena.ts"
import {
  childAt,
  childLinkOf,
  depthOf,
  endSlot,
  firstSlot,
  isLeaf,
  slotAbove,
  slotBelow,
  slotFrom,
  someLeafOf,
  terminalOf,
  touchOnEntry,
  touchOnStep
} from "./RadixNodes.ts"
import * as Layout from "./RecordLayout.ts"

export class MemtableCursor {
  valid = false
  readonly keyBuffer: Uint8Array
  keyOffset = 0
  keyLength = 0

  selected = false
  kind: RecordKind = RecordKind.put
  sequence = 0
  readonly valueBuffer: Uint8Array
  valueOffset = 0
  valueLength = 0

  readonly #words: Uint32Array
  readonly #baseSequence: number
  #leaf = 0
  /** The path from the root: node and slot in turn, up to `#top`. */
  #path = new Uint32Array(32)
  #top = 0
  /** Count of keys when the path was found. */
  #keys = 0

  constructor(words: Uint32Array, bytes: Uint8Array, baseSequence: number) {
    this.#words = words
    this.#baseSequence = baseSequence
    this.keyBuffer = bytes
    this.valueBuffer = bytes
  }

  /** Reference of the leaf that the cursor stands on, or 0. */
  get leaf(): number {
    return this.#leaf
  }

  seekFirst(): void {
    const root = this.#begin()
    return root === 0 ? this.#leave() : this.#descendFirst(root)
  }

  seekLast(): void {
    const root = this.#begin()
    return root === 0 ? this.#leave() : this.#descendLast(root)
  }

  seekAtOrAfter(key: Uint8Array): void {
    return this.#seek(key, true)
  }

  seekAtOrBefore(key: Uint8Array): void {
    return this.#seek(key, false)
  }

  next(): void {
    if (!this.valid) return
    this.#retrace()
    return this.#forward()
  }

  previous(): void {
    if (!this.valid) return
    this.#retrace()
    return this.#backward()
  }

  select(sequence: number): void {
    const words = this.#words
    const version = this.valid
      ? Layout.versionAt(words, Layout.newestOf(words, this.#leaf), sequence - this.#baseSequence)
      : 0
    this.selected = version !== 0
    if (version !== 0) {
      this.kind = Layout.kindOf(words, version)
      this.sequence = this.#baseSequence + words[version]!
      this.valueOffset = Layout.valueOffsetOf(words, version)
      this.valueLength = Layout.valueLengthOf(words, version)
    }
  }

  #begin(): number {
    this.#top = 0
    this.#keys = this.#words[keysWord]!
    return this.#words[rootWord]!
  }

  #push(node: number, slot: number): void {
    const top = this.#top
    if (top === this.#path.length) {
      const longer = new Uint32Array(top * 2)
      longer.set(this.#path)
      this.#path = longer
    }
    this.#path[top] = node
    this.#path[top + 1] = slot
    this.#top = top + 2
  }

  #stand(leaf: number): void {
    this.#leaf = leaf
    this.valid = true
    this.selected = false
    this.keyOffset = Layout.keyOffsetOf(leaf)
    this.keyLength = Layout.keyLengthOf(this.#words, leaf)
  }

  #leave(): void {
    this.#leaf = 0
    this.valid = false
    this.selected = false
  }

  #descendFirst(ref: number): void {
    const words = this.#words
    const bytes = this.keyBuffer
    while (!isLeaf(words[ref]!)) {
      const slot = firstSlot(words, bytes, ref)
      touchOnEntry(words, ref, slot)
      this.#push(ref, slot)
      ref = childAt(words, bytes, ref, slot)
    }
    return this.#stand(ref)
  }

  #descendLast(ref: number): void {
    const words = this.#words
    const bytes = this.keyBuffer
    while (!isLeaf(words[ref]!)) {
      const slot = slotBelow(words, bytes, ref, endSlot)
      touchOnEntry(words, ref, slot)
      this.#push(ref, slot)
      ref = childAt(words, bytes, ref, slot)
    }
    return this.#stand(ref)
  }

  /** To the first leaf behind the path. */
  #forward(): void {
    const words = this.#words
    const bytes = this.keyBuffer
    const path = this.#path
    let top = this.#top
    while (top > 0) {
      const node = path[top - 2]!
      const slot = slotAbove(words, bytes, node, path[top - 1]!)
      if (slot >= 0) {
        touchOnStep(words, node, path[top - 1]!, slot)
        path[top - 1] = slot
        this.#top = top
        return this.#descendFirst(childAt(words, bytes, node, slot))
      }
      top -= 2
    }
    return this.#leave()
  }

  /** To the last leaf before the path. */
  #backward(): void {
    const words = this.#words
    const bytes = this.keyBuffer
    const path = this.#path
    let top = this.#top
    while (top > 0) {
      const node = path[top - 2]!
      const slot = slotBelow(words, bytes, node, path[top - 1]!)
      if (slot >= 0) {
        touchOnStep(words, node, path[top - 1]!, slot)
        path[top - 1] = slot
        this.#top = top
        return this.#descendLast(childAt(words, bytes, node, slot))
      }
      top -= 2
    }
    return this.#leave()
  }

  /** Finds the path to the current leaf again if the tree has changed. */
  #retrace(): void {
    const words = this.#words
    if (this.#keys === words[keysWord]!) return
    const bytes = this.keyBuffer
    let ref = this.#begin()
    while (ref !== this.#leaf) {
      const depth = depthOf(words[ref]!)
      const slot = depth === this.keyLength ? 0 : slotFrom(words, bytes, ref, bytes[this.keyOffset + depth]!)
      this.#push(ref, slot)
      ref = childAt(words, bytes, ref, slot)
    }
  }

  /**
   * Goes down along the key to any leaf that shares as much with it as there
   * is, then down again to where the key would branch off.
   */
  #seek(key: Uint8Array, forward: boolean): void {
    const words = this.#words
    const bytes = this.keyBuffer
    const root = this.#begin()
    if (root === 0) return this.#leave()

    const near = this.#nearLeaf(root, key)
    const nearOffset = Layout.keyOffsetOf(near)
    const nearLength = Layout.keyLengthOf(words, near)
    const limit = Math.min(nearLength, key.length)
    let agreed = 0
    while (agreed < limit && bytes[nearOffset + agreed] === key[agreed]) agreed++
    const below = agreed === key.length
      ? agreed < nearLength
      : agreed < nearLength && key[agreed]! < bytes[nearOffset + agreed]!

    let ref = root
    for (;;) {
      const header = words[ref]!
      const depth = depthOf(header)
      if (isLeaf(header)) {
        if ((agreed === key.length && agreed === nearLength) || below === forward) return this.#stand(ref)
        return forward ? this.#forward() : this.#backward()
      }
      if (depth > agreed) {
        if (below) return forward ? this.#descendFirst(ref) : this.#backward()
        return forward ? this.#forward() : this.#descendLast(ref)
      }
      if (depth === key.length) {
        const terminal = terminalOf(words, ref)
        this.#push(ref, 0)
        if (terminal !== 0) return this.#stand(terminal)
        return forward ? this.#forward() : this.#backward()
      }
      const byte = key[depth]!
      const slot = slotFrom(words, bytes, ref, byte)
      if (childLinkOf(words, bytes, ref, header, byte) === 0) {
        this.#push(ref, forward ? slot - 1 : slot)
        return forward ? this.#forward() : this.#backward()
      }
      this.#push(ref, slot)
      ref = childAt(words, bytes, ref, slot)
    }
  }

  #nearLeaf(root: number, key: Uint8Array): number {
    const words = this.#words
    let ref = root
    for (;;) {
      const header = words[ref]!
      if (isLeaf(header)) return ref
      const depth = depthOf(header)
      if (depth >= key.length) return someLeafOf(words, ref)
      const link = childLinkOf(words, this.keyBuffer, ref, header, key[depth]!)
      if (link === 0) return someLeafOf(words, ref)
      ref = words[link]!
    }
  }
}
