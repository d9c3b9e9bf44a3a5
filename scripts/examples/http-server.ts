/**
 * The smallest backend: a key-value store over HTTP. `npm run example` starts it.
 *
 *   PUT, GET, DELETE /kv/:key     the body is the value; a slash in a key is written %2F
 *   GET /kv?prefix=...            a JSON line for each entry, in the order of the keys
 *
 * `PORT` (3000) and `STORE_DIRECTORY` (./data) come from the environment.
 */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Config, Effect, Layer, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { LsmStore } from "../../src/index.ts"
import { NodeLsmStore } from "../../src/node/index.ts"

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const routes = HttpRouter.use(Effect.fnUntraced(function*(router) {
  const store = yield* LsmStore
  const keyOf = Effect.map(HttpRouter.params, ({ key = "" }) => encoder.encode(key))

  const get = Effect.gen(function*() {
    const value = yield* store.get(yield* keyOf)
    return value === undefined ? HttpServerResponse.empty({ status: 404 }) : HttpServerResponse.uint8Array(value)
  })
  const put = Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    yield* store.put(yield* keyOf, new Uint8Array(yield* request.arrayBuffer))
    return HttpServerResponse.empty()
  })
  const remove = Effect.as(Effect.flatMap(keyOf, store.delete), HttpServerResponse.empty())
  const list = Effect.gen(function*() {
    const { prefix = "" } = yield* HttpServerRequest.ParsedSearchParams
    const lines = Stream.map(
      store.scan({ prefix: encoder.encode(String(prefix)) }),
      ([key, value]) =>
        encoder.encode(`${JSON.stringify({ key: decoder.decode(key), value: decoder.decode(value) })}\n`)
    )
    return HttpServerResponse.stream(lines, { contentType: "application/jsonl" })
  })
  yield* router.add("GET", "/kv/:key", get)
  yield* router.add("PUT", "/kv/:key", put)
  yield* router.add("DELETE", "/kv/:key", remove)
  yield* router.add("GET", "/kv", list)
}))

const directory = Config.String("STORE_DIRECTORY").pipe(Config.withDefault("./data"))
const port = Config.Int("PORT").pipe(Config.withDefault(3000))
const server = HttpRouter.serve(routes).pipe(
  Layer.provide(NodeLsmStore.layerConfig({ directory })),
  Layer.provide(NodeHttpServer.layerConfig(createServer, { port }))
)

NodeRuntime.runMain(Layer.launch(server))
