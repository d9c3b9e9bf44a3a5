/** Places in the log. They order by segment, then by byte offset in its file. */

export interface LogPosition {
  readonly segment: number
  readonly offset: number
}

export const isAfter = (a: LogPosition, b: LogPosition): boolean =>
  a.segment > b.segment || (a.segment === b.segment && a.offset > b.offset)
