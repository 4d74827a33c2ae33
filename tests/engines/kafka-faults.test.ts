import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import type { Admin } from 'kafkajs'
import { lendAdmin } from '../../shared/bus/kafka/admin.ts'
import { applyTopics } from '../../shared/bus/kafka/topics.ts'
import { busSchema, openBus } from '../../shared/bus/open.ts'
import type { Bus } from '../../shared/bus/port.ts'
import { EVENT_TOPIC } from '../../shared/events/topics.ts'
import { pause } from '../../shared/kernel/pulse.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { useDatabase } from '../support/database.ts'
import { type KafkaBroker, type KafkaCluster, startKafka } from '../support/engines/kafka.ts'
import { eventually } from '../support/eventually.ts'
import { firstArrivals, PUBLISHED_TOPIC, type Publishing, startPublishing } from './publishing.ts'

const START_TIMEOUT_MS = 120_000
const WITHIN = { timeoutMs: 60_000 }
const PARTITIONS = 6
/** Each partition moves twice at least. */
const MOVES = 2 * PARTITIONS + 1
const HANDLING_MS = 20
const WAITING_MAX = 300

// A service writes, the publisher carries, a consumer reads, and meanwhile a broker goes: what was committed arrives,
// in order per aggregate. Each broker leads partitions of the topic, so each one's loss is met.
const useKafka = (nodes: 1 | 3) => {
  const database = useDatabase()
  const state: { kafka: KafkaCluster | undefined; publishing: Publishing | undefined } = {
    kafka: undefined,
    publishing: undefined,
  }
  const kafka = () => {
    if (!state.kafka) throw new Error('Kafka has not started')
    return state.kafka
  }
  const admin = <Result>(work: (lent: Admin) => Promise<Result>) =>
    lendAdmin({ brokers: kafka().brokers.split(','), tls: false }, work)
  beforeAll(async () => {
    state.kafka = await startKafka({ nodes })
    const replicas = { replicas: nodes, inSyncReplicasMin: Math.max(1, nodes - 1) }
    const topic = { ...EVENT_TOPIC, ...replicas, name: PUBLISHED_TOPIC }
    await admin((lent) => applyTopics(lent, [{ kind: 'create', topic }]))
  }, START_TIMEOUT_MS)
  afterEach(async () => state.publishing?.stop(), START_TIMEOUT_MS)
  afterAll(() => state.kafka?.stop())
  return {
    kafka,
    admin,
    /** Starts, and resolves when the first events have come all the way. */
    async start(): Promise<Publishing> {
      await database.query('truncate course.outbox, course.outbox_stream')
      const config = busSchema.parse({ KAFKA_BROKERS: kafka().brokers })
      const publishing = await startPublishing(database, config)
      state.publishing = publishing
      await eventually(() => expect(publishing.arrived.length).toBeGreaterThan(0), WITHIN)
      return publishing
    },
    async leader(partition: number): Promise<KafkaBroker> {
      const { topics } = await admin((lent) =>
        lent.fetchTopicMetadata({ topics: [PUBLISHED_TOPIC] }),
      )
      const found = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition)
      return kafka().broker(found?.leader ?? 0)
    },
    /** Makes this broker the only one that has the partition. */
    move: (topic: string, partition: number, broker: number) =>
      admin(async (lent) => {
        const partitionAssignment = [{ partition, replicas: [broker] }]
        await lent.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] })
        await eventually(async () => {
          const { topics } = await lent.fetchTopicMetadata({ topics: [topic] })
          const found = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition)
          expect(found).toMatchObject({ leader: broker, replicas: [broker] })
        }, WITHIN)
      }),
  }
}

/** What was committed before this call has been acknowledged by the log. */
const expectAllSettled = async (publishing: Publishing) => {
  const written = publishing.written()
  await eventually(async () => {
    const settled = await publishing.settled()
    for (const [subject, count] of written)
      expect(settled.get(subject)).toBeGreaterThanOrEqual(count)
  }, WITHIN)
}

const expectNothingLost = async (publishing: Publishing) => {
  await publishing.stopWriting()
  const written = publishing.written()
  expect(written.size).toBeGreaterThan(0)
  await eventually(async () => {
    const arrivals = firstArrivals(publishing.arrived)
    for (const [subject, count] of written) expect(arrivals.get(subject)).toHaveLength(count)
    expect(await publishing.lag()).toBe(0)
  }, WITHIN)
  for (const [subject, sequences] of firstArrivals(publishing.arrived))
    expect([subject, sequences]).toEqual([subject, sequences.map((_, index) => index + 1)])
}

describe('the outbox publisher on three brokers', () => {
  const kafka = useKafka(3)

  it('goes round a partition leader that is frozen, while writes go on', async () => {
    const publishing = await kafka.start()
    const leader = await kafka.leader(0)
    leader.process.pause()
    try {
      // Events of all partitions, this leader's too, while it still holds its sockets and answers nothing.
      await expectAllSettled(publishing)
      await expectAllSettled(publishing)
    } finally {
      leader.process.resume()
    }
    await expectAllSettled(publishing)
    await expectNothingLost(publishing)
  })

  it('goes round a partition leader that was killed, and is joined by it again', async () => {
    const publishing = await kafka.start()
    const leader = await kafka.leader(1)
    await leader.process.kill()
    await expectAllSettled(publishing)
    await leader.restart()
    await expectAllSettled(publishing)
    await expectNothingLost(publishing)
  })
})

describe('the bus while partitions move between brokers', () => {
  const kafka = useKafka(3)
  const opened: Bus[] = []
  afterEach(() => Promise.all(opened.splice(0).map((bus) => bus.close())))

  const useMovingTopic = async (name: string) => {
    const alone = { partitions: PARTITIONS, replicas: 1, inSyncReplicasMin: 1 }
    const topic = { ...EVENT_TOPIC, ...alone, name }
    await kafka.admin((lent) => applyTopics(lent, [{ kind: 'create', topic }]))
    const config = busSchema.parse({ KAFKA_BROKERS: kafka.kafka().brokers })
    const bus = await openBus(config, { log: silentLog })
    opened.push(bus)
    const acknowledged: string[] = []
    const send = async (round: string) => {
      const values = Array.from({ length: 50 }, (_, index) => `${round}-${index}`)
      await bus.send(values.map((value) => ({ topic: name, key: value, value })))
      acknowledged.push(...values)
    }
    return { bus, send, acknowledged }
  }

  it('acknowledges a record only when the log has it', async () => {
    const { bus, send, acknowledged } = await useMovingTopic('moving-while-sent')
    for (let round = 0; round < MOVES; round += 1) {
      // The sender still takes the broker of the round before for the leader of one of its partitions.
      await send(`${round}`)
      await kafka.move('moving-while-sent', round % PARTITIONS, 1 + (round % 3))
    }
    const arrived = new Set<string>()
    bus.consume({
      group: 'all-that-was-sent',
      topics: ['moving-while-sent'],
      fromBeginning: true,
      handler: async ({ records }) => {
        for (const { value } of records) arrived.add(String(value))
      },
    })
    await eventually(
      () => expect(acknowledged.filter((value) => !arrived.has(value))).toEqual([]),
      WITHIN,
    )
  })

  it('commits past a record only when a handler is done with it', async () => {
    const { bus, send, acknowledged } = await useMovingTopic('moving-while-read')
    const handled = new Set<string>()
    bus.consume({
      group: 'all-that-was-handled',
      topics: ['moving-while-read'],
      fromBeginning: true,
      // A batch in hand when its partition moves, and so its member joins again, is what must not be skipped.
      batchSizeMax: 5,
      handler: async ({ records, signal }) => {
        await pause(HANDLING_MS, signal)
        if (signal.aborted) throw new Error('the partition was taken away')
        for (const { value } of records) handled.add(String(value))
      },
    })
    let isMoving = true
    const moving = (async () => {
      for (let round = 0; round < MOVES; round += 1)
        await kafka.move('moving-while-read', round % PARTITIONS, 1 + (round % 3))
    })().finally(() => {
      isMoving = false
    })
    // Always something in hand, never much.
    for (let round = 0; isMoving; round += 1) {
      await send(`${round}`)
      await eventually(
        () => expect(acknowledged.length - handled.size).toBeLessThan(WAITING_MAX),
        WITHIN,
      )
    }
    await moving
    await eventually(async () => {
      const lags = await bus.lag('all-that-was-handled')
      expect(lags.map(({ lag }) => lag)).toEqual(Array.from({ length: PARTITIONS }, () => 0))
    }, WITHIN)
    expect(acknowledged.filter((value) => !handled.has(value))).toEqual([])
  })
})

describe('the outbox publisher on one broker', () => {
  const kafka = useKafka(1)

  it.each(['stop', 'kill'] as const)(
    'waits for a broker after a %s, and loses nothing',
    async (how) => {
      const publishing = await kafka.start()
      const broker = kafka.kafka().broker(1)
      await broker.process[how]()
      const before = publishing.written()
      await eventually(() => {
        expect(publishing.failures()).toBeGreaterThan(0)
        // Nobody who writes waits for the log.
        for (const [subject, count] of publishing.written())
          expect(count).toBeGreaterThan(before.get(subject) ?? 0)
      }, WITHIN)
      await broker.restart()
      await expectAllSettled(publishing)
      await expectNothingLost(publishing)
    },
  )
})
