import { Kafka, logLevel } from 'kafkajs'
import { reactions } from '../functions/assessment/reactions.ts'
import { createPublisher, openOutboxes } from '../functions/outbox-publisher/publisher.ts'
import { consume } from '../shared/bus/consume.ts'
import { openKafkaBus } from '../shared/bus/kafka.ts'
import type { Bus, LogRecord } from '../shared/bus/port.ts'
import type { Database } from '../shared/db/open.ts'
import { type Tx, transaction } from '../shared/db/transaction.ts'
import { enrollmentEvents } from '../shared/events/enrollment.ts'
import { type EnrollmentId, newId } from '../shared/kernel/id.ts'
import { systemClock, toIso } from '../shared/kernel/time.ts'
import { silentLog } from '../shared/observe/logger.ts'
import { continueTrace } from '../shared/observe/trace.ts'
import { appendToStream, writeOutbox } from '../shared/outbox/write.ts'
import { startKafka } from '../tests/support/engines/kafka.ts'
import { eventually } from '../tests/support/eventually.ts'
import type { Bench, Running, Sample } from './harness/bench.ts'
import { type BenchDatabase, startDatabase } from './harness/database.ts'
import { onSchedule, percentile } from './harness/loop.ts'
import { shared } from './harness/shared.ts'

const TOPIC = 'hub.enrollment.v1'
/** Nobody reads it: the rate is the publisher's alone, as the peer's is the producer's. */
const BACKLOG_TOPIC = 'backlog'
const PEER_TOPIC = 'raw'
const PARTITIONS = 12
const EVENTS_PER_SECOND = 500
const FLOW_SECONDS = 6
const BACKLOG_STREAMS = 1_000
const EVENTS_PER_STREAM = 10
const BACKLOG = BACKLOG_STREAMS * EVENTS_PER_STREAM
/** As many as one request of ours carries. */
const PEER_BATCH = 1_000
/** As `functions/outbox-publisher/function.yml` reserves. */
const PUBLISHERS = 5
const WRITERS = 20
const ARRIVAL_TIMEOUT_MS = 60_000

const startEngines = async () => {
  const kafka = await startKafka({ nodes: 1 })
  const database = await startDatabase(['enrollment', 'assessment'])
  const bus = openKafkaBus({ brokers: kafka.brokers.split(','), tls: false, log: silentLog })
  await bus.ensureTopics([TOPIC, BACKLOG_TOPIC, PEER_TOPIC], { partitions: PARTITIONS })
  return {
    ...{ brokers: kafka.brokers, database, bus },
    async stop() {
      await bus.close()
      await database.stop()
      await kafka.stop()
    },
  }
}
const sharedEngines = shared(startEngines)

const organizationId = newId('organization')
const courseId = newId('course')

const activated = (enrollmentId: EnrollmentId) => ({
  ...{ type: 'enrollment.activated' as const, enrollmentId, courseId, organizationId },
  ...{ accountId: newId('account'), versionId: newId('courseVersion') },
  ...{ startsAt: toIso(systemClock()), endsAt: null },
})

const inTransaction = (database: Database, work: (tx: Tx) => Promise<void>) =>
  transaction(
    database,
    {
      ...{ tenant: organizationId, now: systemClock(), actorId: 'system' },
      traceparent: continueTrace(undefined),
    },
    work,
  )

const write = (database: Database, enrollmentId: EnrollmentId) =>
  inTransaction(database, (tx) => writeOutbox(tx, enrollmentEvents, [activated(enrollmentId)]))

const writeBacklog = (database: Database, enrollmentId: EnrollmentId) =>
  inTransaction(database, async (tx) => {
    for (let event = 0; event < EVENTS_PER_STREAM; event += 1)
      appendToStream(tx, { subject: enrollmentId, topic: BACKLOG_TOPIC }, activated(enrollmentId))
  })

/**
 * What Lambda makes of a nudge: a publisher runs at once while fewer than reserved do; the others wait for one that ends,
 * and find nothing left to do, so one of them stands for all.
 */
const createNudge = (publish: () => Promise<unknown>) => {
  let running = 0
  let isWaiting = false
  const nudge = () => {
    isWaiting = running === PUBLISHERS
    if (isWaiting) return
    running += 1
    void publish().finally(() => {
      running -= 1
      if (isWaiting) nudge()
    })
  }
  return nudge
}

const startHub = async (): Promise<Running> => {
  const engines = await sharedEngines()
  const { database, bus } = engines
  const outboxes = Array.from({ length: PUBLISHERS }, () =>
    openOutboxes({ DATABASE_URL: database.url, DATABASE_PASSWORD: database.password }),
  )
  const idle = outboxes.map((each) => createPublisher({ database: each, bus, log: silentLog }))
  const publish = async () => {
    const publisher = idle.pop()
    if (!publisher) throw new Error('more publishers than are reserved')
    await publisher.publish({ service: 'enrollment' }).finally(() => idle.push(publisher))
  }
  const nudge = createNudge(publish)
  const writer = database.as('enrollment', {
    connectionsMax: WRITERS,
    onEventsCommitted: async () => nudge(),
  })
  const arrivals = startConsumer(bus, database)
  // A consumer group takes a while to form; what comes before counts for nobody.
  await eventually(() => flow({ seconds: 0.1, writer, arrivals }), {
    timeoutMs: ARRIVAL_TIMEOUT_MS,
  })
  const quiet = database.as('enrollment', { connectionsMax: WRITERS })
  return {
    async round() {
      const latencies = await flow({ seconds: FLOW_SECONDS, writer, arrivals })
      const eventsPerSecond = await drain({ database, quiet, publish })
      return {
        p50Ms: percentile(latencies, 0.5),
        p99Ms: percentile(latencies, 0.99),
        eventsPerSecond,
      }
    },
    async stop() {
      await Promise.all(outboxes.map((each) => each.close()))
      await engines.stop()
    },
  }
}

/** When each event's effect was committed, by aggregate. */
type Arrivals = ReadonlyMap<string, number>

const startConsumer = (bus: Bus, bench: BenchDatabase): Arrivals => {
  const database = bench.as('assessment', { connectionsMax: PARTITIONS })
  const arrivals = new Map<string, number>()
  const options = { consumer: 'assessment', reactions, deps: undefined, database }
  const take = async (record: LogRecord) => {
    const key = String(record.key)
    const value = String(record.value)
    const outcome = await consume(
      { ...record, key, value },
      { ...options, clock: systemClock, log: silentLog },
    )
    if (outcome !== 'done') throw new Error(`an event came to ${outcome}`)
    arrivals.set(key, performance.now())
  }
  bus.consume({
    group: 'assessment',
    topics: [TOPIC],
    fromBeginning: true,
    async handler({ records }) {
      for (const record of records) await take(record)
      return undefined
    },
  })
  return arrivals
}

/** @returns latencies from the intended moment of each write to the commit of its event's effect, in ms. */
const flow = async ({
  seconds,
  writer,
  arrivals,
}: {
  seconds: number
  writer: Database
  arrivals: Arrivals
}): Promise<readonly number[]> => {
  const intended = new Map<string, number>()
  await onSchedule({
    ...{ perSecond: EVENTS_PER_SECOND, seconds },
    work: (intendedAt) => {
      const enrollmentId = newId('enrollment')
      intended.set(enrollmentId, intendedAt)
      return write(writer, enrollmentId)
    },
  })
  return eventually(
    () =>
      [...intended].map(([id, intendedAt]) => {
        const arrivedAt = arrivals.get(id)
        if (arrivedAt === undefined) throw new Error(`the event of ${id} has not arrived`)
        return arrivedAt - intendedAt
      }),
    { timeoutMs: ARRIVAL_TIMEOUT_MS },
  )
}

/** One publisher works a backlog off. @returns events a second, from the outbox to acknowledged and settled. */
const drain = async ({
  database,
  quiet,
  publish,
}: {
  database: BenchDatabase
  quiet: Database
  publish: () => Promise<unknown>
}): Promise<number> => {
  const left = async () =>
    Number((await database.query('select count(*) from enrollment.outbox'))[0]?.count)
  for (let streams = 0; streams < BACKLOG_STREAMS; streams += WRITERS)
    await Promise.all(
      Array.from({ length: WRITERS }, () => writeBacklog(quiet, newId('enrollment'))),
    )
  if ((await left()) !== BACKLOG) throw new Error('the backlog is not what was written')
  const startedAt = performance.now()
  while ((await left()) > 0) await publish()
  return BACKLOG / ((performance.now() - startedAt) / 1_000)
}

const startKafkajs = async (): Promise<Running> => {
  const engines = await sharedEngines()
  const kafka = new Kafka({
    brokers: engines.brokers.split(','),
    logLevel: logLevel.NOTHING,
  })
  const producer = kafka.producer({ maxInFlightRequests: 1 })
  await producer.connect()
  const round = async (): Promise<Sample> => {
    const messages = Array.from({ length: BACKLOG }, (_, index) => {
      const key = `enrollment${index % BACKLOG_STREAMS}`
      return { key, value: JSON.stringify({ ...envelope, data: activated(newId('enrollment')) }) }
    })
    const startedAt = performance.now()
    for (let sent = 0; sent < messages.length; sent += PEER_BATCH)
      await producer.send({
        ...{ topic: PEER_TOPIC, acks: -1 },
        messages: messages.slice(sent, sent + PEER_BATCH),
      })
    return { eventsPerSecond: BACKLOG / ((performance.now() - startedAt) / 1_000) }
  }
  return {
    round,
    async stop() {
      await producer.disconnect()
      await engines.stop()
    },
  }
}

/** As large as what the hub puts around its data. */
const envelope = {
  ...{ specversion: '1.0', id: newId('event'), source: '/enrollment', sequence: 1 },
  ...{ type: 'enrollment.activated', subject: newId('enrollment'), actorid: 'system' },
  ...{ time: toIso(systemClock()), datacontenttype: 'application/json' },
  ...{ organizationid: organizationId, traceparent: continueTrace(undefined) },
}

const KAFKAJS = 'kafkajs 2.2.4, producing alone'

export const outboxDrain: Bench = {
  name: 'outbox-drain',
  title: 'From the outbox through a real Kafka to the effect elsewhere, against producing alone.',
  rounds: 3,
  contenders: [
    { name: 'hub', start: startHub },
    { name: KAFKAJS, start: startKafkajs },
  ],
  goals: [
    { metric: 'p50Ms', atMost: 5 },
    { metric: 'p99Ms', atMost: 20 },
    { metric: 'eventsPerSecond', against: KAFKAJS, atLeast: 0.75 },
  ],
  notes: [
    `Latencies: ${EVENTS_PER_SECOND} transactions a second on a fixed schedule (open loop), each with one event of an aggregate of its own, from the moment a write was due to the commit of its effect in another service, with its inbox row.`,
    `A nudge runs a publisher in the same process, ${PUBLISHERS} at once at most, as Lambda's reserved concurrency has it; the signed request to Lambda and Lambda's own delays are left out, and so is the event-source mapping: records come from the bus's own consumer. Writer, publishers and consumer share one Node process.`,
    `Rate: one publisher works off a backlog of ${BACKLOG.toLocaleString('en')} events of ${BACKLOG_STREAMS.toLocaleString('en')} aggregates, reading and settling them in PostgreSQL, for a topic that nobody reads; the peer sends as many events of the same size from memory, ${PEER_BATCH.toLocaleString('en')} a request. Both wait for acks of all (one broker, Kafka 3.9, ${PARTITIONS} partitions); a commit of PostgreSQL waits for the disk.`,
    'A batch that takes longer than 100 ms pauses its partition, and a fetch that is under way, for up to 250 ms, does not know that it is back. On AWS the event-source mapping polls, not this consumer.',
    'Limit of the latency: writer, publishers, consumer, PostgreSQL and Kafka share two cores here, and an event has three commits on its way (its own, the settling that follows another one, its effect). The two cores are busy all the time at this rate, so latencies are those of a queue: runs of the same code on the same day gave a median between 16 and 82 ms. Limit of the rate: a batch is leased and settled in two commits, which update a row a stream and delete a row an event; a lease is what lets several publishers run without waiting for each other or the log (decision 0010).',
  ],
}
