import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { AccountId } from '../../shared/kernel/id.ts'
import { MINUTE_MS, SECOND_MS } from '../../shared/kernel/time.ts'
import { describeError, type Log } from '../../shared/observe/logger.ts'
import type { Cors } from './cors.ts'
import { type AccessToken, rateKeyOf } from './domain.ts'
import {
  badGateway,
  gatewayBusy,
  gatewayTimeout,
  originRefused,
  Refusal,
  rateLimited,
  requestMalformed,
  routeNotFound,
  serviceUnavailable,
  signInFirst,
} from './errors.ts'
import { CLOSE_POLICY, CLOSE_SERVICE_RESTART, closeFrame, followFrames } from './frames.ts'
import { forwardedHeaders, type Tags, tagsOf } from './headers.ts'
import { bearerOf, type Identify } from './identity.ts'
import { rawProblem } from './problems.ts'
import type { RateLimiter } from './rate-limit.ts'
import { readTarget } from './routing.ts'

export const SOCKETS_MAX = 10_000
export const SOCKETS_PER_ACCOUNT_MAX = 20
/** A socket silent on both sides for longer is closed; pods ping more often than that. */
export const SOCKET_IDLE_MS_MAX = 2 * MINUTE_MS
/** How long a pod has to accept. */
export const SOCKET_CONNECT_MS_MAX = 5 * SECOND_MS
/** How long a closing socket has to say goodbye. */
export const SOCKET_CLOSE_MS_MAX = SECOND_MS
/** In `Sec-WebSocket-Protocol` a browser, which cannot set headers, offers its access token behind this. */
export const TOKEN_PROTOCOL_PREFIX = 'hub.token.'

/** Relays WebSockets to the pods: the token is checked once, then bytes flow both ways untouched. */
export type Sockets = {
  /** Takes over the connection; refusals are problem documents. */
  upgrade(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void>
  /** Closes (1008) the sockets of those who may not go on. */
  closeWhere(matches: (access: AccessToken) => boolean): void
  count(): number
  /** Refuses new ones and closes all (1012: come back, to another replica). */
  drain(): Promise<void>
}

export type SocketsOptions = {
  /** Path prefix -> base URL of a pod. */
  readonly pods: Readonly<Record<string, string>>
  readonly identify: Identify
  readonly limiter: RateLimiter
  readonly cors: Cors
  readonly publicUrl: URL
  readonly trustedHops: number
  readonly log: Log
}

type Tunnel = {
  readonly access: AccessToken
  readonly closed: Promise<void>
  close(code: number): void
}

export const createSockets = (options: SocketsOptions): Sockets => {
  const pods = Object.entries(options.pods).map(([prefix, url]) => ({ prefix, url: new URL(url) }))
  const tunnels = new Set<Tunnel>()
  let connecting = 0
  let isDraining = false
  const podOf = (path: string) =>
    pods.find(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`))?.url

  // Those that are still being connected have their place, too.
  const placesOf = new Map<AccountId, number>()
  const takePlace = ({ accountId }: AccessToken): (() => void) => {
    const taken = placesOf.get(accountId) ?? 0
    if (taken >= SOCKETS_PER_ACCOUNT_MAX) throw rateLimited(1)
    placesOf.set(accountId, taken + 1)
    return () => {
      const left = (placesOf.get(accountId) ?? 1) - 1
      if (left === 0) placesOf.delete(accountId)
      else placesOf.set(accountId, left)
    }
  }

  const admit = async (request: IncomingMessage, tags: Tags) => {
    const target = request.url ?? ''
    const { path, query } = readTarget(target)
    const pod = podOf(path)
    if (!pod) throw routeNotFound()
    if (isDraining || tunnels.size + connecting > SOCKETS_MAX) throw gatewayBusy()
    if (!isHandshake(request)) throw requestMalformed()
    if (!options.cors.mayConnect(request.headers.origin)) throw originRefused()
    const { token, protocols } = offersOf(request)
    const { clientAddress } = tags
    const caller = await options.identify(token, { clientAddress })
    if (!caller) throw signInFirst()
    const { access, internalToken } = caller
    const rate = await options.limiter.take(
      'default',
      rateKeyOf('default', { access, clientAddress }),
    )
    if (!rate.isAllowed) throw rateLimited(rate.retryAfterSeconds)
    return { pod, target: `${path}${query}`, access, internalToken, protocols }
  }

  const relay = async (request: IncomingMessage, client: Duplex, head: Buffer, tags: Tags) => {
    const admitted = await admit(request, tags)
    const leavePlace = takePlace(admitted.access)
    const tunnel = await dig(admitted, { request, client, head, tags }).catch((error: unknown) => {
      leavePlace()
      throw error
    })
    if (!tunnel) return leavePlace()
    tunnels.add(tunnel)
    void tunnel.closed.then(() => {
      tunnels.delete(tunnel)
      leavePlace()
    })
  }

  /** Undefined where the client has left meanwhile. */
  const dig = async (
    { pod, target, access, internalToken, protocols }: Awaited<ReturnType<typeof admit>>,
    {
      request,
      client,
      head,
      tags,
    }: { request: IncomingMessage; client: Duplex; head: Buffer; tags: Tags },
  ): Promise<Tunnel | undefined> => {
    const { publicUrl } = options
    const accepted = await connect(pod, target, {
      ...forwardedHeaders(request.headers, { tags, internalToken, publicUrl }),
      ...(protocols.length > 0 && { 'sec-websocket-protocol': protocols.join(', ') }),
      connection: 'Upgrade',
      upgrade: 'websocket',
    })
    if (client.destroyed || isDraining) {
      accepted.socket.destroy()
      if (isDraining) throw gatewayBusy()
      return undefined
    }
    client.write(switchingHead(accepted.answer, tags))
    return splice({ access, client, clientHead: head, pod: accepted })
  }

  return {
    async upgrade(request, client, head) {
      // A connection that ends must not end the process.
      client.on('error', () => {})
      const tags = tagsOf(request, options.trustedHops)
      connecting += 1
      try {
        await relay(request, client, head, tags)
        options.log.info('socket', { trace: tags.traceId, requestId: tags.requestId, status: 101 })
      } catch (error) {
        const refusal = error instanceof Refusal ? error : badGateway(error)
        const reason = error instanceof Refusal ? {} : describeError(error)
        options.log.info('socket refused', { trace: tags.traceId, code: refusal.code, ...reason })
        const instance = (request.url ?? '').split('?')[0] ?? ''
        const headers = { 'x-request-id': tags.requestId }
        client.end(rawProblem(refusal, { instance, traceId: tags.traceId, headers }))
        // No timeout of the server holds for a connection that was upgraded.
        soonDestroyed(client)
      } finally {
        connecting -= 1
      }
    },
    closeWhere(matches) {
      for (const tunnel of tunnels) if (matches(tunnel.access)) tunnel.close(CLOSE_POLICY)
    },
    count: () => tunnels.size,
    async drain() {
      isDraining = true
      for (const tunnel of tunnels) tunnel.close(CLOSE_SERVICE_RESTART)
      await Promise.all([...tunnels].map(({ closed }) => closed))
    },
  }
}

/** RFC 6455 section 4.2.1. */
const isHandshake = ({ method, headers }: IncomingMessage): boolean =>
  method === 'GET' &&
  headers['sec-websocket-version'] === '13' &&
  /^[A-Za-z0-9+/]{22}==$/.test(headers['sec-websocket-key'] ?? '')

const offersOf = ({ headers }: IncomingMessage) => {
  const offered = (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '')
  const ticket = offered.find((protocol) => protocol.startsWith(TOKEN_PROTOCOL_PREFIX))
  return {
    token: ticket?.slice(TOKEN_PROTOCOL_PREFIX.length) ?? bearerOf(headers.authorization),
    // The token goes no further.
    protocols: offered.filter((protocol) => !protocol.startsWith(TOKEN_PROTOCOL_PREFIX)),
  }
}

type Accepted = { readonly answer: IncomingMessage; readonly socket: Socket; readonly head: Buffer }

const connect = (
  pod: URL,
  path: string,
  headers: Record<string, string | string[]>,
): Promise<Accepted> =>
  new Promise((resolve, reject) => {
    const upstream = httpRequest(new URL(pod.origin), { path, headers, agent: false })
    const timer = setTimeout(() => upstream.destroy(gatewayTimeout()), SOCKET_CONNECT_MS_MAX)
    upstream.once('upgrade', (answer, socket, head) => {
      clearTimeout(timer)
      resolve({ answer, socket, head })
    })
    upstream.once('response', (answer) => {
      clearTimeout(timer)
      answer.resume()
      reject(answer.statusCode === 404 ? routeNotFound() : badGateway())
    })
    upstream.once('error', (error) => {
      clearTimeout(timer)
      reject(error instanceof Refusal ? error : serviceUnavailable('socket', 1))
    })
    upstream.end()
  })

const SWITCHING_HEADERS = [
  'upgrade',
  'connection',
  'sec-websocket-accept',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
] as const

const switchingHead = ({ headers }: IncomingMessage, { requestId }: Tags): string => {
  const lines = SWITCHING_HEADERS.flatMap((name) =>
    headers[name] === undefined ? [] : [`${name}: ${headers[name]}`],
  )
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\nx-request-id: ${requestId}\r\n\r\n`
}

const splice = ({
  access,
  client,
  clientHead,
  pod: { socket: pod, head: podHead },
}: {
  access: AccessToken
  client: Duplex
  clientHead: Buffer
  pod: Accepted
}): Tunnel => {
  const frames = followFrames()
  let closeCode: number | undefined
  let isGoodbyeSaid = false
  const toClient = (chunk: Buffer) => {
    if (isGoodbyeSaid) return
    if (closeCode !== undefined) return sayGoodbye(closeCode, chunk)
    frames.take(chunk)
    if (!client.write(chunk)) pod.pause()
  }
  // A close frame fits only between two frames: first comes what is left of the one under way.
  const sayGoodbye = (code: number, chunk: Buffer) => {
    let at = 0
    while (!frames.isAtBoundary() && at < chunk.length) {
      frames.take(chunk.subarray(at, at + 1))
      at += 1
    }
    if (at > 0) client.write(chunk.subarray(0, at))
    if (!frames.isAtBoundary()) return
    isGoodbyeSaid = true
    client.unpipe(pod)
    client.resume()
    client.end(closeFrame(code))
    pod.destroy()
  }
  const closed = Promise.all([closing(client), closing(pod)]).then(() => {})
  client.on('drain', () => pod.resume())
  pod.on('error', () => {})
  pod.on('data', toClient)
  pod.on('end', () => client.end())
  pod.on('close', () => {
    if (!isGoodbyeSaid) client.end()
    soonDestroyed(client)
  })
  client.on('close', () => pod.destroy())
  pod.setTimeout(SOCKET_IDLE_MS_MAX, () => pod.destroy())
  if (podHead.length > 0) toClient(podHead)
  if (clientHead.length > 0) pod.write(clientHead)
  client.pipe(pod)
  return {
    access,
    closed,
    close(code) {
      if (closeCode !== undefined) return
      closeCode = code
      sayGoodbye(code, Buffer.alloc(0))
      soonDestroyed(client)
    },
  }
}

const closing = (stream: Duplex): Promise<void> =>
  new Promise((resolve) => {
    if (stream.closed) return resolve()
    stream.once('close', resolve)
  })

const soonDestroyed = (stream: Duplex): void => {
  const timer = setTimeout(() => stream.destroy(), SOCKET_CLOSE_MS_MAX)
  stream.once('close', () => clearTimeout(timer))
}
