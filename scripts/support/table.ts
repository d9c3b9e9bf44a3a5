/** A table of two columns as lines of text. */
export const tableLines = (rows: ReadonlyArray<readonly [name: string, value: string]>): ReadonlyArray<string> => {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`)
}

/** 1234567 as "1,234,567". */
export const grouped = (value: number): string => Math.round(value).toLocaleString("en-US")
