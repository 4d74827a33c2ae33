import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { sql } from 'kysely'
import { ROLE_PASSWORD, useDatabase } from '../../tests/support/database.ts'
import { migrate } from '../db/migrate.ts'
import type { Database } from '../db/open.ts'
import type { Tx } from '../db/transaction.ts'
import type { Envelope } from '../events/envelope.ts'
import { DomainError } from '../kernel/errors.ts'
import { newId } from '../kernel/id.ts'
import { systemClock, toIso } from '../kernel/time.ts'
import { silentLog } from '../observe/logger.ts'
import { continueTrace } from '../observe/trace.ts'
import { consume, discard, REACTION_ATTEMPTS_MAX, redrive } from './consume.ts'
import type { RecordParked } from './dead-letter.ts'
import type { InboundRecord } from './inbound.ts'
import type { Reactions } from './reaction.ts'

// A consumer with one table, `effect`, that counts what its reaction did.
const SERVICE = 'consume-test'
const TOPIC = 'hub.organization.v1'
const CONCURRENT_DELIVERIES = 10

describe('consume', () => {
  const database = useDatabase()
  let service: Database
  /** What the reaction does beside its effect; each test sets its own. */
  let disturb: (attempt: number, tx: Tx) => Promise<void> | void
  let attempts: number
  let offset = 0

  beforeAll(async () => {
    await migrate({
      databaseUrl: database.url,
      rolePassword: ROLE_PASSWORD,
      services: [{ name: SERVICE, migrationsDir: undefined }],
    })
    await database.query('create table consume_test.effect (name text not null)')
    await database.query('grant select, insert on consume_test.effect to hub_consume_test')
    service = database.as(SERVICE)
  })
  beforeEach(async () => {
    attempts = 0
    disturb = () => {}
    await database.query(`truncate consume_test.effect, consume_test.inbox, consume_test.dead_letter,
      consume_test.outbox, consume_test.outbox_stream`)
  })

  const reactions: Reactions<unknown> = {
    async 'organization.updated'({ data, tx }) {
      await tx.tables<{ effect: { name: string } }>().insertInto('effect').values(data).execute()
      attempts += 1
      await disturb(attempts, tx)
    },
  }
  const options = () => ({
    consumer: SERVICE,
    reactions: {
      'organization.updated': (received, deps) =>
        reactions['organization.updated']?.(
          { ...received, data: { name: received.data.name } as typeof received.data },
          deps,
        ) ?? Promise.resolve(),
    } satisfies Reactions<unknown>,
    deps: {},
    database: service,
    clock: systemClock,
    log: silentLog,
  })
  const record = (value: string | null): InboundRecord => {
    offset += 1
    return { topic: TOPIC, partition: 0, offset, key: 'key', value }
  }
  const renamed = (name: string, changes: Partial<Envelope> = {}): InboundRecord => {
    const organizationId = newId('organization')
    const envelope: Envelope = {
      specversion: '1.0',
      id: newId('event'),
      source: '/organization',
      type: 'organization.updated',
      subject: organizationId,
      time: toIso(systemClock()),
      datacontenttype: 'application/json',
      organizationid: organizationId,
      actorid: 'system',
      traceparent: continueTrace(undefined),
      sequence: 1,
      data: { organizationId, name },
      ...changes,
    }
    return record(JSON.stringify(envelope))
  }
  const effects = async () =>
    (await database.query<{ name: string }>('select name from consume_test.effect')).map(
      ({ name }) => name,
    )
  const letters = () =>
    database.query<{
      event_id: string | null
      error: string
      attempts: number
      redriven_at: Date | null
      record: { value: unknown }
    }>('select * from consume_test.dead_letter order by record_offset')
  const announced = async () =>
    (
      await database.query<{ topic: string; envelope: Envelope<RecordParked> }>(
        'select topic, envelope from consume_test.outbox order by seq',
      )
    ).map(({ topic, envelope }) => ({ topic, data: envelope.data }))

  it('does nothing when an event is delivered again', async () => {
    const event = renamed('once')
    expect(await consume(event, options())).toBe('done')
    expect(await consume(event, options())).toBe('repeated')
    expect(await consume({ ...event, offset: event.offset + 1_000 }, options())).toBe('repeated')
    expect(await effects()).toEqual(['once'])
  })

  it('has one effect of an event that is delivered ten times at once', async () => {
    const event = renamed('once')
    const outcomes = await Promise.all(
      Array.from({ length: CONCURRENT_DELIVERIES }, () => consume(event, options())),
    )
    expect(outcomes.sort()).toEqual(['done', ...Array(CONCURRENT_DELIVERIES - 1).fill('repeated')])
    expect(await effects()).toEqual(['once'])
  })

  it('logs what was done once it is, in traces that are logged, and what was parked in all', async () => {
    const lines: string[] = []
    const log = { ...silentLog, info: keep, error: keep }
    function keep(message: string) {
      lines.push(message)
    }
    await consume(renamed('logged'), { ...options(), log })
    await consume(renamed('not logged'), { ...options(), log, isLogged: () => false })
    expect(lines).toEqual(['event handled'])
    disturb = () => {
      expect(lines).toEqual(['event handled'])
      throw new Error('it always fails')
    }
    await consume(renamed('never'), { ...options(), log, isLogged: () => false })
    expect(lines).toEqual(['event handled', 'event parked'])
  })

  it('leaves no effect and no claim of an attempt that failed', async () => {
    disturb = (attempt) => {
      if (attempt === 1) throw new Error('the first attempt fails')
    }
    expect(await consume(renamed('second try'), options())).toBe('done')
    expect(await effects()).toEqual(['second try'])
  })

  it.each([
    ['a tombstone', null],
    ['a type that nobody here reacts to', { type: 'organization.created', data: { wrong: true } }],
    ['a type that nobody knows', { type: 'organization.dreamt' }],
    ['a type named like a method of every object', { type: 'constructor' }],
  ])('ignores %s', async (_, changes) => {
    const event = changes === null ? record(null) : renamed('ignored', changes)
    expect(await consume(event, options())).toBe('ignored')
    expect(await letters()).toEqual([])
  })

  it.each([
    ['is no JSON', 'secret{', 'the value is not JSON'],
    ['is empty', '', 'the value is not JSON'],
    ['is no object', '17', 'ZodError'],
    ['holds a NUL', 'before\0after', 'the value is not JSON'],
    ['is huge', 'x'.repeat(5_000_000), 'the value is not JSON'],
  ])('parks a record whose value %s, with the reason, and goes on', async (_, value, reason) => {
    const poison = record(value)
    expect(await consume(poison, options())).toBe('parked')
    expect(await consume(renamed('next'), options())).toBe('done')
    const [letter] = await letters()
    expect(letter?.error).toContain(reason)
    expect(letter?.error).not.toContain('secret')
    expect(letter?.attempts).toBe(1)
    expect(await effects()).toEqual(['next'])
    const [announcement] = await announced()
    expect(announcement?.topic).toBe('hub.consume-test.dlq')
    expect(announcement?.data).toMatchObject({
      consumer: SERVICE,
      topic: TOPIC,
      offset: poison.offset,
    })
  })

  it('parks an event whose data breaks its schema, under its id', async () => {
    const event = renamed('x', { data: { organizationId: 'no id', name: 3 } })
    expect(await consume(event, options())).toBe('parked')
    const [letter] = await letters()
    expect(letter?.event_id).toMatch(/^evt_/)
    expect(letter?.error).toContain('organizationId')
  })

  it('parks what its reaction refuses, after so many attempts, without any effect', async () => {
    disturb = () => {
      throw new DomainError('unprocessable', 'thing.impossible', 'This cannot be.')
    }
    expect(await consume(renamed('never'), options())).toBe('parked')
    expect(attempts).toBe(REACTION_ATTEMPTS_MAX)
    expect(await letters()).toMatchObject([
      { error: 'DomainError: This cannot be.', attempts: REACTION_ATTEMPTS_MAX, redriven_at: null },
    ])
    expect(await effects()).toEqual([])
  })

  it('announces a record once, however often it is parked', async () => {
    const poison = record('poison')
    await consume(poison, options())
    await consume(poison, options())
    expect(await letters()).toMatchObject([{ attempts: 2 }])
    expect(await announced()).toHaveLength(1)
  })

  it.each<[string, (other: Database, tx: Tx) => Promise<unknown>]>([
    [
      'a part that it calls is away',
      async () => {
        throw new DomainError('unavailable', 'database.unavailable', 'Please try again.')
      },
    ],
    [
      'its connection dies',
      async ({ pool }, tx) => {
        await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
          where usename = 'hub_consume_test' and state = 'idle in transaction'`)
        // Gives the socket the time to hear of it; the next statement finds a dead client then.
        await delay(50)
        await tx.tables<{ effect: { name: string } }>().selectFrom('effect').execute()
      },
    ],
    [
      'its statement takes too long',
      async ({ kysely }) => {
        await kysely.transaction().execute(async (tx) => {
          await sql`set local statement_timeout = 20`.execute(tx)
          await sql`select pg_sleep(5)`.execute(tx)
        })
      },
    ],
    [
      'the primary has become a replica',
      async ({ kysely }) => {
        await kysely
          .transaction()
          .setAccessMode('read only')
          .execute((tx) => sql`insert into consume_test.effect values ('x')`.execute(tx))
      },
    ],
  ])('throws, parks nothing and keeps nothing when %s', async (_, fault) => {
    disturb = async (_attempt, tx) => {
      await fault(service, tx)
    }
    const event = renamed('later')
    await expect(consume(event, options())).rejects.toThrow()
    expect(await letters()).toEqual([])
    disturb = () => {}
    expect(await consume(event, options())).toBe('done')
    expect(await effects()).toEqual(['later'])
  })

  describe('redrive', () => {
    it('lets through what can be digested by now, and records it', async () => {
      disturb = () => {
        throw new Error('a bug')
      }
      await consume(renamed('one'), options())
      await consume(renamed('two'), options())
      await consume(record('never JSON'), options())
      expect(await redrive(options(), { recordsMax: 10 })).toEqual({ redriven: 0, failed: 3 })
      disturb = () => {}
      expect(await redrive(options(), { recordsMax: 10 })).toEqual({ redriven: 2, failed: 1 })
      expect((await effects()).sort()).toEqual(['one', 'two'])
      expect((await letters()).map(({ redriven_at }) => redriven_at !== null)).toEqual([
        true,
        true,
        false,
      ])
      expect(await redrive(options(), { recordsMax: 10 })).toEqual({ redriven: 0, failed: 1 })
      expect(await effects()).toHaveLength(2)
    })

    it('tries the one record that is named, and no other', async () => {
      disturb = () => {
        throw new Error('a bug')
      }
      const [one, two] = [renamed('one'), renamed('two')]
      await consume(one, options())
      await consume(two, options())
      disturb = () => {}
      const place = placeOf(two)
      expect(await redrive(options(), { recordsMax: 10, place })).toEqual({
        redriven: 1,
        failed: 0,
      })
      expect(await effects()).toEqual(['two'])
      expect(await redrive(options(), { recordsMax: 10, place })).toEqual({
        redriven: 0,
        failed: 0,
      })
    })

    it('comes to every record in the end, though hopeless ones stand before it', async () => {
      for (const value of ['a', 'b', 'c']) await consume(record(value), options())
      disturb = (attempt) => {
        if (attempt <= REACTION_ATTEMPTS_MAX) throw new Error('a bug')
      }
      await consume(renamed('good'), options())
      for (let round = 0; round < 10; round += 1) await redrive(options(), { recordsMax: 2 })
      expect(await effects()).toEqual(['good'])
    })

    it('gives a record back byte for byte, NUL included', async () => {
      const event = renamed('x')
      const withNul = { ...event, value: `${event.value}\0`, key: 'k\0' }
      await consume(withNul, options())
      expect(await redrive(options(), { recordsMax: 1 })).toEqual({ redriven: 0, failed: 1 })
      const [letter] = await letters()
      expect(letter?.record).toMatchObject({
        value: { base64: Buffer.from(withNul.value).toString('base64') },
      })
    })
  })

  describe('discard', () => {
    const given = (parked: InboundRecord) => ({
      place: placeOf(parked),
      by: 'an operator',
      reason: 'sent by mistake',
    })

    it('gives a parked record up: nothing redrives it, and who, when and why stay', async () => {
      const poison = record('poison')
      await consume(poison, options())
      expect(await discard(options(), given(poison))).toEqual({ discarded: 1 })
      expect(await redrive(options(), { recordsMax: 10 })).toEqual({ redriven: 0, failed: 0 })
      expect(await letters()).toMatchObject([
        { discarded_by: 'an operator', discard_reason: 'sent by mistake', redriven_at: null },
      ])
      const [row] = await database.query<{ is_recent: boolean }>(
        `select discarded_at > now() - interval '1 minute' as is_recent from consume_test.dead_letter`,
      )
      expect(row).toEqual({ is_recent: true })
    })

    it('comes before the effect of a redrive that is under way, or after it, and never beside it', async () => {
      disturb = () => {
        throw new Error('a bug')
      }
      const [one, two] = [renamed('one'), renamed('two')]
      await consume(one, options())
      await consume(two, options())
      let ofItself: Promise<{ readonly discarded: number }> | undefined
      disturb = async () => {
        expect(await discard(options(), given(two))).toEqual({ discarded: 1 })
        ofItself = discard(options(), given(one))
      }
      expect(await redrive(options(), { recordsMax: 10 })).toEqual({ redriven: 1, failed: 0 })
      expect(await ofItself).toEqual({ discarded: 0 })
      expect(await effects()).toEqual(['one'])
      expect(await letters()).toMatchObject([
        { discarded_by: null, redriven_at: expect.any(Date) },
        { discarded_by: 'an operator', redriven_at: null },
      ])
    })

    it('does nothing to what is not parked, was discarded, or went through', async () => {
      expect(await discard(options(), given(record('never seen')))).toEqual({ discarded: 0 })
      const poison = record('poison')
      await consume(poison, options())
      await discard(options(), given(poison))
      const again = { ...given(poison), reason: 'another' }
      expect(await discard(options(), again)).toEqual({ discarded: 0 })
      expect(await letters()).toMatchObject([{ discard_reason: 'sent by mistake' }])
      disturb = (attempt) => {
        if (attempt <= REACTION_ATTEMPTS_MAX) throw new Error('a bug')
      }
      const good = renamed('good')
      await consume(good, options())
      await redrive(options(), { recordsMax: 10 })
      expect(await discard(options(), given(good))).toEqual({ discarded: 0 })
    })

    it('is undone when the record comes again and fails again', async () => {
      const poison = record('poison')
      await consume(poison, options())
      await discard(options(), given(poison))
      await consume(poison, options())
      expect(await letters()).toMatchObject([
        { discarded_at: null, discarded_by: null, discard_reason: null, attempts: 2 },
      ])
    })
  })
})

const placeOf = ({ topic, partition, offset }: InboundRecord) => ({ topic, partition, offset })
