/**
 * What the simulated system refuses a call with. It is thrown inside the disk
 * model only; the disk turns it into a `DiskError` that names call and path.
 */
export class Errno extends Error {
  readonly code: string

  constructor(code: string) {
    super(code)
    this.code = code
  }
}
