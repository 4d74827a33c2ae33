import { hash } from 'node:crypto'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import type { Log } from '../../shared/observe/logger.ts'
import { RATE_CLASSES, type RateClass } from './domain.ts'
import { openRedis, type RedisSettings } from './redis.ts'

/** Limits are per minute. */
export const RATE_WINDOW_SECONDS = 60
/** Calls in a window for each class. */
export type RateLimits = Readonly<Record<RateClass, number>>

export type Rate = {
  readonly isAllowed: boolean
  readonly retryAfterSeconds: number
  /** `RateLimit` and `RateLimit-Policy` (IETF httpapi-ratelimit-headers draft). */
  readonly headers: Readonly<Record<string, string>>
}

export type RateLimiter = {
  /** Counts one call of `key`, of which Redis sees a hash only. */
  take(rateClass: RateClass, key: string): Promise<Rate>
  close(): void
}

/**
 * Counts calls in memory, or in Redis for all replicas together. When Redis is away (of a cluster: the key's shard)
 * each replica counts by itself, so the limit grows to at most its number of replicas times; nobody is refused for it.
 */
export const createRateLimiter = ({
  limits,
  redis: settings,
  log,
}: {
  limits: RateLimits
  redis: RedisSettings | undefined
  log: Log
}): RateLimiter => {
  const redis = settings && openRedis(settings, log)
  const limiterOf = (rateClass: RateClass) => {
    const memory = new RateLimiterMemory({
      keyPrefix: rateClass,
      points: limits[rateClass],
      duration: RATE_WINDOW_SECONDS,
    })
    if (!redis) return memory
    return new RateLimiterRedis({
      storeClient: redis,
      keyPrefix: `hub:rate:${rateClass}`,
      points: limits[rateClass],
      duration: RATE_WINDOW_SECONDS,
      insuranceLimiter: memory,
      rejectIfRedisNotReady: true,
    })
  }
  const limiters = new Map(RATE_CLASSES.map((each) => [each, limiterOf(each)]))
  return {
    async take(rateClass, key) {
      const name = redis ? hash('sha256', key, 'base64url') : key
      const counted = await limiters
        .get(rateClass)
        ?.consume(name)
        .catch((refused: unknown) => {
          // The library throws its result for a refusal, and an Error for a fault.
          if (refused instanceof RateLimiterRes) return refused
          throw refused
        })
      return toRate(counted ?? new RateLimiterRes(), { rateClass, limit: limits[rateClass] })
    },
    close: () => redis?.disconnect(),
  }
}

const toRate = (
  { consumedPoints, msBeforeNext }: RateLimiterRes,
  { rateClass, limit }: { rateClass: RateClass; limit: number },
): Rate => {
  const resetSeconds = Math.ceil(msBeforeNext / 1_000)
  const remaining = Math.max(0, limit - consumedPoints)
  return {
    isAllowed: consumedPoints <= limit,
    retryAfterSeconds: resetSeconds,
    headers: {
      'ratelimit-policy': `"${rateClass}";q=${limit};w=${RATE_WINDOW_SECONDS}`,
      ratelimit: `"${rateClass}";r=${remaining};t=${resetSeconds}`,
    },
  }
}
