/** A Node that does nothing, with so many workers that do nothing: prints its peak of resident bytes. */
import { restIdle } from "./restIdle.ts"

console.log((await restIdle(Number(process.argv[2]))).resident)
