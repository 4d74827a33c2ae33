import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { type Dispatcher, Pool } from 'undici'
import { SECOND_MS } from '../../shared/kernel/time.ts'
import { isServiceFailure } from './domain.ts'
import {
  badGateway,
  bodyTooLarge,
  gatewayTimeout,
  type Refusal,
  routeNotFound,
  serviceUnavailable,
} from './errors.ts'
import { answeredHeaders, HEADER_BYTES_MAX } from './headers.ts'

export const UPSTREAM_CONNECTIONS_MAX = 512
export const CONNECT_TIMEOUT_MS = 3 * SECOND_MS
/** A connection idle for longer is not used again: below every balancer's own limit. */
export const UPSTREAM_IDLE_MS = 4 * SECOND_MS
/** How often a read is sent in all that lost its connection before any answer. */
export const READ_ATTEMPTS_MAX = 2

export type Forwarding = {
  readonly service: string
  readonly method: string
  /** Path and query, exactly as the client sent them. */
  readonly target: string
  readonly headers: Record<string, string | string[]>
  readonly body: Readable | Buffer | null
  /** The gateway's own headers of the answer, unless the service says them otherwise. */
  readonly said: Readonly<Record<string, string>>
}

/** `cancelled`: the client left, which says nothing of the service. */
export type Outcome = 'success' | 'failure' | 'cancelled'

export type Forwarder = {
  /**
   * Sends a request on and streams the answer back.
   *
   * @throws Failed when nothing was answered yet: the refusal to answer with, and whose failure it was.
   */
  forward(forwarding: Forwarding, response: ServerResponse): Promise<Outcome>
  close(): Promise<void>
}

/** Nothing was answered. */
export class Failed extends Error {
  override readonly name = 'Failed'
  readonly refusal: Refusal
  readonly outcome: Outcome

  constructor(refusal: Refusal, outcome: Outcome) {
    super(refusal.message, { cause: refusal })
    this.refusal = refusal
    this.outcome = outcome
  }
}

/** @param timeoutMs for the head of an answer after the whole request was sent, and for each pause within its body. */
export const createForwarder = ({
  internalUrl,
  timeoutMs,
}: {
  internalUrl: string
  timeoutMs: number
}): Forwarder => {
  const pool = new Pool(new URL(internalUrl).origin, {
    connections: UPSTREAM_CONNECTIONS_MAX,
    pipelining: 1,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepAliveTimeout: UPSTREAM_IDLE_MS,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxHeaderSize: HEADER_BYTES_MAX,
  })
  return {
    async forward(forwarding, response) {
      const isRepeatable =
        forwarding.body === null && (forwarding.method === 'GET' || forwarding.method === 'HEAD')
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await exchange(pool, forwarding, response)
        } catch (error) {
          if (error instanceof Failed) throw error
          // Above all a kept connection that was being closed as it was used.
          if (isRepeatable && attempt < READ_ATTEMPTS_MAX && isLostConnection(error)) continue
          throw new Failed(refusalOf(error, forwarding.service), 'failure')
        }
      }
    },
    close: () => pool.destroy(),
  }
}

const exchange = (pool: Pool, forwarding: Forwarding, response: ServerResponse): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    let running: Dispatcher.DispatchController | undefined
    let refusal: Refusal | undefined
    let outcome: Outcome = 'success'
    const cancel = () => running?.abort(new Error('the client has left'))
    const settle = () => response.off('close', cancel)
    response.once('close', cancel)
    const { method, target: path, headers, body } = forwarding
    pool.dispatch(
      // The router knows the contract's methods only.
      { path, method: method as Dispatcher.HttpMethod, headers, body },
      {
        onRequestStart(controller) {
          running = controller
          if (response.destroyed) cancel()
        },
        onResponseStart(_controller, status, answered) {
          if (status < 200) return
          const contentType = String(answered['content-type'] ?? '')
          if (isServiceFailure(status, contentType)) outcome = 'failure'
          refusal = refusalFor(status, contentType, forwarding.service)
          if (!refusal)
            response.writeHead(status, { ...forwarding.said, ...answeredHeaders(answered) })
        },
        onResponseData(controller, chunk) {
          if (refusal || response.write(chunk)) return
          controller.pause()
          response.once('drain', () => controller.resume())
        },
        onResponseEnd() {
          settle()
          if (refusal) return reject(new Failed(refusal, outcome))
          response.end()
          resolve(outcome)
        },
        onResponseError(_controller, error) {
          settle()
          if (response.destroyed) return resolve('cancelled')
          if (!response.headersSent) return reject(error)
          // Half an answer is out: only breaking off tells the client that it is not whole.
          response.destroy()
          resolve('failure')
        },
      },
    )
  })

/** What a balancer answers in a service's place (text or HTML) becomes a problem document. */
const refusalFor = (status: number, contentType: string, service: string): Refusal | undefined => {
  if (status < 400 || contentType.includes('json')) return undefined
  if (status === 404) return routeNotFound()
  if (status === 413) return bodyTooLarge()
  if (status === 503) return serviceUnavailable(service, 1)
  if (status === 504) return gatewayTimeout()
  return badGateway()
}

const refusalOf = (error: unknown, service: string): Refusal => {
  const code = codeOf(error)
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return gatewayTimeout()
  if (NOTHING_SENT.has(code)) return serviceUnavailable(service, 1)
  return badGateway(error)
}

const isLostConnection = (error: unknown): boolean => LOST.has(codeOf(error))

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''

const NOTHING_SENT = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
])
const LOST = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])
