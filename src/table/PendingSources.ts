/**
 * The sources of a merge whose moves lack a block. They are loaded together, so
 * that a merge waits once, not once for each source.
 */
import * as Effect from "effect/Effect"
import { MoveStatus } from "../record/VersionIterator.ts"
import type { TableError } from "../StoreError.ts"

interface Loading {
  readonly load: Effect.Effect<void, TableError>
}

export interface LoadingSource extends Loading {
  resume(): MoveStatus
}

/** Loads what each of some sources lacks. */
export const loadTogether = (sources: ReadonlyArray<Loading>): Loading["load"] => {
  const [only] = sources
  return only !== undefined && sources.length === 1
    ? only.load
    : Effect.forEach(sources, (source) => source.load, { concurrency: "unbounded", discard: true })
}

export class PendingSources {
  readonly #sources: ReadonlyArray<LoadingSource>
  #waiting: Array<number> = []

  constructor(sources: ReadonlyArray<LoadingSource>) {
    this.#sources = sources
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Forgets moves that were begun and will not be ended. */
  clear(): void {
    // Most moves lack nothing, and to empty an empty array costs more than to look.
    if (this.#waiting.length > 0) this.#waiting = []
  }

  /** Notes how a source's move went. */
  note(source: number, status: MoveStatus): void {
    if (status === MoveStatus.needsLoad) this.#waiting.push(source)
  }

  get load(): LoadingSource["load"] {
    return Effect.suspend(() => loadTogether(this.#waiting.map((source) => this.#sources[source]!)))
  }

  /** Resumes the moves; those that lack another block stay. */
  resume(): void {
    const resumed = this.#waiting
    this.#waiting = []
    for (const source of resumed) this.note(source, this.#sources[source]!.resume())
  }
}
