import { Redis } from 'ioredis'
import { hubTopics, withReplicasMax } from '../../shared/bus/hub-topics.ts'
import { lendAdmin } from '../../shared/bus/kafka/admin.ts'
import { applyTopics, planTopics, readTopics } from '../../shared/bus/kafka/topics.ts'
import { kafkaConnectionOf } from '../../shared/bus/open.ts'
import { type HubConfig, type KafkaConfig, reasonOf, StartError } from './config.ts'
import { createBucket, createDatabase } from './stores.ts'

const CONNECT_TIMEOUT_MS = 3_000

/**
 * Makes what the hub needs in the engines that a person has named: database, topics, bucket. Before all else, so that
 * a wrong address is told of at once.
 *
 * @throws an Error with one sentence for the first that cannot be used.
 */
export const prepareEngines = async ({
  databaseUrl,
  kafka,
  redis,
  s3,
}: HubConfig): Promise<void> => {
  if (databaseUrl) await createDatabase(databaseUrl)
  if (kafka) await makeTopics(kafka)
  if (redis) await expectRedis(redis)
  if (s3) await createBucket(s3)
}

/** As `npm run topics` makes them, on as many brokers as there are. */
const makeTopics = (kafka: KafkaConfig): Promise<void> =>
  lendAdmin(kafkaConnectionOf(kafka, kafka.KAFKA_BROKERS), async (admin) => {
    const { brokers } = await admin.describeCluster()
    const topics = withReplicasMax(hubTopics, brokers.length)
    const existing = await readTopics(
      admin,
      topics.map(({ name }) => name),
    )
    await applyTopics(admin, planTopics(topics, existing, { isGrowing: false }))
  })

/**
 * The gateway would go on without its Redis, and without a word: a person who names one is told before.
 *
 * @throws StartError when it cannot be used, or is a cluster where none was named, or none where one was.
 */
const expectRedis = async (settings: NonNullable<HubConfig['redis']>): Promise<void> => {
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
