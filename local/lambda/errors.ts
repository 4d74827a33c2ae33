/** A refusal of the Invoke API, as opposed to an error inside the function. */
export class LambdaApiError extends Error {
  override readonly name: string = 'LambdaApiError'
  /** AWS's exception name. */
  readonly type: string
  readonly status: number
  /** Only throttling says why in the answer. */
  readonly reason: string | undefined

  constructor(type: string, status: number, message: string, reason?: string) {
    super(message)
    this.type = type
    this.status = status
    this.reason = reason
  }
}

export const functionNotFound = (name: string) =>
  new LambdaApiError('ResourceNotFoundException', 404, `Function not found: ${name}`)

export const throttled = (
  reason: 'ReservedFunctionConcurrentInvocationLimitExceeded' | 'ConcurrentInvocationLimitExceeded',
) => new LambdaApiError('TooManyRequestsException', 429, 'Rate Exceeded.', reason)

export const queueFull = () =>
  new LambdaApiError('TooManyRequestsException', 429, 'Rate Exceeded.', 'CallerRateLimitExceeded')

export const payloadTooLarge = (bytesMax: number) =>
  new LambdaApiError(
    'RequestTooLargeException',
    413,
    `Request must be smaller than ${bytesMax} bytes for the InvokeFunction operation`,
  )

export const payloadNotJson = () =>
  new LambdaApiError(
    'InvalidRequestContentException',
    400,
    'Could not parse request body into json.',
  )

export const shuttingDown = () =>
  new LambdaApiError('ServiceException', 500, 'The local Lambda service is shutting down.')
