import type { Mutant } from "./Mutant.ts"
import { owning } from "./owning.ts"
import { reading } from "./reading.ts"
import { recovering } from "./recovering.ts"
import { structure } from "./structure.ts"
import { tables } from "./tables.ts"
import { writing } from "./writing.ts"

/** All mutants: bugs that the simulation must find. */
export const mutants: ReadonlyArray<Mutant> = [
  ...writing,
  ...structure,
  ...reading,
  ...tables,
  ...recovering,
  ...owning
]
