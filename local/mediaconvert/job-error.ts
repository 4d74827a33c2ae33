/**
 * Why a job ended in ERROR. Codes as MediaConvert has them: 1010 the input cannot be played, 1401
 * it may not be read, 1404 it is not there, 1999 a fault of ours, which a retry may cure.
 */
export class JobError extends Error {
  override readonly name = 'JobError'
  readonly code: 1010 | 1401 | 1404 | 1999

  constructor(code: 1010 | 1401 | 1404 | 1999, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
