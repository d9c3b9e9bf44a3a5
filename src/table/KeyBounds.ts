/** The keys from `smallestKey` to `largestKey`, both included. */
export interface KeyBounds {
  readonly smallestKey: Uint8Array
  readonly largestKey: Uint8Array
}
