/** Looks into the log of a store that is about to be opened, without replaying it. */
import { currentGeneration } from "../../src/engine/Directory.ts"
import { segmentName, storeFiles } from "../../src/engine/FileNames.ts"
import {
  decodeSegmentHeader,
  groupAlignment,
  GroupHeader,
  groupHeaderSize,
  segmentHeaderSize
} from "../../src/log/SegmentFormat.ts"
import { parseSegmentName } from "../../src/log/SegmentName.ts"
import type { SimulatedDisk } from "../../src/testing/index.ts"
import { filesIn, structureOn } from "../../src/testing/shape/Structure.ts"
import { directory } from "./storeOptions.ts"

/**
 * The highest sequence that a group header tells of, whether or not a replay gets
 * as far as that; 0 if there is none. What recovery sees it must not give again (I16).
 */
export const highestSequence = (disk: SimulatedDisk): number => {
  const header = new GroupHeader()
  let highest = 0
  const names = filesIn(disk, directory)
  const generation = currentGeneration(storeFiles(names))
  if (generation < 0) return 0
  const { segments } = structureOn(disk, directory)
  const named = new Set(segments.map((each) => segmentName(each.segment, each.generation)))
  for (const name of names) {
    const id = parseSegmentName(name)
    // Those of one who has lost the directory nobody reads.
    if (id === undefined || (id.generation !== generation && !named.has(name))) continue
    const bytes = disk.readFile(`${directory}/${name}`)
    const file = decodeSegmentHeader(bytes, id.segment)
    if (file._tag !== "Valid") continue
    for (let at = segmentHeaderSize; at + groupHeaderSize <= bytes.length; at += groupAlignment) {
      if (header.read(bytes, at, file.identity, at)) highest = Math.max(highest, header.lastSequence)
    }
  }
  return highest
}
