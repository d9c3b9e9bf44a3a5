/** What a record does to its key. The numbers are part of every file format. */
export const RecordKind = { put: 1, delete: 2 } as const

export type RecordKind = typeof RecordKind[keyof typeof RecordKind]

/** Longest key, in bytes. */
export const maxKeyLength = 65_535

/** Longest value, in bytes. */
export const maxValueLength = 256 * 1024 * 1024

/** Largest batch, in bytes of encoded records. */
export const maxBatchLength = 1024 * 1024 * 1024
