import { DAY_MS } from '../kernel/time.ts'

/** One topic per producing service. */
export const topicOf = (service: string): string => `hub.${service}.v1`

/** Of the one event-source mapping by which a service follows a producer (decision 0018). */
export const consumerGroupOf = (consumer: string, producer: string): string =>
  `hub.${consumer}.${producer}`

/** Where a consumer parks what it cannot digest. */
export const deadLetterTopicOf = (consumer: string): string => `hub.${consumer}.dlq`

/** How long the log keeps an event; inboxes remember what they have taken for twice as long. */
export const EVENT_RETENTION_MS = 7 * DAY_MS

/** What a topic is like on Kafka; decision 0013 says where the numbers come from. */
export type TopicSettings = {
  readonly partitions: number
  readonly replicas: number
  /** Replicas that must have a record before it is acknowledged. */
  readonly inSyncReplicasMin: number
  readonly retentionMs: number
}

const DURABLE = { replicas: 3, inSyncReplicasMin: 2 } as const

export const EVENT_TOPIC: TopicSettings = {
  ...DURABLE,
  partitions: 12,
  retentionMs: EVENT_RETENTION_MS,
}

/** Nobody's effect depends on it (the parked row does), so one partition and time to look. */
export const DEAD_LETTER_TOPIC: TopicSettings = {
  ...DURABLE,
  partitions: 1,
  retentionMs: 30 * DAY_MS,
}
