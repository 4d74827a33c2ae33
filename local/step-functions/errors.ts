/** A refusal that the SDKs turn into an exception of the same name. */
export class ServiceException extends Error {
  override readonly name: string
  readonly status: number

  constructor(name: string, message: string, status = 400) {
    super(message)
    this.name = name
    this.status = status
  }
}

/**
 * What Retry and Catch see of a failed state: `error` is matched against `ErrorEquals`, `cause` is
 * free text (for a Lambda function the JSON of its error, as AWS does it).
 */
export type Failure = { readonly error: string; readonly cause: string }

/** Errors that no `States.ALL` may catch or retry. */
export const TERMINAL_ERRORS: ReadonlySet<string> = new Set([
  'States.DataLimitExceeded',
  'States.Runtime',
])

/**
 * Thrown by everything that waits once its execution was stopped, timed out or left for the next
 * start.
 */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  // The interpreter reads these two: an interrupted state is neither retried nor caught.
  readonly isRetryable = false
  readonly isCatchable = false
}
