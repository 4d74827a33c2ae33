import { randomBytes } from 'node:crypto'

/** W3C Trace Context, version 00: `00-<trace id, 32 hex>-<parent id, 16 hex>-<flags>`. */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/
const X_AMZN_TRACE_ROOT = /Root=1-([0-9a-f]{8})-([0-9a-f]{24})/

/** Continues the trace of a request (`traceparent`, else the balancer's `x-amzn-trace-id`), or begins one. */
export const traceparentOf = (headers: { get(name: string): string | null }): string => {
  const given = headers.get('traceparent')
  const traceId =
    (given ? TRACEPARENT.exec(given)?.[1] : undefined) ??
    X_AMZN_TRACE_ROOT.exec(headers.get('x-amzn-trace-id') ?? '')
      ?.slice(1)
      .join('')
  return childOf(traceId ?? randomHex(TRACE_ID_DIGITS))
}

/** The 32 hex digits that every log line, event and answer of one cause share. */
export const traceIdOf = (traceparent: string): string => TRACEPARENT.exec(traceparent)?.[1] ?? ''

/** A new span of the same trace; a broken or absent parent begins a new trace. */
export const continueTrace = (traceparent: string | undefined): string =>
  childOf(traceIdOf(traceparent ?? '') || randomHex(TRACE_ID_DIGITS))

const childOf = (traceId: string) => `00-${traceId}-${randomHex(SPAN_ID_DIGITS)}-01`

const TRACE_ID_DIGITS = 32
const SPAN_ID_DIGITS = 16
const POOL_BYTES = 4_096

// No secrets, so they may wait in memory: drawing them one by one would cost each request several system calls.
let pool = ''
let drawn = 0
const randomHex = (digits: number): string => {
  if (drawn + digits > pool.length) {
    pool = randomBytes(POOL_BYTES).toString('hex')
    drawn = 0
  }
  drawn += digits
  return pool.slice(drawn - digits, drawn)
}
