import { internalTokenMinter } from '../../shared/auth/internal-token.ts'
import type { Bus } from '../../shared/bus/port.ts'
import { authContract } from '../../shared/contracts/auth.ts'
import type { Contract } from '../../shared/contracts/define.ts'
import { rbacContract } from '../../shared/contracts/rbac.ts'
import { clientOf } from '../../shared/http/client.ts'
import type { Clock } from '../../shared/kernel/time.ts'
import type { Log } from '../../shared/observe/logger.ts'
import { continueTrace } from '../../shared/observe/trace.ts'
import { createAccessTokens } from './access-token.ts'
import { createBreakers } from './breakers.ts'
import type { Config } from './config.ts'
import { createCors } from './cors.ts'
import { listen } from './events.ts'
import { createHttp, type HandleRequest, type OwnPage } from './http.ts'
import { createIdentify } from './identity.ts'
import { createKeySet, KEYS_REFRESH_MS, KEYS_REFRESH_MS_MIN } from './key-set.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { createPrincipals } from './principals.ts'
import { createForwarder } from './proxy.ts'
import { createRateLimiter } from './rate-limit.ts'
import { react } from './reactions.ts'
import { createRouter } from './routing.ts'
import { createSockets, type Sockets } from './sockets.ts'

/** The gateway without its listener: what answers, and what a process must know to start and end it. */
export type Gateway = {
  readonly handle: HandleRequest
  readonly sockets: Sockets
  readonly metrics: Metrics
  /** Keys are loaded and the log answers: balancers may send. */
  isReady(): boolean
  inFlight(): number
  /** Not ready any more; every further answer is its connection's last. */
  beginDrain(): void
  close(): Promise<void>
}

export type GatewayParts = {
  readonly config: Config
  readonly contracts: readonly Contract[]
  /** The merged OpenAPI document, as JSON. */
  readonly openApi: string
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
}

/** Joins the rooms: token -> session and permissions -> limits -> route -> breaker -> service. */
export const createGateway = async ({
  config,
  contracts,
  openApi,
  bus,
  clock,
  log,
}: GatewayParts): Promise<Gateway> => {
  const publicUrl = new URL(config.PUBLIC_URL)
  const trustedHops = config.TRUSTED_HOPS
  const mint = await internalTokenMinter(config.INTERNAL_SIGNING_KEY)
  const auth = clientOf(authContract, { baseUrl: config.INTERNAL_URL })
  const rbac = clientOf(rbacContract, { baseUrl: config.INTERNAL_URL })
  const anonymous = () => ({ headers: new Headers(), traceparent: continueTrace(undefined) })

  const keys = createKeySet({
    fetchKeys: async () => (await auth.getJwks({}, anonymous())).keys,
    clock,
    log,
  })
  const principals = createPrincipals({
    auth,
    rbac,
    mint,
    clock,
    isListening: () => events.isListening(),
  })
  const limiter = createRateLimiter({
    limits: {
      default: config.RATE_DEFAULT,
      write: config.RATE_WRITE,
      sensitive: config.RATE_SENSITIVE,
      media: config.RATE_MEDIA,
    },
    redis: redisSettings(config),
    log,
  })
  const verify = createAccessTokens({ keys, issuer: config.PUBLIC_URL, clock })
  const identify = createIdentify({ verify, principals, limiter })
  const cors = createCors({ origins: config.CORS_ORIGINS, publicUrl })
  const shared = { identify, limiter, cors, publicUrl, trustedHops, log }
  const sockets = createSockets({ ...shared, pods: config.SOCKET_PODS })
  const events = listen({
    bus,
    replica: config.REPLICA,
    onRecord: (value) => react(value, { principals, sockets }, log),
    log,
  })
  let isDraining = false
  const isReady = () => !isDraining && keys.isLoaded() && events.isConnected()
  const metrics = createMetrics({ inFlight: () => http.inFlight(), sockets: sockets.count })
  const timeoutMs = config.UPSTREAM_TIMEOUT_MS
  const proxy = createForwarder({ internalUrl: config.INTERNAL_URL, timeoutMs })
  const http = createHttp({
    ...shared,
    router: createRouter(contracts),
    breakers: createBreakers({ clock, trialMs: config.CLIENT_TIMEOUT_MS + timeoutMs }),
    proxy,
    metrics,
    ownPages: ownPages({ openApi, isReady, version: config.VERSION }),
    isDraining: () => isDraining,
    clock,
  })
  const refreshing = keepKeysFresh(keys)

  return {
    handle: http.handle,
    sockets,
    metrics,
    isReady,
    inFlight: http.inFlight,
    beginDrain() {
      isDraining = true
      http.lastAnswers()
    },
    async close() {
      clearInterval(refreshing)
      limiter.close()
      await Promise.all([events.close(), proxy.close()])
    },
  }
}

const redisSettings = ({ REDIS_URL: url, REDIS_CLUSTER, REDIS_TIMEOUT_MS }: Config) =>
  url === undefined ? undefined : { url, isCluster: REDIS_CLUSTER, timeoutMs: REDIS_TIMEOUT_MS }

const ownPages = ({
  openApi,
  isReady,
  version,
}: {
  openApi: string
  isReady: () => boolean
  version: string
}) => ({
  '/health': (): OwnPage => json(200, { status: 'ok', version }),
  '/ready': (): OwnPage => (isReady() ? json(200, { ready: true }) : json(503, { ready: false })),
  '/openapi.json': (): OwnPage => ({
    status: 200,
    contentType: 'application/json',
    cacheControl: 'public, max-age=300',
    body: openApi,
  }),
})

const json = (status: number, value: unknown): OwnPage => ({
  status,
  contentType: 'application/json',
  cacheControl: 'no-store',
  body: JSON.stringify(value),
})

/** Until the first answer every second, then at leisure: a key in use is published long before. */
const keepKeysFresh = (keys: ReturnType<typeof createKeySet>): NodeJS.Timeout => {
  let refreshedAt = performance.now()
  void keys.refresh()
  const timer = setInterval(() => {
    const isDue = performance.now() - refreshedAt >= KEYS_REFRESH_MS
    if (keys.isLoaded() && !isDue) return
    refreshedAt = performance.now()
    void keys.refresh()
  }, KEYS_REFRESH_MS_MIN / 5)
  timer.unref()
  return timer
}
