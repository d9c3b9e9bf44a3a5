/** A directory that goes with its scope, however the scope ends. */
import { Effect } from "effect"
import type { Scope } from "effect"
import { mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const temporaryDirectory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(realpathSync(tmpdir()), "effect-lsm-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
)
