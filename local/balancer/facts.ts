import type { IncomingMessage } from 'node:http'

/** One HTTP request as rules and events see it; nothing is decoded. */
export type RequestFacts = {
  readonly method: string
  /** Without the query, percent escapes kept. */
  readonly path: string
  /** Query parameters in order, percent escapes kept. */
  readonly query: readonly Pair[]
  /** Names lower-cased, in order, repetitions kept. */
  readonly headers: readonly Pair[]
  readonly sourceIp: string
}

export type Pair = readonly [name: string, value: string]

/** AWS: request line 16 K, a single header 16 K, the whole request header 64 K. */
const REQUEST_LINE_BYTES_MAX = 16 * 1_024
const HEADER_BYTES_MAX = 16 * 1_024
const HEADERS_BYTES_MAX = 64 * 1_024

/** What Node's parser must let through so that the limits above can be judged here. */
export const PARSED_BYTES_MAX = REQUEST_LINE_BYTES_MAX + HEADERS_BYTES_MAX + 1_024

export function requestFacts(request: IncomingMessage): RequestFacts {
  const target = originForm(request.url ?? '/')
  const mark = target.indexOf('?')
  return {
    method: request.method ?? 'GET',
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? [] : queryPairs(target.slice(mark + 1)),
    headers: headerPairs(request.rawHeaders),
    sourceIp: (request.socket.remoteAddress ?? '').replace(/^::ffff:/, ''),
  }
}

/** AWS: more addresses in x-forwarded-for than this are refused. */
const FORWARDED_ADDRESSES_MAX = 30

/**
 * The status of a request that a balancer refuses before it looks for a target, or undefined.
 *
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
 */
export function refusalOf(facts: RequestFacts, target: string): 400 | 405 | 414 | 463 | undefined {
  if (facts.method === 'TRACE') return 405
  if (target.length > REQUEST_LINE_BYTES_MAX) return 414
  const sizes = facts.headers.map(([name, value]) => name.length + value.length)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total > HEADERS_BYTES_MAX || sizes.some((size) => size > HEADER_BYTES_MAX)) return 400
  const addresses = headerValues(facts, 'x-forwarded-for').join().split(',')
  return addresses.length > FORWARDED_ADDRESSES_MAX ? 463 : undefined
}

/** All values of a header, which must be named in lower case. */
export const headerValues = (facts: RequestFacts, name: string): string[] =>
  facts.headers.filter(([key]) => key === name).map(([, value]) => value)

/** A proxy may send `GET http://host/path`. */
function originForm(target: string): string {
  const match = /^[a-z][a-z0-9+.-]*:\/\/[^/?]*(.*)$/i.exec(target)
  if (!match) return target
  const rest = match[1] ?? ''
  return rest.startsWith('/') ? rest : `/${rest}`
}

function queryPairs(query: string): Pair[] {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const at = part.indexOf('=')
      return at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)]
    })
}

function headerPairs(rawHeaders: readonly string[]): Pair[] {
  const pairs: Pair[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    pairs.push([String(rawHeaders[at]).toLowerCase(), String(rawHeaders[at + 1])])
  }
  return pairs
}
