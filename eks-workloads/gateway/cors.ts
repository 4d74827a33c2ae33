import type { IncomingMessage } from 'node:http'

/** How long a browser may remember a preflight (most cap it at two hours). */
export const PREFLIGHT_SECONDS = 7_200

const REQUEST_HEADERS = [
  'authorization',
  'content-type',
  'idempotency-key',
  'if-match',
  'traceparent',
  'x-request-id',
]
const ANSWER_HEADERS = [
  'etag',
  'idempotency-replayed',
  'location',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'x-request-id',
]

/** Which pages may call from a browser: exactly the listed origins, never `*`, because cookies count. */
export type Cors = {
  /** On every answer. */
  headersFor(request: IncomingMessage): Readonly<Record<string, string>>
  isPreflight(request: IncomingMessage): boolean
  /** @param methods of the path that is asked about. */
  preflightHeaders(methods: readonly string[]): Readonly<Record<string, string>>
  /** Whether a page of this origin may open a socket; who is no browser sends none. */
  mayConnect(origin: string | undefined): boolean
}

export const createCors = ({
  origins,
  publicUrl,
}: {
  origins: readonly string[]
  publicUrl: URL
}): Cors => {
  const allowed = new Set(origins)
  return {
    headersFor({ headers: { origin } }) {
      if (allowed.size === 0) return {}
      if (origin === undefined || !allowed.has(origin)) return { vary: 'Origin' }
      return {
        vary: 'Origin',
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers': ANSWER_HEADERS.join(', '),
      }
    },
    isPreflight: ({ method, headers }) =>
      method === 'OPTIONS' &&
      headers.origin !== undefined &&
      headers['access-control-request-method'] !== undefined,
    preflightHeaders: (methods) => ({
      'access-control-allow-methods': methods.join(', '),
      'access-control-allow-headers': REQUEST_HEADERS.join(', '),
      'access-control-max-age': String(PREFLIGHT_SECONDS),
    }),
    mayConnect: (origin) =>
      origin === undefined || origin === publicUrl.origin || allowed.has(origin),
  }
}
