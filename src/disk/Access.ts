/** Who may read what a store makes on a real disk. The process's umask takes away from it. */
export type Access = "owner" | "group" | "all"

/** The modes that new files and new directories are made with. */
export interface Modes {
  readonly file: number
  readonly directory: number
}

const modes: Readonly<Record<Access, Modes>> = {
  owner: { file: 0o600, directory: 0o700 },
  group: { file: 0o640, directory: 0o750 },
  all: { file: 0o644, directory: 0o755 }
}

export const defaultAccess: Access = "owner"

export const isAccess = (value: unknown): value is Access => value === "owner" || value === "group" || value === "all"

export const modesOf = (access: Access): Modes => modes[access]
