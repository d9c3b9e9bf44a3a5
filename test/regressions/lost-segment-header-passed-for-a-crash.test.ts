/**
 * After a kill, a segment whose file header was lost, or whose place some other
 * file had taken, was taken for a log that the crash had ended there: the store
 * opened without its writes, though the manifest said that the header was durable.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { segmentName } from "../../src/engine/FileNames.ts"
import { SimulatedDisk } from "../../src/testing/index.ts"
import { structureOn } from "../../src/testing/shape/Structure.ts"
import { refusalOf } from "../engine/changedFiles.ts"
import { bytesOf, directory, runSeed, withStore } from "../engine/harness.ts"

/** A killed store with one durable write in its log, and the path of that. */
const killedStore = (seed: number) => {
  const disk = SimulatedDisk.make()
  const write = withStore(
    disk,
    (store) => Effect.map(store.put(bytesOf("key"), bytesOf("value")), () => disk.killImage())
  )
  const killed = runSeed(write, seed)
  const { generation, segment } = structureOn(killed, directory).segments[0]!
  const path = `${directory}/${segmentName(segment, generation)}`
  return { killed, path }
}

describe("A segment that the manifest names (I15)", () => {
  it("is damaged if its header is lost, with one write behind it or none", () => {
    for (const size of [0, 20, 512, 1_000, 300_000]) {
      const { killed, path } = killedStore(1)
      killed.writeFile(path, killed.readFile(path).fill(0, 0, size).subarray(0, Math.max(512, size)))
      if (size === 0) assert.strictEqual(refusalOf(killed, 1), "none")
      else assert.strictEqual(refusalOf(killed, 1), "StoreCorrupted", `${size} bytes are lost`)
    }
  })

  it("is damaged if another store's segment of the same number is in its place", () => {
    const { killed, path } = killedStore(1)
    const other = killedStore(2)
    killed.writeFile(path, other.killed.readFile(other.path))
    assert.strictEqual(refusalOf(killed, 1), "StoreCorrupted")
  })
})
