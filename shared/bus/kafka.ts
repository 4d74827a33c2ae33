import type { Admin } from 'kafkajs'
import { withAdmin } from './kafka/admin.ts'
import { type KafkaBusOptions, openKafka } from './kafka/client.ts'
import { startMember } from './kafka/member.ts'
import { openSender } from './kafka/producer.ts'
import { untilLed } from './kafka/topics.ts'
import type { Bus, Consumer, PartitionLag } from './port.ts'

/** The real log: any Kafka 3 or 4 cluster, MSK among them. Loaded only where something is sent or a pod consumes. */
export const openKafkaBus = (options: KafkaBusOptions): Bus => {
  const { log } = options
  const kafka = openKafka(options)
  const sender = openSender(kafka, log)
  const consumers = new Set<Consumer>()
  return {
    ensureTopics: (topics, { partitions }) =>
      withAdmin(kafka, async (admin) => {
        const existing = new Set(await admin.listTopics())
        const missing = [...new Set(topics)].filter((topic) => !existing.has(topic))
        if (missing.length === 0) return
        // `waitForLeaders` throws on a cluster of three whose brokers do not all know yet: polled below instead.
        await admin.createTopics({
          waitForLeaders: false,
          topics: missing.map((topic) => ({ topic, numPartitions: partitions })),
        })
        await untilLed(
          admin,
          missing.map((name) => ({ name, partitions })),
        )
      }),
    send: sender.send,
    consume(subscription) {
      const member = startMember(kafka, subscription, { log })
      const consumer: Consumer = {
        async close() {
          if (consumers.delete(consumer)) await member.close()
        },
      }
      consumers.add(consumer)
      return consumer
    },
    lag: (group) => withAdmin(kafka, (admin) => lagOf(admin, group)),
    async close() {
      await Promise.all([...consumers].map((consumer) => consumer.close()))
      await sender.close()
    },
  }
}

const lagOf = async (admin: Admin, group: string): Promise<readonly PartitionLag[]> => {
  const committed = await admin.fetchOffsets({ groupId: group })
  const lags = await Promise.all(
    committed.map(async ({ topic, partitions }) => {
      const ends = new Map(
        (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [
          partition,
          Number(high),
        ]),
      )
      return partitions
        .filter(({ offset }) => Number(offset) >= 0)
        .map(({ partition, offset }) => {
          const committedOffset = Number(offset)
          const endOffset = ends.get(partition) ?? committedOffset
          return { topic, partition, committedOffset, endOffset, lag: endOffset - committedOffset }
        })
    }),
  )
  return lags.flat()
}
