/** The few shapes of SVG that a chart needs, as text. */

export const escaped = (content: string): string =>
  content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\"", "&quot;")

interface TextStyle {
  readonly size?: number
  readonly weight?: number
  readonly colour: string
  readonly anchor?: "start" | "middle" | "end"
}

export const text = (x: number, y: number, content: string, style: TextStyle): string => {
  const { anchor = "start", colour, size = 13, weight = 400 } = style
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" font-weight="${weight}" fill="${colour}" `
    + `text-anchor="${anchor}">${escaped(content)}</text>`
}

export const rectangle = (
  { colour, height, radius = 0, width, x, y }: {
    readonly x: number
    readonly y: number
    readonly width: number
    readonly height: number
    readonly colour: string
    readonly radius?: number
  }
): string =>
  `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" `
  + `rx="${radius}" fill="${colour}"/>`

export const upright = (x: number, from: number, to: number, colour: string, thickness: number): string =>
  `<line x1="${x.toFixed(1)}" y1="${from.toFixed(1)}" x2="${x.toFixed(1)}" y2="${to.toFixed(1)}" stroke="${colour}" `
  + `stroke-width="${thickness}"/>`

/** With words that show where a pointer rests on it. */
export const dot = (x: number, y: number, colour: string, edge: string, words = ""): string =>
  `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="4" fill="${colour}" stroke="${edge}" stroke-width="1.2">`
  + `<title>${escaped(words)}</title></circle>`
