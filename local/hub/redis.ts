import { Redis } from 'ioredis'
import { type HubConfig, reasonOf, StartError } from './config.ts'

const CONNECT_TIMEOUT_MS = 3_000

/**
 * The gateway would go on without its Redis, and without a word: a person who names one is told before.
 *
 * @throws StartError when it cannot be used, or is a cluster where none was named, or none where one was.
 */
export const expectRedis = async (settings: HubConfig['redis']): Promise<void> => {
  if (!settings) return
  const { host } = new URL(settings.url)
  const redis = new Redis(settings.url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: null,
  })
  // What is wrong is thrown by the call as well.
  let fault: unknown
  redis.on('error', (error) => {
    fault = error
  })
  try {
    await redis.connect()
    const isCluster = /cluster_enabled:1/.test(await redis.info('cluster'))
    if (isCluster !== settings.isCluster)
      throw new StartError(
        isCluster
          ? `Redis at ${host} is a cluster: set REDIS_CLUSTER=true.`
          : `Redis at ${host} is no cluster: leave REDIS_CLUSTER out.`,
      )
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`Redis at ${host} cannot be used: ${reasonOf(fault ?? error)}.`)
  } finally {
    redis.disconnect()
  }
}
