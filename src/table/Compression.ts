/**
 * How a table's blocks are compressed, each by itself.
 */

/**
 * - `"none"`: a read costs no more than the disk.
 * - `"lz4"`: a few microseconds a block; about half the bytes of half-compressible data.
 * - `"zstd"`: smallest; tens of microseconds a block, for data that is seldom read.
 */
export type Compression = "none" | "lz4" | "zstd"
