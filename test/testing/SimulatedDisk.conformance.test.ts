import { Effect, Layer } from "effect"
import { SimulatedDisk, type SimulatedDiskOptions } from "../../src/testing/index.ts"
import { diskConformance } from "../disk/conformance.ts"

const freshDisk = (options: SimulatedDiskOptions) => Layer.unwrap(Effect.sync(() => SimulatedDisk.make(options).layer))

diskConformance("SimulatedDisk", freshDisk({}))
diskConformance("SimulatedDisk that never yields", freshDisk({ delay: Effect.void }))
