import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { CamelCasePlugin, Kysely, type KyselyPlugin, PostgresDialect } from 'kysely'
import pg from 'pg'
import * as z from 'zod'
import { ROLE_PASSWORD, useDatabase } from '../../tests/support/database.ts'
import { eventually } from '../../tests/support/eventually.ts'
import { ensureEventLog } from '../bus/embedded/ensure.ts'
import { type EmbeddedBus, openEmbeddedBus } from '../bus/embedded.ts'
import { type Bus, UnknownTopicError } from '../bus/port.ts'
import { migrate } from '../db/migrate.ts'
import { PUBLISHER_ROLE } from '../db/names.ts'
import type { Database } from '../db/open.ts'
import { transaction } from '../db/transaction.ts'
import { defineEvents, type Envelope } from '../events/envelope.ts'
import { systemClock } from '../kernel/time.ts'
import { silentLog } from '../observe/logger.ts'
import { continueTrace } from '../observe/trace.ts'
import { EVENTS_PER_STREAM_MAX, findOutboxes, publishOutbox } from './publish.ts'
import { appendToStream, writeOutbox } from './write.ts'

// A service of its own, the real publisher role, and the real embedded log; faults are put between them.
const SERVICE = 'outbox-test'
const SCHEMA = 'outbox_test'
const TOPIC = 'hub.outbox-test.v1'
const events = defineEvents({
  'thing.counted': { key: 'thingId', data: z.object({ thingId: z.string(), count: z.int() }) },
})

describe('publishOutbox', () => {
  const database = useDatabase()
  let service: Database
  let publisher: Database
  let bus: EmbeddedBus

  beforeAll(async () => {
    await migrate({
      databaseUrl: database.url,
      rolePassword: ROLE_PASSWORD,
      services: [{ name: SERVICE, migrationsDir: undefined }],
    })
    const url = await ensureEventLog({ databaseUrl: database.url, rolePassword: ROLE_PASSWORD })
    bus = openEmbeddedBus({ url, log: silentLog })
    await bus.ensureTopics([TOPIC], { partitions: 3 })
    service = database.as(SERVICE)
    publisher = database.as(SERVICE, { role: PUBLISHER_ROLE })
  })
  afterAll(() => bus.close())
  beforeEach(async () => {
    await database.query(`truncate ${SCHEMA}.outbox, ${SCHEMA}.outbox_stream`)
    await database.query('truncate event_log.record')
  })

  const context = () => ({
    tenant: '*' as const,
    now: systemClock(),
    actorId: 'system',
    traceparent: continueTrace(undefined),
  })
  const write = (thingId: string, counts: readonly number[]) =>
    transaction(service, context(), (tx) =>
      writeOutbox(
        tx,
        events,
        counts.map((count) => ({ type: 'thing.counted', thingId, count })),
      ),
    )
  const publish = (options: Partial<Parameters<typeof publishOutbox>[0]> = {}) =>
    publishOutbox({
      kysely: publisher.kysely,
      schema: SCHEMA,
      bus,
      signal: AbortSignal.timeout(20_000),
      ...options,
    })
  /** What the log holds, in the order of each partition: first arrivals by key, and all of them. */
  const published = async () => {
    const rows = await database.query<{ key: Buffer; value: Buffer }>(
      'select key, value from event_log.record order by partition, record_offset',
    )
    const envelopes = rows.map(({ value }) => JSON.parse(value.toString()) as Envelope)
    const first = new Map(envelopes.map((envelope) => [envelope.id, envelope]))
    return {
      all: envelopes,
      sequences: new Map(
        [...Map.groupBy(first.values(), ({ subject }) => subject)].map(([subject, group]) => [
          subject,
          group.map(({ sequence }) => sequence),
        ]),
      ),
    }
  }
  const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
  const unsettled = async () => {
    const [row] = await database.query<{ events: string; streams: string }>(`
      select (select count(*) from ${SCHEMA}.outbox) as events,
        (select count(*) from ${SCHEMA}.outbox_stream
         where published_seq < last_seq or claimed_by is not null) as streams`)
    return { events: Number(row?.events), streams: Number(row?.streams) }
  }

  it('sends each aggregate’s events in order, as CloudEvents, and forgets them', async () => {
    const count = EVENTS_PER_STREAM_MAX * 2 + 3
    await write('a', upTo(count))
    await write('b', [1])
    expect(await publish()).toMatchObject({ events: count + 1, isDrained: true })
    const { sequences } = await published()
    expect(sequences).toEqual(
      new Map([
        ['a', upTo(count)],
        ['b', [1]],
      ]),
    )
    expect(await unsettled()).toEqual({ events: 0, streams: 0 })
    const [row] = await database.query<{ key: Buffer; value: Buffer; headers: [string, string][] }>(
      'select key, value, headers from event_log.record limit 1',
    )
    const envelope = JSON.parse(String(row?.value)) as Envelope
    const headers = new Map(
      row?.headers.map(([name, value]) => [name, Buffer.from(value, 'base64').toString()]),
    )
    expect(String(row?.key)).toBe(envelope.subject)
    expect(headers.get('ce_type')).toBe('thing.counted')
    expect(headers.get('ce_id')).toBe(envelope.id)
    expect(headers.get('traceparent')).toBe(envelope.traceparent)
  })

  it.each([
    ['a short one', `'; drop table x; -- \\' $1 $$ "é" 💡`],
    ['a long one', `'\\"$1'`.repeat(5_000)],
  ])('takes %s literally, whatever characters it has', async (_, note) => {
    const noted = { type: 'thing.noted', note }
    await transaction(service, context(), async (tx) =>
      appendToStream(tx, { subject: 'a', topic: TOPIC }, noted),
    )
    await publish()
    const { all } = await published()
    expect(all).toMatchObject([{ type: 'thing.noted', sequence: 1, data: { note } }])
  })

  it('numbers what several steps of one transaction wrote in the order of their writing', async () => {
    await transaction(service, context(), async (tx) => {
      for (const [thingId, count] of [
        ['b', 1],
        ['a', 1],
        ['b', 2],
        ['a', 2],
      ] as const)
        await writeOutbox(tx, events, [{ type: 'thing.counted', thingId, count }])
    })
    await publish()
    const { all } = await published()
    const counted = all.map(({ subject, sequence, data }) => ({ subject, sequence, data }))
    for (const thingId of ['a', 'b'])
      expect(counted.filter(({ subject }) => subject === thingId)).toEqual(
        [1, 2].map((count) => ({ subject: thingId, sequence: count, data: { thingId, count } })),
      )
  })

  it('writes nothing of a transaction that was rolled back', async () => {
    const failed = transaction(service, context(), async (tx) => {
      await writeOutbox(tx, events, [{ type: 'thing.counted', thingId: 'a', count: 1 }])
      throw new Error('no')
    })
    await expect(failed).rejects.toThrow('no')
    expect(await unsettled()).toEqual({ events: 0, streams: 0 })
  })

  it('goes on at the next sequence, and finds nothing when there is nothing', async () => {
    await write('a', [1, 2])
    await publish()
    await write('a', [3])
    expect(await publish()).toMatchObject({ events: 1 })
    expect(await publish()).toEqual({ events: 0, batches: 0, isDrained: true })
    expect((await published()).sequences.get('a')).toEqual([1, 2, 3])
  })

  it('loses and reorders nothing with four publishers and ten writers at once', async () => {
    const aggregates = upTo(50).map((each) => `thing${String(each).padStart(2, '0')}`)
    let isWriting = true
    const publishing = upTo(4).map(async () => {
      while (isWriting) await publish()
    })
    await Promise.all(
      upTo(10).map(async (writer) => {
        for (let round = 0; round < 10; round += 1)
          // Two aggregates in one transaction, whose order differs from writer to writer.
          await transaction(service, context(), async (tx) => {
            for (const step of [0, 1]) {
              const thingId = aggregates[(writer * 7 + round * 11 + step * writer) % 50] ?? ''
              const counts = upTo(5)
              await writeOutbox(
                tx,
                events,
                counts.map((count) => ({ type: 'thing.counted', thingId, count })),
              )
            }
          })
      }),
    )
    isWriting = false
    await Promise.all(publishing)
    await publish()
    const { all, sequences } = await published()
    const ids = new Set(all.map(({ id }) => id))
    expect(ids.size).toBe(1_000)
    for (const sequence of sequences.values()) expect(sequence).toEqual(upTo(sequence.length))
    expect(await unsettled()).toEqual({ events: 0, streams: 0 })
  })

  it('makes no writer wait while the log is away', async () => {
    await write('a', [1])
    const asked = Promise.withResolvers<void>()
    const failing = Promise.withResolvers<void>()
    const away: Pick<Bus, 'send'> = {
      send: () => {
        asked.resolve()
        return failing.promise
      },
    }
    const publishing = publish({ bus: away })
    await asked.promise
    await write('a', [2])
    failing.reject(new Error('no acknowledgement'))
    await expect(publishing).rejects.toThrow('no acknowledgement')
    // The lease was given back at once.
    expect(await publish()).toMatchObject({ events: 2, isDrained: true })
    expect((await published()).sequences.get('a')).toEqual([1, 2])
  })

  it('settles streams in any order although a writer holds one of them', async () => {
    await write('a', [1])
    await write('b', [1])
    const held = new pg.Client({ connectionString: database.url })
    await held.connect()
    const slow: Pick<Bus, 'send'> = {
      send: async (records) => {
        await bus.send(records)
        await held.query('begin')
        await held.query(
          `select * from ${SCHEMA}.outbox_stream where aggregate_id = 'a' for update`,
        )
      },
    }
    const publishing = publish({ bus: slow })
    await eventually(async () => expect(await unsettled()).toEqual({ events: 1, streams: 1 }))
    await held.query('commit')
    await held.end()
    expect(await publishing).toMatchObject({ events: 2 })
    expect(await unsettled()).toEqual({ events: 0, streams: 0 })
  })

  it('takes over the streams of a publisher that died, and stays right when it was only asleep', async () => {
    await write('a', [1, 2])
    const awake = Promise.withResolvers<void>()
    const asleep = Promise.withResolvers<void>()
    const sleeper: Pick<Bus, 'send'> = {
      send: async (records) => {
        asleep.resolve()
        await awake.promise
        await bus.send(records)
      },
    }
    const sleeping = publish({ bus: sleeper, leaseMs: 50 })
    await asleep.promise
    await eventually(async () => expect(await publish()).toMatchObject({ events: 2 }))
    await write('a', [3])
    await publish()
    awake.resolve()
    await sleeping
    const { all, sequences } = await published()
    expect(sequences.get('a')).toEqual([1, 2, 3])
    expect(all).toHaveLength(5)
    expect(await unsettled()).toEqual({ events: 0, streams: 0 })
  })

  it('stops at its budget and leaves the rest to the next call', async () => {
    await write('a', upTo(EVENTS_PER_STREAM_MAX + 1))
    const budget = new AbortController()
    const once: Pick<Bus, 'send'> = {
      send: async (records) => {
        await bus.send(records)
        budget.abort()
      },
    }
    expect(await publish({ bus: once, signal: budget.signal })).toEqual({
      events: EVENTS_PER_STREAM_MAX,
      batches: 1,
      isDrained: false,
    })
    expect(await publish()).toMatchObject({ events: 1, isDrained: true })
  })

  it('publishes other streams past one whose events are missing', async () => {
    await write('a', [1])
    await write('b', [1])
    await database.query(`delete from ${SCHEMA}.outbox where aggregate_id = 'a'`)
    expect(await publish()).toMatchObject({ events: 1, isDrained: false })
  })

  it('publishes everything else when one topic does not exist, and then says so', async () => {
    await transaction(service, context(), async (tx) =>
      appendToStream(tx, { subject: '-first', topic: 'hub.outbox-test.dlq' }, { type: 'x.y' }),
    )
    await write('a', upTo(EVENTS_PER_STREAM_MAX + 1))
    await expect(publish()).rejects.toBeInstanceOf(UnknownTopicError)
    expect((await published()).sequences.get('a')).toEqual(upTo(EVENTS_PER_STREAM_MAX + 1))
    expect(await unsettled()).toEqual({ events: 1, streams: 1 })
    await database.query(`update ${SCHEMA}.outbox set topic = '${TOPIC}'`)
    expect(await publish()).toMatchObject({ events: 1, isDrained: true })
  })

  it('may read and settle outboxes and forget what is over, and nothing else', async () => {
    expect(await findOutboxes(publisher.kysely)).toContain(SCHEMA)
    await expect(publisher.pool.query(`select * from ${SCHEMA}.dead_letter`)).rejects.toThrow(
      'denied',
    )
    await expect(
      publisher.pool.query(`insert into ${SCHEMA}.inbox values ('x', 'y')`),
    ).rejects.toThrow('denied')
    await expect(
      publisher.pool.query(`insert into ${SCHEMA}.outbox_stream values ('x', 1)`),
    ).rejects.toThrow('denied')
  })

  // Every await of a run is killed once before and once after it took effect; the last number finds no step left.
  describe.each(['before', 'after'] as const)('killed %s a step', (when) => {
    it.each(upTo(6))('number %i, loses and reorders nothing', async (step) => {
      await write('a', [1, 2, 3])
      await write('b', [1, 2])
      const faults = createFaults({ step, when })
      const failing = new Kysely<unknown>({
        dialect: new PostgresDialect({ pool: publisher.pool }),
        plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true }), faults.plugin],
      })
      const killed = await publish({
        kysely: failing,
        bus: { send: (records) => faults.run(() => bus.send(records)) },
        leaseMs: 50,
      }).then(
        () => false,
        () => true,
      )
      expect(killed).toBe(faults.hit())
      await write('a', [4])
      await eventually(async () => {
        await publish()
        expect(await unsettled()).toEqual({ events: 0, streams: 0 })
      })
      expect((await published()).sequences).toEqual(
        new Map([
          ['a', [1, 2, 3, 4]],
          ['b', [1, 2]],
        ]),
      )
    })
  })
})

/** Dies at one step and stays dead, as a killed process does: nothing after it takes effect either. */
const createFaults = ({ step, when }: { step: number; when: 'before' | 'after' }) => {
  const death = new Error(`killed ${randomUUID()}`)
  let taken = 0
  let isDead = false
  const before = () => {
    taken += 1
    if (taken === step && when === 'before') isDead = true
    if (isDead) throw death
  }
  const after = () => {
    if (taken === step && when === 'after') isDead = true
    if (isDead) throw death
  }
  const plugin: KyselyPlugin = {
    transformQuery({ node }) {
      before()
      return node
    },
    async transformResult({ result }) {
      after()
      return result
    },
  }
  return {
    plugin,
    hit: () => isDead,
    run: async (effect: () => Promise<void>) => {
      before()
      await effect()
      after()
    },
  }
}
