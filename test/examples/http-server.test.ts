import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Scope } from "effect"
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { temporaryDirectory } from "../../scripts/support/temporaryDirectory.ts"

const script = fileURLToPath(new URL("../../scripts/examples/http-server.ts", import.meta.url))

interface Server {
  readonly url: string
  /** Stops it as an operator would, and tells its exit code. */
  readonly stop: Effect.Effect<number | null>
}

const startServer = (directory: string): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.gen(function*() {
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(process.execPath, [script], {
          env: { ...process.env, PORT: "0", STORE_DIRECTORY: directory },
          stdio: ["ignore", "pipe", "inherit"]
        })
      ),
      (running) => Effect.sync(() => running.kill("SIGKILL"))
    )
    const exited = new Promise<number | null>((resolve) => child.once("exit", resolve))
    const url = yield* Effect.promise(async () => {
      for await (const line of createInterface({ input: child.stdout })) {
        const address = /http:\/\/\S+:(\d+)/.exec(line)
        if (address !== null) return `http://127.0.0.1:${address[1]}`
      }
      throw new Error("The server ended before it listened")
    })
    return {
      url,
      stop: Effect.andThen(Effect.sync(() => child.kill("SIGTERM")), Effect.promise(() => exited))
    }
  })

const request = (method: string, url: string, body?: string) =>
  Effect.promise(async () => {
    const response = await fetch(url, body === undefined ? { method } : { method, body })
    return { status: response.status, body: await response.text() }
  })

describe("the HTTP server of the examples", () => {
  it.live("stores, lists and removes, and finds everything again after a restart", () =>
    Effect.gen(function*() {
      const directory = join(yield* temporaryDirectory, "store")
      const first = yield* startServer(directory)
      const one = yield* request("PUT", `${first.url}/kv/city%2Fparis`, "2138551")
      assert.strictEqual(one.status, 204)
      yield* request("PUT", `${first.url}/kv/city%2Fbern`, "121631")
      yield* request("PUT", `${first.url}/kv/country%2FFR`, "France")
      yield* request("PUT", `${first.url}/kv/city%2Frome`, "2318895")

      assert.deepStrictEqual(yield* request("GET", `${first.url}/kv/city%2Fparis`), { status: 200, body: "2138551" })
      assert.strictEqual((yield* request("GET", `${first.url}/kv/city%2Foslo`)).status, 404)
      assert.strictEqual((yield* request("DELETE", `${first.url}/kv/city%2Frome`)).status, 204)
      const listed = yield* request("GET", `${first.url}/kv?prefix=city/`)
      const cities = [{ key: "city/bern", value: "121631" }, { key: "city/paris", value: "2138551" }]
      assert.deepStrictEqual(listed.body.trim().split("\n").map((line): unknown => JSON.parse(line)), cities)
      assert.strictEqual(yield* first.stop, 130)

      const second = yield* startServer(directory)
      assert.strictEqual((yield* request("GET", `${second.url}/kv/country%2FFR`)).body, "France")
      assert.strictEqual((yield* request("GET", `${second.url}/kv/city%2Frome`)).status, 404)
      assert.strictEqual((yield* request("GET", `${second.url}/kv?prefix=city/`)).body, listed.body)
    }))
})
