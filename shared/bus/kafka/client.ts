import { Kafka, type LogEntry, logLevel, type SASLOptions } from 'kafkajs'
import type { Log } from '../../observe/logger.ts'

/** How a cluster is reached. */
export type KafkaConnection = {
  /** `host:port` of some brokers. */
  readonly brokers: readonly string[]
  readonly tls: boolean
  /** SCRAM-SHA-512, as MSK speaks it. */
  readonly sasl?: { readonly username: string; readonly password: string }
}

export type KafkaBusOptions = KafkaConnection & { readonly log: Log }

const CONNECT_TIMEOUT_MS = 3_000
const REQUEST_TIMEOUT_MS = 2_000
const RETRIES_MAX = 4
const RETRY_DELAY_MS = 200
const RETRY_DELAY_MS_MAX = 2_000

/** @param requestTimeoutMs of one request; what an admin asks for may take longer than a record. */
export const openKafka = (
  { brokers, tls, sasl, log }: KafkaBusOptions,
  { requestTimeoutMs = REQUEST_TIMEOUT_MS }: { requestTimeoutMs?: number } = {},
): Kafka => {
  const scram: SASLOptions | undefined = sasl && { mechanism: 'scram-sha-512', ...sasl }
  // kafkajs begins every client at the first broker of a list, and does not get past it when it is frozen. Asked for
  // a list it is given one broker, each time the next: who begins anew begins elsewhere.
  let turn = 0
  const nextBroker = () => {
    const broker = brokers[turn % brokers.length] ?? ''
    turn += 1
    return [broker]
  }
  return new Kafka({
    clientId: 'learning-hub',
    brokers: nextBroker,
    ssl: tls,
    ...(scram && { sasl: scram }),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    authenticationTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: {
      retries: RETRIES_MAX,
      initialRetryTime: RETRY_DELAY_MS,
      maxRetryTime: RETRY_DELAY_MS_MAX,
    },
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => report(log, entry),
  })
}

// What kafkajs calls an error it mostly retries; what it gives up on it throws, and that is ours to report.
const report = (log: Log, { namespace, log: { message } }: LogEntry) =>
  log.warn('kafka client', { namespace, reason: message })
