import { setTimeout as delay } from 'node:timers/promises'
import { type IHeaders, type Kafka, Partitioners, type Producer, type TopicMessages } from 'kafkajs'
import { describeError, type Log } from '../../observe/logger.ts'
import {
  BusUnavailableError,
  type Header,
  type OutboundRecord,
  requestsOf,
  retryDelayMs,
  UnknownTopicError,
} from '../port.ts'

/** Sends requests one after the other, so that a key's records cannot overtake each other. */
export type Sender = {
  send(records: readonly OutboundRecord[]): Promise<void>
  close(): Promise<void>
}

/**
 * Each time by a new producer, which asks who leads now. All in all a send takes 30 s at most: what the outbox
 * publisher's budget leaves of its function's timeout.
 */
const ATTEMPTS_MAX = 5
const ALL_IN_SYNC_REPLICAS = -1

/**
 * A kafkajs producer that sends a request once, and is replaced by a new one when that failed. What kafkajs 2.2 would
 * try again by itself it may **lose**: when a partition has moved to a broker that has answered for others already, its
 * records are not sent, and acknowledged (tulios/kafkajs issue 1303, pull request 1798). It also sends again what is
 * under way, under a new sequence number. A whole new attempt may deliver twice, which is what consumers expect.
 * So the producer is not idempotent in Kafka's sense either: that holds for the retries of one producer only.
 */
export const openSender = (kafka: Kafka, log: Log): Sender => {
  let producer: Promise<Producer> | undefined
  let queue: Promise<unknown> = Promise.resolve()

  const current = (): Promise<Producer> => {
    producer ??= connect(kafka)
    return producer
  }
  const discard = async () => {
    const old = producer
    producer = undefined
    const connected = await old?.catch(() => undefined)
    // Not awaited: to part from a paused broker takes as long as its timeout.
    connected?.disconnect().catch(() => {})
  }
  const sendRequest = async (request: readonly OutboundRecord[]) => {
    const topicMessages = toTopicMessages(request)
    for (let attempt = 1; ; attempt += 1) {
      try {
        const connected = await current()
        await connected.sendBatch({ acks: ALL_IN_SYNC_REPLICAS, topicMessages })
        return
      } catch (error) {
        log.warn('send failed', { attempt, ...describeError(error) })
        await discard()
        // Not at once: after a topic was made not every broker knows of it yet.
        if (attempt === ATTEMPTS_MAX)
          throw isUnknownTopic(error)
            ? new UnknownTopicError('a topic does not exist', { cause: error })
            : new BusUnavailableError('Kafka did not acknowledge', { cause: error })
        await delay(retryDelayMs(attempt))
      }
    }
  }

  return {
    send(records) {
      const requests = requestsOf(records)
      const sent = queue.then(async () => {
        for (const request of requests) await sendRequest(request)
      })
      queue = sent.catch(() => {})
      return sent
    },
    async close() {
      await queue
      const connected = await producer?.catch(() => undefined)
      await connected?.disconnect()
    },
  }
}

// kafkajs wraps what it has given up on, more than once; its error classes are no named exports to Node's loader.
const isUnknownTopic = (error: unknown): boolean =>
  error instanceof Error &&
  (('type' in error && error.type === 'UNKNOWN_TOPIC_OR_PARTITION') || isUnknownTopic(error.cause))

const connect = async (kafka: Kafka): Promise<Producer> => {
  const producer = kafka.producer({
    // The one that other Kafka clients use.
    createPartitioner: Partitioners.DefaultPartitioner,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    retry: { retries: 0 },
  })
  await producer.connect()
  return producer
}

const toTopicMessages = (records: readonly OutboundRecord[]): TopicMessages[] =>
  [...Map.groupBy(records, ({ topic }) => topic)].map(([topic, group]) => ({
    topic,
    messages: group.map(({ key, value, headers = [] }) => ({
      key,
      value,
      headers: toKafkaHeaders(headers),
    })),
  }))

const toKafkaHeaders = (headers: readonly Header[]): IHeaders => {
  const byName = Map.groupBy(headers, ([name]) => name)
  return Object.fromEntries([...byName].map(([name, group]) => [name, group.map(([, v]) => v)]))
}
