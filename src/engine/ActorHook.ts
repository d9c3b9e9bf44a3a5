/**
 * Where tests make an actor fail: called before each message that an actor
 * handles, and each group that the Wal writes. What it throws is a defect of that actor.
 */
import { Context } from "effect"

/** `message` counts the actor's messages from 0; one that is handled again counts again. */
export type ActorHook = (actor: string, message: number) => void

/** The hook of stores that are opened here; there is none unless a test provides one. */
export const StoreActorHook: Context.Reference<ActorHook | undefined> = Context.Reference<ActorHook | undefined>(
  "effect-lsm/engine/ActorHook",
  { defaultValue: () => undefined }
)
