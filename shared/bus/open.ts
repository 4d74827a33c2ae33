import * as z from 'zod'
import type { Log } from '../observe/logger.ts'
import type { KafkaConnection } from './kafka/client.ts'
import type { Bus } from './port.ts'

/** `host:port`, separated by commas. */
export const brokersSchema = z
  .string()
  .regex(/^[^\s:,]+:\d{1,5}( *, *[^\s:,]+:\d{1,5})*$/, 'must be host:port, separated by commas')

/** Which log a process speaks to. On one machine EVENT_LOG_URL overrides the brokers of the template. */
export const busSchema = z.object({
  /** Empty on a machine whose log is EVENT_LOG_URL. */
  KAFKA_BROKERS: z.union([z.literal(''), brokersSchema]).optional(),
  KAFKA_TLS: z.stringbool().default(false),
  /** SCRAM-SHA-512; without a name nobody signs in. */
  KAFKA_USERNAME: z.string().optional(),
  KAFKA_PASSWORD: z.string().optional(),
  EVENT_LOG_URL: z.url().optional(),
})

export type BusConfig = z.output<typeof busSchema>

/**
 * Opens the log that the environment names. The drivers are loaded here and nowhere else, so that a process which
 * opens none carries neither.
 *
 * @throws an Error when none is named.
 */
export const openBus = async (config: BusConfig, { log }: { log: Log }): Promise<Bus> => {
  if (config.EVENT_LOG_URL) {
    const { openEmbeddedBus } = await import('./embedded.ts')
    return openEmbeddedBus({ url: config.EVENT_LOG_URL, log })
  }
  if (config.KAFKA_BROKERS) {
    const { openKafkaBus } = await import('./kafka.ts')
    return openKafkaBus({ ...kafkaConnectionOf(config, config.KAFKA_BROKERS), log })
  }
  throw new Error('The environment is not right: KAFKA_BROKERS or EVENT_LOG_URL must be set')
}

export const kafkaConnectionOf = (
  {
    KAFKA_TLS: tls,
    KAFKA_USERNAME: username,
    KAFKA_PASSWORD: password,
  }: Pick<BusConfig, 'KAFKA_TLS' | 'KAFKA_USERNAME' | 'KAFKA_PASSWORD'>,
  brokers: string,
): KafkaConnection => ({
  brokers: brokers.split(',').map((broker) => broker.trim()),
  tls,
  ...(username && password && { sasl: { username, password } }),
})
