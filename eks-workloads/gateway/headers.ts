import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { INTERNAL_TOKEN_HEADER } from '../../shared/auth/internal-token.ts'
import { traceIdOf, traceparentOf } from '../../shared/observe/trace.ts'

/** A request with more is refused rather than cut. */
export const HEADERS_MAX = 100
/** All headers together. */
export const HEADER_BYTES_MAX = 16 * 1_024

/** What the gateway says of a request, to those behind it and in its log. */
export type Tags = {
  readonly requestId: string
  readonly traceparent: string
  readonly traceId: string
  /** IP address of the client, as far as trusted proxies tell. */
  readonly clientAddress: string
}

/** @param trustedHops proxies before us that append to `x-forwarded-for`. */
export const tagsOf = (request: IncomingMessage, trustedHops: number): Tags => {
  const { headers } = request
  const given = headers['x-request-id']
  const traceparent = traceparentOf({ get: (name) => textOf(headers[name]) })
  return {
    requestId: typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID(),
    traceparent,
    traceId: traceIdOf(traceparent),
    clientAddress: clientAddressOf(request, trustedHops),
  }
}

/** What a service gets: the client's headers without those that are ours to say, and ours. */
export const forwardedHeaders = (
  headers: IncomingHttpHeaders,
  {
    tags,
    internalToken,
    publicUrl,
  }: { tags: Tags; internalToken: string | undefined; publicUrl: URL },
): Record<string, string | string[]> => {
  const named = connectionOptions(headers)
  const forwarded: Record<string, string | string[]> = {}
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value !== undefined && isForwarded(name) && !named.has(name)) forwarded[name] = value
  }
  forwarded['x-request-id'] = tags.requestId
  forwarded.traceparent = tags.traceparent
  forwarded['x-forwarded-for'] = tags.clientAddress
  forwarded['x-forwarded-host'] = publicUrl.host
  forwarded['x-forwarded-proto'] = publicUrl.protocol.slice(0, -1)
  if (internalToken !== undefined) forwarded[INTERNAL_TOKEN_HEADER] = internalToken
  return forwarded
}

/** What a client gets of a service's headers. */
export const answeredHeaders = (
  headers: IncomingHttpHeaders,
): Record<string, string | string[]> => {
  const named = connectionOptions(headers)
  const answered: Record<string, string | string[]> = {}
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (value !== undefined && isAnswered(name) && !named.has(name)) answered[name] = value
  }
  return answered
}

/** Said on every answer, unless the service says it otherwise. */
export const securityHeaders = (publicUrl: URL): Readonly<Record<string, string>> => ({
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  // Of whoever asked, and of now: what anybody may keep says so itself.
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  ...(publicUrl.protocol === 'https:' && {
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
  }),
})

/** Meant for one connection only (RFC 9110 section 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The client's word does not count for these; and the access token ends here. */
const OURS = new Set([
  'authorization',
  'expect',
  'forwarded',
  'host',
  'tracestate',
  'traceparent',
  'x-amzn-trace-id',
  'x-real-ip',
  'x-request-id',
])

const REQUEST_ID = /^[\w.-]{8,64}$/

// Some servers read `x_hub_token` as `x-hub-token`.
const isForwarded = (name: string): boolean => {
  const dashed = name.includes('_') ? name.replaceAll('_', '-') : name
  return !HOP_BY_HOP.has(dashed) && !OURS.has(dashed) && !OUR_PREFIXES.test(dashed)
}

const OUR_PREFIXES = /^x-(?:hub|forwarded|amzn)-/

const isAnswered = (name: string): boolean =>
  !HOP_BY_HOP.has(name) &&
  name !== 'server' &&
  name !== 'x-powered-by' &&
  !name.startsWith('x-hub-') &&
  !name.startsWith('x-amzn-')

const connectionOptions = ({ connection }: IncomingHttpHeaders): ReadonlySet<string> =>
  connection === undefined || connection === 'keep-alive' || connection === 'close'
    ? NONE
    : new Set(
        connection
          .toLowerCase()
          .split(',')
          .map((name) => name.trim()),
      )

const NONE: ReadonlySet<string> = new Set()

// Each trusted proxy appended the address it saw: counted from the right, what lies further left is hearsay.
const clientAddressOf = (request: IncomingMessage, trustedHops: number): string => {
  const peer = request.socket.remoteAddress ?? ''
  if (trustedHops === 0) return peer
  const chain = (textOf(request.headers['x-forwarded-for']) ?? '')
    .split(',')
    .map((address) => address.trim())
    .filter((address) => ADDRESS.test(address))
  return chain.at(-trustedHops) ?? peer
}

const ADDRESS = /^[0-9a-f.:]{2,45}$/i

const textOf = (value: string | string[] | undefined): string | null =>
  value === undefined ? null : Array.isArray(value) ? value.join(', ') : value
