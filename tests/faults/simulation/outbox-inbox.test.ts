import { beforeAll, describe, expect, it } from '@jest/globals'
import { sql } from 'kysely'
import { consume } from '../../../shared/bus/consume.ts'
import { BusUnavailableError } from '../../../shared/bus/port.ts'
import type { Reactions } from '../../../shared/bus/reaction.ts'
import { PUBLISHER_ROLE } from '../../../shared/db/names.ts'
import { transaction } from '../../../shared/db/transaction.ts'
import type { Envelope } from '../../../shared/events/envelope.ts'
import { organizationEvents } from '../../../shared/events/organization.ts'
import { newId, type OrganizationId } from '../../../shared/kernel/id.ts'
import { systemClock } from '../../../shared/kernel/time.ts'
import { silentLog } from '../../../shared/observe/logger.ts'
import { continueTrace } from '../../../shared/observe/trace.ts'
import { publishOutbox } from '../../../shared/outbox/publish.ts'
import { writeOutbox } from '../../../shared/outbox/write.ts'
import { useDatabase } from '../../support/database.ts'
import { createLog, type SimulatedLog } from './events.ts'
import type { Actor, Simulation } from './simulator.ts'
import { type Scenario, SIMULATION_TIMEOUT_MS, useSimulations } from './world.ts'

const STREAMS = 2
const EVENTS_PER_WRITER = 4
const LEASE_MS = 60_000
const BATCH_MAX = 3
const PLANTED_SEEDS = 60

const database = useDatabase()
const simulations = useSimulations(database)

// The service that writes, and the one that reacts: each with its own schema, outbox and inbox.
const [PRODUCER, CONSUMER] = ['organization', 'certificate'] as const
const opened = () => ({
  producer: database.as(PRODUCER, { connectionsMax: 10 }),
  publisher: database.as('outbox-publisher', { role: PUBLISHER_ROLE, connectionsMax: 10 }),
  consumer: database.as(CONSUMER, { connectionsMax: 10 }),
})
let databases: ReturnType<typeof opened>

beforeAll(async () => {
  databases = opened()
  // What reactions did, in the order of their commits, without any rule that would hide a second time.
  await database.query(`
    create table ${CONSUMER}.ledger (n bigserial, subject text, sequence bigint, event_id text)`)
  await database.query(
    `grant all on ${CONSUMER}.ledger, ${CONSUMER}.ledger_n_seq to hub_${CONSUMER}`,
  )
})

const reactions: Reactions<unknown> = {
  async 'organization.updated'({ event, tx }) {
    await sql`insert into certificate.ledger (subject, sequence, event_id)
      values (${event.subject}, ${event.sequence}, ${event.id})`.execute(
      tx.tables<Record<string, never>>(),
    )
  },
}

type Parts = {
  readonly simulation: Simulation
  readonly log: SimulatedLog
  readonly streams: readonly OrganizationId[]
  /** What is planted, for the tests of the simulation itself. */
  readonly plant: Plant
}

type Plant = {
  readonly busOf?: (log: SimulatedLog, actor: Actor) => ReturnType<SimulatedLog['busOf']>
  readonly delivered?: (envelope: Envelope) => Envelope
  /** Commits the offset before the effects. */
  readonly isHasty?: boolean
}

/** One of the writers: its transaction dies as a whole or stands. What it committed, it does not write again. */
const write = async (actor: Actor, { streams }: Parts, done: Set<string>) => {
  const own = await actor.database(databases.producer)
  for (let number = 1; number <= EVENTS_PER_WRITER; number += 1) {
    const mark = `${actor.name}-${number}`
    if (done.has(mark)) continue
    const organizationId = streams[number % streams.length] as OrganizationId
    const context = {
      ...{ tenant: '*' as const, now: systemClock(), actorId: 'system' },
      traceparent: continueTrace(undefined),
    }
    await transaction(own, context, async (tx) => {
      const event = { type: 'organization.updated' as const, organizationId, name: mark }
      await writeOutbox(tx, organizationEvents, [event])
    })
    done.add(mark)
  }
}

const publish = async (actor: Actor, parts: Parts, rounds: number) => {
  const { kysely } = await actor.database(databases.publisher)
  const bus = (parts.plant.busOf ?? ((log, one) => log.busOf(one)))(parts.log, actor)
  const { signal } = new AbortController()
  for (let round = 0; round < rounds; round += 1)
    await publishOutbox({ kysely, schema: PRODUCER, bus, signal, leaseMs: LEASE_MS }).catch(
      unlessAway,
    )
}

const unlessAway = (error: unknown) => {
  if (!(error instanceof BusUnavailableError)) throw error
}

/** One member of the group, on the only partition. A zombie may be another: both read on from what is committed. */
const take = async (actor: Actor, { log, plant }: Parts, rounds: number) => {
  const own = await actor.database(databases.consumer)
  const options = {
    ...{ consumer: CONSUMER, reactions, deps: {}, database: own },
    ...{ clock: systemClock, log: silentLog },
  }
  for (let round = 0; round < rounds; round += 1) {
    const { from, batch } = await actor.step(async () => ({
      from: log.committed,
      batch: log.records.slice(log.committed, log.committed + BATCH_MAX),
    }))
    const commit = () =>
      actor.step(async () => {
        log.committed = Math.max(log.committed, from + batch.length)
      })
    if (plant.isHasty) await commit()
    for (const [index, envelope] of batch.entries()) {
      const value = JSON.stringify(plant.delivered?.(envelope) ?? envelope)
      await consume({ topic: 't', partition: 0, offset: from + index, key: null, value }, options)
    }
    if (!plant.isHasty) await commit()
  }
}

/** Moves the database's clock past every lease: those who still hold one have become zombies. */
const letTimePass = async (actor: Actor, { streams }: Parts, times: number) => {
  const { kysely } = await actor.database(databases.publisher)
  for (let passed = 0; passed < times; passed += 1)
    await sql`
      update organization.outbox_stream
      set claimed_until = claimed_until - ${LEASE_MS} * interval '1 ms'
      where aggregate_id = any(${[...streams]}::text[]) and claimed_until is not null`.execute(
      kysely,
    )
}

/** Everybody at once, with deaths; then, when nothing fails any more, whoever is left finishes. */
const scenarioWith =
  (plant: Plant): Scenario =>
  async (simulation) => {
    const streams = Array.from({ length: STREAMS }, () => newId('organization'))
    const log = createLog(simulation.random)
    const parts = { simulation, log, streams, plant }
    const done = new Set<string>()
    for (const name of ['writer0', 'writer1'])
      simulation.spawn({ name, isMortal: false, run: (actor) => write(actor, parts, done) })
    for (const name of ['publisher0', 'publisher1'])
      simulation.spawn({ name, isMortal: true, run: (actor) => publish(actor, parts, 2) })
    for (const name of ['consumer0', 'consumer1'])
      simulation.spawn({ name, isMortal: true, run: (actor) => take(actor, parts, 3) })
    simulation.spawn({
      ...{ name: 'time', isMortal: false },
      run: (actor) => letTimePass(actor, parts, 3),
    })
    await simulation.run()
    log.heal()
    simulation.spawn({
      ...{ name: 'healer', isMortal: false },
      async run(actor) {
        await letTimePass(actor, parts, 1)
        await publish(actor, parts, 1)
        await take(actor, parts, Math.ceil((log.records.length - log.committed) / BATCH_MAX))
      },
    })
    await simulation.run()
    const left = await unpublished(streams)
    return [...(await judge(parts)), ...(left === 0 ? [] : [`${left} events are not published`])]
  }

const unpublished = async (streams: readonly string[]): Promise<number> => {
  const [row] = await database.query<{ n: number }>(
    'select count(*)::int as n from organization.outbox where aggregate_id = any($1)',
    [streams],
  )
  return row?.n ?? 0
}

const judge = async ({ log, streams }: Parts): Promise<readonly string[]> => {
  const violations: string[] = []
  const effects = await database.query<{ subject: string; sequence: number; id: string }>(
    `select subject, sequence::int as sequence, event_id as id from certificate.ledger
     where subject = any($1) order by n`,
    [streams],
  )
  for (const subject of streams) {
    const written = (2 * EVENTS_PER_WRITER) / STREAMS
    const arrivals = log.records.filter((record) => record.subject === subject)
    let next = 1
    for (const { sequence } of arrivals) {
      if (sequence > next) violations.push(`${subject}: ${sequence} came before ${next}`)
      if (sequence === next) next += 1
    }
    if (next - 1 !== written) violations.push(`${subject}: ${next - 1} of ${written} in the log`)
    const taken = effects
      .filter((effect) => effect.subject === subject)
      .map(({ sequence }) => sequence)
    const expected = Array.from({ length: written }, (_, index) => index + 1)
    if (JSON.stringify(taken) !== JSON.stringify(expected))
      violations.push(`${subject}: effects ${taken.join()} instead of ${expected.join()}`)
  }
  return violations
}

describe('outbox, publisher, log and inbox together', () => {
  it(
    'lose nothing, double nothing and keep the order of each aggregate, whoever dies when',
    async () => {
      expect(await simulations.firstBroken(scenarioWith({}))).toBeUndefined()
    },
    SIMULATION_TIMEOUT_MS,
  )
})

describe('the simulation', () => {
  const finds = async (plant: Plant) => {
    const told = await simulations.firstBroken(scenarioWith(plant), PLANTED_SEEDS)
    return told?.violations.join()
  }

  it(
    'finds a publisher that settles what was not sent',
    async () => {
      // Acknowledged at once, stored by chance: as if it settled first and sent afterwards.
      const found = await finds({
        busOf: (log, actor) => ({
          send: (batch) => log.busOf(actor).send(batch).catch(unlessAway),
        }),
      })
      expect(found).toMatch(/in the log/)
    },
    SIMULATION_TIMEOUT_MS,
  )

  it(
    'finds a publisher that sends out of order',
    async () => {
      const found = await finds({
        busOf: (log, actor) => ({ send: (batch) => log.busOf(actor).send(batch.toReversed()) }),
      })
      expect(found).toMatch(/came before/)
    },
    SIMULATION_TIMEOUT_MS,
  )

  it(
    'finds a consumer without an inbox',
    async () => {
      const found = await finds({
        delivered: (envelope) => ({ ...envelope, id: newId('event') }),
      })
      expect(found).toMatch(/effects/)
    },
    SIMULATION_TIMEOUT_MS,
  )

  it(
    'finds a consumer that commits its offset before the effects',
    async () => {
      expect(await finds({ isHasty: true })).toMatch(/effects/)
    },
    SIMULATION_TIMEOUT_MS,
  )
})
