import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { MINUTE_MS } from '../../shared/kernel/time.ts'
import { describeError, type Log } from '../../shared/observe/logger.ts'

export type RedisSettings = {
  /** `redis:` or `rediss:` (TLS), with name and password where they are wanted. */
  readonly url: string
  /** The address is one node's of a cluster, or the cluster's own: the others are found by it. */
  readonly isCluster: boolean
  /** For the answer to one command. */
  readonly timeoutMs: number
}

const CONNECT_TIMEOUT_MS = 2_000
const RECONNECT_DELAY_MS_MAX = 2_000
/** Where a slot is now, a call would tell us as well; the look keeps it from being a call that has to wait. */
const SLOTS_REFRESH_MS = 5_000
/** A command follows a slot that moved (MOVED), and one that is on its way (ASK), but no chain of them. */
const REDIRECTIONS_MAX = 3
const WARN_INTERVAL_MS = MINUTE_MS

/**
 * Redis for calls that wait for nobody: a command fails at once while its node is away, and the connection comes back
 * by itself. Of a cluster only the commands of the lost shard fail.
 */
export const openRedis = (settings: RedisSettings, log: Log): Redis | Cluster => {
  const redis = settings.isCluster ? openCluster(settings) : openNode(settings)
  let warnedAt = -Infinity
  const warn = (error: Error) => {
    const now = performance.now()
    if (now - warnedAt < WARN_INTERVAL_MS) return
    warnedAt = now
    log.warn('redis away, counting in memory', describeError(error))
  }
  redis.on('error', warn)
  redis.on('node error', warn)
  return redis
}

const reconnectDelayMs = (attempts: number) => Math.min(attempts * 100, RECONNECT_DELAY_MS_MAX)

const openNode = ({ url, timeoutMs }: RedisSettings): Redis =>
  new Redis(url, {
    ...commandOptions(timeoutMs),
    enableOfflineQueue: false,
    retryStrategy: reconnectDelayMs,
  })

const openCluster = ({ url, timeoutMs }: RedisSettings): Cluster => {
  const { hostname, port, protocol, username, password } = new URL(url)
  const isTls = protocol === 'rediss:'
  return new Cluster([{ host: hostname, port: port === '' ? 6379 : Number(port) }], {
    redisOptions: {
      ...commandOptions(timeoutMs),
      ...(username && { username: decodeURIComponent(username) }),
      ...(password && { password: decodeURIComponent(password) }),
      ...(isTls && { tls: {} }),
    },
    enableOfflineQueue: false,
    maxRedirections: REDIRECTIONS_MAX,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    clusterRetryStrategy: reconnectDelayMs,
    // A certificate is for a name, so a name must not be turned into an address before.
    ...(isTls && { dnsLookup: (address, callback) => callback(null, address) }),
  })
}

const commandOptions = (timeoutMs: number) =>
  ({
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: timeoutMs,
    disconnectTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
  }) satisfies RedisOptions
