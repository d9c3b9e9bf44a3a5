/** A policy over a clock and a loop that stand still but for what the test says. */
import { SyncPolicy } from "../../src/disk/SyncPolicy.ts"

/** Milliseconds of a quick sync, and bytes of a small one. */
export const quick = 0.1
export const small = 200

/** A disk and a loop on which a sync takes as long as the test says. */
export class Syncer {
  now = 0
  turns = 0
  events = 0
  readonly policy = new SyncPolicy(() => this.now, () => ({ loopCount: this.turns, events: this.events }))

  /** Makes one sync as the policy decides, which is returned: true if at once. */
  sync({ bytes = small, otherTurns = 0, took = quick }: {
    readonly bytes?: number
    readonly took?: number
    readonly otherTurns?: number
  } = {}): boolean {
    const begun = this.policy.begin(bytes)
    this.now += took
    if (!begun.isAtOnce) this.turns += 1 + otherTurns
    this.policy.end(begun)
    // The loop counts an event when what it calls has returned.
    if (!begun.isAtOnce) this.events++
    return begun.isAtOnce
  }

  /** How many of so many syncs are made at once. */
  many(count: number, each: Parameters<Syncer["sync"]>[0] = {}): number {
    let atOnce = 0
    for (let i = 0; i < count; i++) if (this.sync(each)) atOnce++
    return atOnce
  }
}

/** A policy by which the next sync is made at once if it is small. */
export const calmPolicy = (): SyncPolicy => {
  const syncer = new Syncer()
  syncer.many(100)
  return syncer.policy
}
