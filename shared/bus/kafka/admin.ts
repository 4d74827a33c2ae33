import type { Admin, Kafka } from 'kafkajs'
import { silentLog } from '../../observe/logger.ts'
import { BusUnavailableError } from '../port.ts'
import { type KafkaConnection, openKafka } from './client.ts'

/** To make a hub's topics takes a small cluster some seconds. */
const ADMIN_TIMEOUT_MS = 30_000

/** An admin client of this cluster for one piece of work. @throws what kafkajs throws. */
export const withAdmin = async <Result>(
  kafka: Kafka,
  work: (admin: Admin) => Promise<Result>,
): Promise<Result> => {
  const admin = kafka.admin()
  try {
    await admin.connect()
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

/**
 * Lends an admin client for one piece of work, to a tool that a person runs.
 *
 * @throws BusUnavailableError with one sentence for a person when no broker lets us in.
 */
export const lendAdmin = async <Result>(
  connection: KafkaConnection,
  work: (admin: Admin) => Promise<Result>,
): Promise<Result> => {
  const kafka = openKafka({ ...connection, log: silentLog }, { requestTimeoutMs: ADMIN_TIMEOUT_MS })
  const admin = kafka.admin()
  try {
    // Not `connect` alone: a cluster that answers may still have no controller.
    await admin.connect()
    await admin.describeCluster()
  } catch (error) {
    await admin.disconnect().catch(() => {})
    throw new BusUnavailableError(
      `Kafka at ${connection.brokers.join(', ')} cannot be used: ${reasonOf(error)}.`,
      { cause: error },
    )
  }
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

/** What kafkajs gave up on, without its wrappings. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message.replace(/\.$/, '')
}
