/** What went wrong, in the caller's terms. The kind decides the HTTP status (see `shared/http/problem.ts`). */
export type ErrorKind =
  | 'invalid' // 400: the request itself is wrong
  | 'unauthenticated' // 401: who are you?
  | 'forbidden' // 403: the caller may know about the thing, but may not do this
  | 'not_found' // 404: absent, or none of the caller's business
  | 'conflict' // 409: the state does not allow it (now)
  | 'gone' // 410: it was here and will not come back
  | 'precondition_failed' // 412: If-Match named another version
  | 'too_large' // 413
  | 'unprocessable' // 422: well-formed, but a rule refuses it
  | 'precondition_required' // 428: If-Match is missing
  | 'rate_limited' // 429: with `retryAfterSeconds`
  | 'unavailable' // 503: a part we need is down; nothing was done

export type ErrorOptions = {
  /** Public facts beside the sentence, merged into the problem document (RFC 9457 section 3.2). */
  readonly extensions?: Readonly<Record<string, unknown>>
  /** Private facts for the log. */
  readonly details?: Readonly<Record<string, unknown>>
  /** Seconds until a retry makes sense; answered as `Retry-After`. */
  readonly retryAfterSeconds?: number
  readonly cause?: unknown
}

/**
 * A rule said no, or the world did. Thrown, it rolls the transaction back; *returned* from a handler, what was
 * written before it is kept (a failed sign-in counts).
 *
 * @param code stable and dotted, `<service>.<reason>`; clients switch on it.
 * @param message one public sentence.
 */
export class DomainError extends Error {
  override readonly name = 'DomainError'
  readonly kind: ErrorKind
  readonly code: string
  readonly options: ErrorOptions

  constructor(kind: ErrorKind, code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.kind = kind
    this.code = code
    this.options = options
  }
}
