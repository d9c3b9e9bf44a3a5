/**
 * Packages of peers, which are there only if they were installed here. Nor are
 * their types: an adapter says what it uses of a package, and is taken at its word.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const packageFile = (name: string): URL => new URL(`../node_modules/${name}/package.json`, import.meta.url)

/** How to install all of them. */
export const installCommand = "npm ci --prefix scripts/bench"

export const isInstalled = (name: string): boolean => existsSync(packageFile(name))

export const versionOf = (name: string): string => {
  const content: unknown = JSON.parse(readFileSync(packageFile(name), "utf8"))
  return typeof content === "object" && content !== null && "version" in content ? String(content.version) : "?"
}

/** Installs all peers as their lock file says. Throws if that fails. */
export const installPeers = (): void => {
  execFileSync("npm", ["ci", "--prefix", fileURLToPath(new URL("..", import.meta.url))], {
    stdio: ["ignore", "ignore", "pipe"]
  })
}

/** Imports a package, and takes from it what has the given name. */
export const importPeer = async <Export>(
  name: string,
  exported: string,
  isExport: (value: unknown) => value is Export
): Promise<Export> => {
  const module: unknown = await import(name)
  const value: unknown = typeof module === "object" && module !== null ? Reflect.get(module, exported) : undefined
  if (!isExport(value)) throw new TypeError(`The package ${name} has no ${exported}.`)
  return value
}
