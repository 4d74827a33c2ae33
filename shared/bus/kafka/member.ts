import type {
  ConsumerGroupJoinEvent,
  EachBatchPayload,
  Kafka,
  Consumer as KafkaConsumer,
  KafkaMessage,
} from 'kafkajs'
import { createPulse, pause } from '../../kernel/pulse.ts'
import type { Instant } from '../../kernel/time.ts'
import { describeError, type Log } from '../../observe/logger.ts'
import {
  BATCH_BYTES_MAX,
  BATCH_SIZE_MAX,
  CLOSE_GRACE_MS,
  type Consumer,
  type Header,
  type LogRecord,
  retryDelayMs,
  SESSION_TIMEOUT_MS,
  type Subscription,
} from '../port.ts'
import { withAdmin } from './admin.ts'
import { assignBySubscription } from './assigner.ts'

const BEATS_PER_SESSION = 4
/** After its batch is done a paused partition is fetched again within this time. */
const FETCH_WAIT_MS_MAX = 250
/** A batch that is done so soon does not pause its partition, whose next record then need not wait for a fetch. */
const QUICK_MS = 100
/** Batches of one fetch that are taken at once. */
const PARTITIONS_AT_ONCE = 16
const RESTART_DELAY_MS = 1_000

/**
 * One member of a consumer group. kafkajs waits for every batch of a fetch before it fetches again, so one slow
 * partition would stop its neighbours: here a lane of our own works each batch off, and the partition of one that is not
 * done quickly is paused meanwhile.
 */
export const startMember = (
  kafka: Kafka,
  subscription: Subscription,
  { log }: { log: Log },
): Consumer => {
  const closing = new AbortController()
  const running = (async () => {
    while (!closing.signal.aborted) {
      await runOnce(kafka, subscription, { closing: closing.signal, log }).catch((error) =>
        log.warn('consumer failed', { group: subscription.group, ...describeError(error) }),
      )
      await pause(RESTART_DELAY_MS, closing.signal)
    }
  })()
  return {
    async close() {
      closing.abort()
      await running
    },
  }
}

/** Runs until `closing`, or until kafkajs gives the consumer up. */
const runOnce = async (
  kafka: Kafka,
  subscription: Subscription,
  { closing, log }: { closing: AbortSignal; log: Log },
): Promise<void> => {
  const sessionTimeoutMs = subscription.sessionTimeoutMs ?? SESSION_TIMEOUT_MS
  const consumer = kafka.consumer({
    groupId: subscription.group,
    sessionTimeout: sessionTimeoutMs,
    heartbeatInterval: sessionTimeoutMs / BEATS_PER_SESSION,
    maxWaitTimeInMs: FETCH_WAIT_MS_MAX,
    maxBytes: BATCH_BYTES_MAX,
    allowAutoTopicCreation: false,
    partitionAssigners: [assignBySubscription],
  })
  const ended = createPulse()
  const crash = new AbortController()
  const lanes = new Map<string, Promise<void>>()
  // A rebalance resets kafkajs to the committed offsets: what a lane still has in hand will come again.
  let generation = new AbortController()
  consumer.on('consumer.group_join', ({ payload }) => {
    generation.abort()
    generation = new AbortController()
    if (subscription.fromBeginning) return
    const { signal } = generation
    void fixBeginning(kafka, consumer, payload).catch((error) => {
      if (signal.aborted || closing.aborted) return
      log.warn('beginning not fixed', { group: subscription.group, ...describeError(error) })
      crash.abort()
      ended.fire()
    })
  })
  consumer.on('consumer.crash', ({ payload }) => {
    if (payload.restart) return
    log.error('consumer crashed', describeError(payload.error))
    crash.abort()
    ended.fire()
  })
  const take = async ({ batch, pause: pausePartition, resolveOffset }: EachBatchPayload) => {
    const name = `${batch.topic}-${batch.partition}`
    const lost = AbortSignal.any([generation.signal, crash.signal])
    const lane = (lanes.get(name) ?? Promise.resolve())
      .then(() => runLane(batch, { consumer, subscription, resolveOffset, lost, closing, log }))
      .then(() => {
        if (lanes.get(name) === lane) lanes.delete(name)
      })
    lanes.set(name, lane)
    if (await isWithin(QUICK_MS, lane)) return
    const resume = pausePartition()
    void lane.then(() => {
      if (!closing.aborted && !crash.signal.aborted) resume()
    })
  }
  try {
    await consumer.connect()
    await consumer.subscribe({
      topics: [...subscription.topics],
      fromBeginning: subscription.fromBeginning,
    })
    await consumer.run({
      autoCommit: false,
      // By itself kafkajs takes a batch for read when `take` returns, even one that a rebalance took away meanwhile:
      // in the new generation it would go on behind records that nobody has handled.
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
      eachBatch: take,
    })
    while (!closing.aborted && !crash.signal.aborted) await ended.wait({ signal: closing })
  } finally {
    await isWithin(CLOSE_GRACE_MS, Promise.all(lanes.values()))
    await isWithin(CLOSE_GRACE_MS, consumer.disconnect())
  }
}

/**
 * Commits where a group that begins at the end begins. Without it kafkajs would begin at the end again after every
 * rebalance before the first record, and skip what came in between.
 */
const fixBeginning = (
  kafka: Kafka,
  consumer: KafkaConsumer,
  { groupId, memberAssignment }: ConsumerGroupJoinEvent['payload'],
): Promise<void> =>
  withAdmin(kafka, async (admin) => {
    const topics = Object.keys(memberAssignment)
    const committed = await admin.fetchOffsets({ groupId, topics })
    const beginnings = await Promise.all(
      committed.map(async ({ topic, partitions }) => {
        const ends = await admin.fetchTopicOffsets(topic)
        return partitions
          .filter(
            ({ partition, offset }) =>
              Number(offset) < 0 && memberAssignment[topic]?.includes(partition),
          )
          .flatMap(({ partition }) =>
            ends
              .filter((end) => end.partition === partition)
              .map(({ high }) => ({ topic, partition, offset: high })),
          )
      }),
    )
    if (beginnings.flat().length > 0) await consumer.commitOffsets(beginnings.flat())
  })

/** Works one fetched batch off, in pieces of at most `batchSizeMax` records, until done, lost or closing. */
const runLane = async (
  { topic, partition, messages }: EachBatchPayload['batch'],
  {
    consumer,
    subscription,
    resolveOffset,
    lost,
    closing,
    log,
  }: {
    consumer: KafkaConsumer
    subscription: Subscription
    resolveOffset: EachBatchPayload['resolveOffset']
    lost: AbortSignal
    closing: AbortSignal
    log: Log
  },
): Promise<void> => {
  const signal = AbortSignal.any([lost, closing])
  let rest = messages.map((message) => toRecord(topic, partition, message))
  let failures = 0
  while (rest.length > 0 && !signal.aborted) {
    const records = rest.slice(0, subscription.batchSizeMax ?? BATCH_SIZE_MAX)
    try {
      const resume = await subscription.handler({ topic, partition, records, signal })
      // The broker would check the member's generation, but not whose the partition is by now.
      if (lost.aborted) return
      const next = resume?.resumeAtOffset ?? (records.at(-1)?.offset ?? 0) + 1
      await consumer.commitOffsets([{ topic, partition, offset: String(next) }])
      if (lost.aborted) return
      resolveOffset(String(next - 1))
      rest = rest.filter(({ offset }) => offset >= next)
      failures = resume ? failures + 1 : 0
    } catch (error) {
      failures += 1
      log.warn('batch failed', {
        group: subscription.group,
        topic,
        partition,
        failures,
        ...describeError(error),
      })
    }
    if (failures > 0) await pause(retryDelayMs(failures, subscription.retryDelayMsMax), signal)
  }
}

const toRecord = (topic: string, partition: number, message: KafkaMessage): LogRecord => ({
  topic,
  partition,
  offset: Number(message.offset),
  timestamp: Number(message.timestamp) as Instant,
  key: message.key,
  value: message.value,
  headers: Object.entries(message.headers ?? {}).flatMap(([name, values]) =>
    (Array.isArray(values) ? values : [values]).flatMap((value): Header[] =>
      value === undefined ? [] : [[name, Buffer.from(value)]],
    ),
  ),
})

/** Whether the work has ended, well or not, before the time was over. */
const isWithin = async (timeoutMs: number, work: Promise<unknown>): Promise<boolean> => {
  const grace = new AbortController()
  const ended = work.then(
    () => true,
    () => true,
  )
  const isEnded = await Promise.race([ended, pause(timeoutMs, grace.signal).then(() => false)])
  grace.abort()
  return isEnded
}
