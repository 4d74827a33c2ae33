import { contracts } from '../contracts/catalogue.ts'
import { producers } from '../events/registry.ts'
import {
  DEAD_LETTER_TOPIC,
  deadLetterTopicOf,
  EVENT_TOPIC,
  type TopicSettings,
  topicOf,
} from '../events/topics.ts'

export type Topic = TopicSettings & { readonly name: string }

/** Every topic of the hub: one for each producer, and one for the dead letters of each service. */
export const hubTopics: readonly Topic[] = [
  ...Object.keys(producers).map((service) => ({ name: topicOf(service), ...EVENT_TOPIC })),
  // Whoever has a contract may consume, and so park.
  ...Object.keys(contracts).map((service) => ({
    name: deadLetterTopicOf(service),
    ...DEAD_LETTER_TOPIC,
  })),
]

/** The topics for a cluster of fewer brokers; with one replica less than it has, it still acknowledges. */
export const withReplicasMax = (topics: readonly Topic[], replicasMax: number): readonly Topic[] =>
  topics.map((topic) => {
    const replicas = Math.min(topic.replicas, replicasMax)
    const inSyncReplicasMin = Math.min(topic.inSyncReplicasMin, Math.max(1, replicas - 1))
    return { ...topic, replicas, inSyncReplicasMin }
  })
