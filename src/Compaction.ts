/**
 * Which tables are merged, and when.
 */
export { levelCount } from "./compaction/Strategy.ts"
export type { CompactionPick, CompactionStrategy, TreeShape } from "./compaction/Strategy.ts"
