import * as z from 'zod'
import type { Log } from '../observe/logger.ts'
import type { Bus } from './port.ts'

/** Which log a process speaks to. On one machine EVENT_LOG_URL overrides the brokers of the template. */
export const busSchema = z.object({
  /** `host:port`, separated by commas. */
  KAFKA_BROKERS: z.string().optional(),
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
    const { KAFKA_USERNAME: username, KAFKA_PASSWORD: password } = config
    return openKafkaBus({
      brokers: config.KAFKA_BROKERS.split(',').map((broker) => broker.trim()),
      tls: config.KAFKA_TLS,
      ...(username && password && { sasl: { username, password } }),
      log,
    })
  }
  throw new Error('The environment is not right: KAFKA_BROKERS or EVENT_LOG_URL must be set')
}
