import { randomUUID } from 'node:crypto'
import { createPublisher } from '../../functions/outbox-publisher/publisher.ts'
import { type BusConfig, openBus } from '../../shared/bus/open.ts'
import { BusUnavailableError } from '../../shared/bus/port.ts'
import { PUBLISHER_ROLE } from '../../shared/db/names.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { type Envelope, envelopeSchema } from '../../shared/events/envelope.ts'
import { topicOf } from '../../shared/events/topics.ts'
import { pause } from '../../shared/kernel/pulse.ts'
import { systemClock } from '../../shared/kernel/time.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { continueTrace } from '../../shared/observe/trace.ts'
import { appendToStream } from '../../shared/outbox/write.ts'
import type { TestDatabase } from '../support/database.ts'

/** A real service's outbox; what its events say is of no matter here. */
const SERVICE = 'course'
const SUBJECTS = 24
/** Between two transactions of the writer, so that a fault of some seconds meets some thousand events. */
const WRITE_PAUSE_MS = 20
const PUBLISH_PAUSE_MS = 50

export const PUBLISHED_TOPIC = topicOf(SERVICE)

/** A service that keeps writing events, the publisher, and a consumer that keeps what it is given. */
export type Publishing = {
  /** How many events of each aggregate are committed. */
  written(): ReadonlyMap<string, number>
  /** Up to which event of each aggregate the outbox was settled. */
  settled(): Promise<ReadonlyMap<string, number>>
  /** Everything that arrived, in order of arrival, repeats included. */
  readonly arrived: readonly Envelope[]
  /** How often the publisher found the log away. */
  failures(): number
  lag(): Promise<number>
  /** The writer has its last transaction, the publisher goes on. */
  stopWriting(): Promise<void>
  stop(): Promise<void>
}

/** @throws whatever writer or publisher threw other than that the log is away, from {@link Publishing.stop}. */
export const startPublishing = async (
  database: TestDatabase,
  config: BusConfig,
): Promise<Publishing> => {
  const service = database.as(SERVICE)
  const outboxes = database.as(SERVICE, { role: PUBLISHER_ROLE, connectionsMax: 1 })
  const [outgoing, incoming] = [
    await openBus(config, { log: silentLog }),
    await openBus(config, { log: silentLog }),
  ]
  const run = randomUUID()
  const group = `publishing-${run}`
  const subjects = Array.from({ length: SUBJECTS }, (_, index) => `${run}-${index}`)
  const arrived: Envelope[] = []
  incoming.consume({
    group,
    topics: [PUBLISHED_TOPIC],
    fromBeginning: true,
    handler: async ({ records }) => {
      const envelopes = records.map(({ value }) => envelopeSchema.parse(JSON.parse(String(value))))
      // The log still holds what other tests have sent.
      arrived.push(...envelopes.filter(({ subject }) => subject.startsWith(run)))
      return undefined
    },
  })

  const written = new Map<string, number>()
  const writing = new AbortController()
  const writer = repeat(writing.signal, WRITE_PAUSE_MS, () =>
    transaction(service, aContext(), async (tx) => {
      for (const subject of subjects)
        appendToStream(tx, { subject, topic: PUBLISHED_TOPIC }, { type: 'course.counted' })
    }).then(() => {
      for (const subject of subjects) written.set(subject, (written.get(subject) ?? 0) + 1)
    }),
  )
  let failures = 0
  const publisher = createPublisher({ database: outboxes, bus: outgoing, log: silentLog })
  const publishing = new AbortController()
  const published = repeat(publishing.signal, PUBLISH_PAUSE_MS, () =>
    publisher.publish({ service: SERVICE }).catch((error: unknown) => {
      if (!(error instanceof BusUnavailableError)) throw error
      failures += 1
    }),
  )
  const stopWriting = () => {
    writing.abort()
    return writer
  }
  return {
    written: () => new Map(written),
    async settled() {
      const rows = await database.query<{ subject: string; seq: string }>(
        `select aggregate_id as subject, published_seq as seq from ${SERVICE}.outbox_stream`,
      )
      return new Map(rows.map(({ subject, seq }) => [subject, Number(seq)]))
    },
    arrived,
    failures: () => failures,
    lag: async () => (await incoming.lag(group)).reduce((sum, { lag }) => sum + lag, 0),
    stopWriting,
    async stop() {
      publishing.abort()
      await Promise.all([stopWriting(), published])
      await Promise.all([outgoing.close(), incoming.close()])
    },
  }
}

/** Arrivals without their repeats: the order in which each aggregate's events first came. */
export const firstArrivals = (arrived: readonly Envelope[]): ReadonlyMap<string, number[]> => {
  const seen = new Map(arrived.map((envelope) => [envelope.id, envelope]))
  return new Map(
    [...Map.groupBy(seen.values(), ({ subject }) => subject)].map(([subject, group]) => [
      subject,
      group.map(({ sequence }) => sequence),
    ]),
  )
}

const repeat = async (
  signal: AbortSignal,
  pauseMs: number,
  work: () => Promise<unknown>,
): Promise<void> => {
  while (!signal.aborted) {
    await work()
    await pause(pauseMs, signal)
  }
}

const aContext = () => ({
  tenant: '*' as const,
  now: systemClock(),
  actorId: 'system',
  traceparent: continueTrace(undefined),
})
