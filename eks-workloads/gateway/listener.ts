import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { pause } from '../../shared/kernel/pulse.ts'
import { SECOND_MS } from '../../shared/kernel/time.ts'
import { continueTrace, traceIdOf } from '../../shared/observe/trace.ts'
import {
  expectationFailed,
  headersTooLarge,
  type Refusal,
  requestMalformed,
  requestTimeout,
} from './errors.ts'
import { HEADER_BYTES_MAX, HEADERS_MAX } from './headers.ts'
import { rawProblem } from './problems.ts'
import type { Gateway } from './service.ts'

/** Above the 60 s of the balancer before us, so that it is never we who close a connection it is about to use. */
export const KEEP_ALIVE_MS = 65 * SECOND_MS
export const CLIENT_HEADERS_MS_MAX = 10 * SECOND_MS
/** How often late clients are looked for. */
const CONNECTIONS_CHECK_MS = SECOND_MS / 2
const DRAIN_POLL_MS = 25

export type Listener = {
  readonly port: number
  /**
   * Ends without a failed request: first still answers what balancers send (each answer its connection's last), then
   * closes sockets (1012), stops listening, and lets what is under way end.
   *
   * @returns whether everything had ended when the time was over.
   */
  drain(): Promise<boolean>
}

export type ListenOptions = {
  readonly port: number
  readonly host: string
  readonly clientTimeoutMs: number
  readonly drainDelayMs: number
  readonly drainMsMax: number
}

/** Puts a gateway on a port. @throws when the port is taken. */
export const listenOn = async (gateway: Gateway, options: ListenOptions): Promise<Listener> => {
  const current = new WeakMap<Duplex, ServerResponse>()
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: Math.min(CLIENT_HEADERS_MS_MAX, options.clientTimeoutMs),
    requestTimeout: options.clientTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    shouldUpgradeCallback: isWebSocket,
    insecureHTTPParser: false,
  })
  // One more than is allowed, so that one too many is seen and not dropped.
  server.maxHeadersCount = HEADERS_MAX + 1
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    current.set(request.socket, response)
    void gateway.handle(request, response)
  }
  server.on('request', handle)
  // The body is asked for once it is wanted (see body.ts).
  server.on('checkContinue', handle)
  server.on('checkExpectation', (request, response) => {
    refuseRaw(request.socket, expectationFailed())
    response.destroy()
  })
  server.on('upgrade', (request, socket, head) => {
    void gateway.sockets.upgrade(request, socket, head)
  })
  server.on('clientError', (error, socket) => {
    const response = current.get(socket)
    const isAnswering = response?.headersSent === true && !response.writableFinished
    if (isAnswering || !socket.writable) return socket.destroy()
    refuseRaw(socket, refusalOf(error))
  })
  await listening(server, options)
  return {
    // A listening TCP server has an address with a port.
    port: (server.address() as AddressInfo).port,
    drain: () => drain(server, gateway, options),
  }
}

const drain = async (
  server: Server,
  gateway: Gateway,
  { drainDelayMs, drainMsMax }: ListenOptions,
): Promise<boolean> => {
  gateway.beginDrain()
  await pause(drainDelayMs, new AbortController().signal)
  const deadline = performance.now() + drainMsMax
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  await gateway.sockets.drain()
  while (gateway.inFlight() > 0 && performance.now() < deadline)
    await pause(DRAIN_POLL_MS, new AbortController().signal)
  const isDone = gateway.inFlight() === 0
  server.closeAllConnections()
  await closed
  return isDone
}

const listening = (server: Server, { port, host }: ListenOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host }, () => {
      server.off('error', reject)
      resolve()
    })
  })

/** Any other protocol to upgrade to is ignored, as HTTP allows. */
const isWebSocket = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket'

const refusalOf = (error: Error): Refusal => {
  const code = 'code' in error ? error.code : undefined
  if (code === 'HPE_HEADER_OVERFLOW') return headersTooLarge()
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return requestTimeout()
  return requestMalformed()
}

const refuseRaw = (socket: Duplex, refusal: Refusal): void => {
  const traceId = traceIdOf(continueTrace(undefined))
  socket.end(rawProblem(refusal, { instance: '', traceId }), () => socket.destroy())
}
