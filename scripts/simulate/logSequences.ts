/** Looks into the log of a store that is about to be opened, without replaying it. */
import {
  decodeSegmentHeader,
  groupAlignment,
  GroupHeader,
  groupHeaderSize,
  segmentHeaderSize
} from "../../src/log/SegmentFormat.ts"
import { parseSegmentName } from "../../src/log/SegmentName.ts"
import type { SimulatedDisk } from "../../src/testing/index.ts"
import { filesIn } from "../../src/testing/shape/Structure.ts"
import { directory } from "./storeOptions.ts"

/**
 * The highest sequence that a group header tells of, whether or not a replay gets
 * as far as that; 0 if there is none. What recovery sees it must not give again (I16).
 */
export const highestSequence = (disk: SimulatedDisk): number => {
  const header = new GroupHeader()
  let highest = 0
  for (const name of filesIn(disk, directory)) {
    const id = parseSegmentName(name)
    if (id === undefined) continue
    const bytes = disk.readFile(`${directory}/${name}`)
    const file = decodeSegmentHeader(bytes, id.segment)
    if (file._tag !== "Valid") continue
    for (let at = segmentHeaderSize; at + groupHeaderSize <= bytes.length; at += groupAlignment) {
      if (header.read(bytes, at, file.identity, at)) highest = Math.max(highest, header.lastSequence)
    }
  }
  return highest
}
