/**
 * Tools for testing programs that live on an effect-lsm `Disk`, the store
 * itself among them: a disk that can lose power, a runner that makes every
 * order of events repeatable, and checkers of what a store answers, holds and
 * leaves behind. The engine imports nothing from here.
 */
export { Bank, type BankOptions } from "./Bank.ts"
export type { CrashMode } from "./CrashImage.ts"
export type { DiskCall, DiskOperation, DiskRequest } from "./DiskCall.ts"
export type { DiskCallListener } from "./DiskCalls.ts"
export type { Fault, FaultPlan } from "./FaultPlan.ts"
export type { Problem } from "./Problem.ts"
export { SeededRandom } from "./SeededRandom.ts"
export {
  type FiberInterrupt,
  type InterruptMark,
  SeededScheduler,
  type SeededSchedulerOptions,
  type TaskOrder
} from "./SeededScheduler.ts"
export { SimulatedDisk, type SimulatedDiskOptions } from "./SimulatedDisk.ts"
export {
  interruptAtYield,
  type Interrupted,
  runSimulation,
  simulate,
  type SimulationOptions,
  type SimulationReport,
  SimulationStuck
} from "./Simulation.ts"
export {
  boundProblems,
  type BoundsWatch,
  type SettledOptions,
  settledProblems,
  type StoreBounds,
  watchBounds
} from "./StoreBounds.ts"
export {
  type HistoryFigures,
  type HistoryMark,
  type ObserveOptions,
  type StoreEnd,
  StoreHistory
} from "./StoreHistory.ts"
export { type ModelChange, type ModelState, StoreModel } from "./StoreModel.ts"
export { shapeProblems } from "./StoreShape.ts"
export { VirtualClock } from "./VirtualClock.ts"
