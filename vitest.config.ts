import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    // The compilers of Node 24, beside the thread that runs, now and then end a process (nodejs/node#66126, #64841).
    execArgv: ["--no-concurrent-recompilation", "--no-concurrent-sparkplug"],
    maxWorkers: 2,
    silent: "passed-only",
    testTimeout: 60_000,
    hookTimeout: 60_000
  }
})
