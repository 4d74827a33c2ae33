import { newTraceRoot } from '../lambda/trace.ts'
import { headerValues, type Pair, type RequestFacts } from './facts.ts'

const ADDED = ['x-forwarded-for', 'x-forwarded-port', 'x-forwarded-proto', 'x-amzn-trace-id']

/** The request's headers as a target sees them: the client's, then those that the balancer adds. */
export function targetHeaders(facts: RequestFacts, port: number): Pair[] {
  const forwardedFor = [...headerValues(facts, 'x-forwarded-for'), facts.sourceIp].join(', ')
  return [
    ...facts.headers.filter(([name]) => !ADDED.includes(name)),
    ['x-forwarded-for', forwardedFor],
    ['x-forwarded-port', String(port)],
    ['x-forwarded-proto', 'http'],
    ['x-amzn-trace-id', traceHeader(headerValues(facts, 'x-amzn-trace-id')[0])],
  ]
}

/**
 * AWS: without a Root a new one; with one, it is kept and the balancer's own id goes first as Self.
 */
function traceHeader(incoming: string | undefined): string {
  if (!incoming) return `Root=${newTraceRoot()}`
  if (!/(?:^|;)Root=/.test(incoming)) return `Root=${newTraceRoot()};${incoming}`
  const others = incoming.split(';').filter((field) => !field.startsWith('Self='))
  return [`Self=${newTraceRoot()}`, ...others].join(';')
}

/** They belong to one connection and are never passed on. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
