/** The stores that are compared, and the variants of them that run in a few workloads. */
import type { Durability } from "../../../src/index.ts"
import type { OpenStore } from "./Store.ts"

/** `"lock"`: this project's own parts without its design, which is no peer. */
export type Family = "ours" | "lsm" | "tree" | "lock"

export interface Contender {
  readonly name: string
  /** What the command line calls it, with its variants. */
  readonly peer: string
  readonly family: Family
  /** The package that has it, if it is to be installed. */
  readonly package?: string
  readonly load: () => Promise<OpenStore>
  /** Memtable and cache as the benchmark sets them for all, or as the store does by default. */
  readonly budgets: "equal" | "own"
  /** Instead of the one that the workload asks for. */
  readonly durability?: Durability
  readonly workers?: 0
  readonly environment?: Readonly<Record<string, string>>
  /** Of a variant: the workloads that it runs in. */
  readonly only?: ReadonlyArray<string>
  /** What it is, and how it is run. */
  readonly about: string
  /** How what it does to writes differs from what the durability says. */
  readonly differs?: (durability: Durability) => string | undefined
  /** Whether a store that was closed or killed can be opened again. */
  readonly reopens: boolean
}

const effectLsm = {
  name: "effect-lsm",
  peer: "effect-lsm",
  family: "ours",
  load: async () => (await import("./effectLsm.ts")).openEffectLsm,
  about: "this store, through its public face, in fibers",
  budgets: "equal",
  reopens: true
} satisfies Contender

const classicLevel = {
  name: "classic-level",
  peer: "classic-level",
  family: "lsm",
  package: "classic-level",
  load: async () => (await import("./classicLevel.ts")).loadClassicLevel(),
  about: "LevelDB",
  budgets: "equal",
  reopens: true
} satisfies Contender

const noSync = "noSync: a power cut may leave no store at all"

const lmdb = {
  name: "lmdb",
  peer: "lmdb",
  family: "tree",
  package: "lmdb",
  load: async () => (await import("./lmdb.ts")).loadLmdb(),
  about: "LMDB: a tree in a mapped file; it has no memtable and no cache of its own",
  budgets: "equal",
  differs: (durability) => durability === "sync" ? undefined : noSync,
  reopens: true
} satisfies Contender

export const contenders: ReadonlyArray<Contender> = [
  effectLsm,
  {
    ...effectLsm,
    name: "effect-lsm, async",
    durability: "async",
    only: ["fillrandom"],
    about: "the same, acknowledged in memory",
    differs: () => "a killed process may lose what was acknowledged last"
  },
  {
    ...effectLsm,
    name: "effect-lsm, workers: 0",
    workers: 0,
    only: ["readwhilewriting"],
    about: "the same, with flushes and compactions on the event loop"
  },
  classicLevel,
  {
    ...classicLevel,
    name: "classic-level, defaults",
    budgets: "own",
    only: ["fillrandom", "fillbatch"],
    about: "the same with a write buffer of 4 MiB and a cache of 8 MiB"
  },
  {
    ...classicLevel,
    name: "classic-level, 64 threads",
    environment: { UV_THREADPOOL_SIZE: "64" },
    only: ["fillsync-16", "fillsync-256", "fillsync-1024"],
    about: "the same with 64 threads in Node's pool instead of 4"
  },
  {
    name: "rocksdb",
    peer: "rocksdb",
    family: "lsm",
    package: "@nxtedition/rocksdb",
    load: async () => (await import("./rocksdb.ts")).loadRocksdb(),
    about: "RocksDB, by @nxtedition/rocksdb; its puts hold the event loop, and no two share a sync",
    budgets: "equal",
    reopens: true
  },
  lmdb,
  {
    ...lmdb,
    name: "lmdb, as it ships",
    durability: "sync",
    only: ["fillrandom", "readwhilewriting"],
    about: "the same, which syncs every commit",
    differs: () => "on stable storage before it is acknowledged"
  },
  {
    name: "sqlite",
    peer: "sqlite",
    family: "tree",
    load: async () => (await import("./sqlite.ts")).openSqlite,
    about: "SQLite, by node:sqlite, with a write-ahead log; all calls hold the event loop",
    budgets: "equal",
    reopens: true
  },
  {
    name: "big-lock",
    peer: "big-lock",
    family: "lock",
    load: async () => (await import("./bigLock.ts")).openBigLock,
    about: "this store's memtable, log and tables behind one lock; no peer, never reopened: it loads what it reads",
    budgets: "equal",
    reopens: false
  }
]

/** All that `--peers` takes. */
export const peerNames: ReadonlyArray<string> = [...new Set(contenders.map(({ peer }) => peer))]
  .filter((peer) => peer !== effectLsm.peer)

export const contenderNamed = (name: string): Contender => {
  const found = contenders.find((each) => each.name === name)
  if (found === undefined) throw new TypeError(`There is no store ${name}.`)
  return found
}
