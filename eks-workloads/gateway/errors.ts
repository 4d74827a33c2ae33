/** A refusal of the gateway itself: it knows statuses that no service answers (405, 408, 502, 504). */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  readonly title: string
  readonly code: string
  readonly headers: Readonly<Record<string, string>>

  constructor(
    [status, title]: readonly [number, string],
    code: string,
    message: string,
    { headers = {}, cause }: { headers?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.status = status
    this.title = title
    this.code = code
    this.headers = headers
  }
}

const BAD_REQUEST = [400, 'Bad Request'] as const
const UNAUTHORIZED = [401, 'Unauthorized'] as const
const TOO_MANY = [429, 'Too Many Requests'] as const
const UNAVAILABLE = [503, 'Service Unavailable'] as const

/** RFC 6750 section 3: which scheme to use, and whether the token was the reason. */
const challenge = (error?: string) => ({
  'www-authenticate': `Bearer realm="hub"${error ? `, error="${error}"` : ''}`,
})

const retryAfter = (seconds: number) => ({
  'retry-after': String(Math.max(1, Math.ceil(seconds))),
})

export const targetInvalid = () =>
  new Refusal(BAD_REQUEST, 'request.target', 'The path of the request is not one of this API.')

export const requestMalformed = (cause?: unknown) =>
  new Refusal(BAD_REQUEST, 'request.malformed', 'The request is not valid HTTP.', { cause })

export const routeNotFound = () =>
  new Refusal([404, 'Not Found'], 'route.not_found', 'There is no such operation.')

export const methodNotAllowed = (allowed: readonly string[]) =>
  new Refusal([405, 'Method Not Allowed'], 'route.method', 'This path has no such method.', {
    headers: { allow: allowed.join(', ') },
  })

export const requestTimeout = () =>
  new Refusal([408, 'Request Timeout'], 'request.timeout', 'The request did not arrive in time.')

export const bodyTooLarge = () =>
  new Refusal([413, 'Content Too Large'], 'request.too_large', 'The body is larger than 1 MB.')

export const expectationFailed = () =>
  new Refusal([417, 'Expectation Failed'], 'request.expectation', 'Only 100-continue is known.')

export const headersTooLarge = () =>
  new Refusal(
    [431, 'Request Header Fields Too Large'],
    'request.headers_too_large',
    'The request has too many or too long headers.',
  )

export const signInFirst = () =>
  new Refusal(UNAUTHORIZED, 'access.unauthenticated', 'Sign in to do this.', {
    headers: challenge(),
  })

export const tokenInvalid = (cause?: unknown) =>
  new Refusal(
    UNAUTHORIZED,
    'access.token_invalid',
    'The access token is not valid; refresh it or sign in again.',
    { headers: challenge('invalid_token'), cause },
  )

export const originRefused = () =>
  new Refusal([403, 'Forbidden'], 'access.origin', 'Pages of this origin may not connect.')

export const rateLimited = (retryAfterSeconds: number) =>
  new Refusal(TOO_MANY, 'rate.limited', 'Too many requests; please slow down.', {
    headers: retryAfter(retryAfterSeconds),
  })

/** Nobody can say who this is or what they may do: refused rather than guessed. */
export const identityUnavailable = (cause?: unknown) =>
  new Refusal(UNAVAILABLE, 'access.unavailable', 'Please try again in a moment.', {
    headers: retryAfter(1),
    cause,
  })

export const serviceUnavailable = (service: string, retryAfterSeconds: number) =>
  new Refusal(UNAVAILABLE, `${service}.unavailable`, 'Please try again in a moment.', {
    headers: retryAfter(retryAfterSeconds),
  })

export const gatewayBusy = () =>
  new Refusal(UNAVAILABLE, 'gateway.busy', 'Please try again in a moment.', {
    headers: retryAfter(1),
  })

export const badGateway = (cause?: unknown) =>
  new Refusal([502, 'Bad Gateway'], 'gateway.bad_answer', 'The service broke off its answer.', {
    cause,
  })

export const gatewayTimeout = () =>
  new Refusal(
    [504, 'Gateway Timeout'],
    'gateway.timeout',
    'The service did not answer in time; what was asked may still have been done.',
  )
