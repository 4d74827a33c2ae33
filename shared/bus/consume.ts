import { sql } from 'kysely'
import { type JsonColumn, json } from '../db/columns.ts'
import { type Database, isConnectionError, sqlState } from '../db/open.ts'
import { type Tenant, transaction } from '../db/transaction.ts'
import { type Envelope, envelopeSchema } from '../events/envelope.ts'
import { eventDefinition } from '../events/registry.ts'
import { DomainError } from '../kernel/errors.ts'
import type { Clock } from '../kernel/time.ts'
import { describeError, type Log } from '../observe/logger.ts'
import { continueTrace, traceIdOf } from '../observe/trace.ts'
import type { Reactions } from './reaction.ts'

/** A record as it came from the log, value still text. */
export type InboundRecord = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  /** Null is a tombstone: nothing to react to. */
  readonly value: string | null
}

export type ConsumeOptions<Deps> = {
  /** The consuming service: its inbox rows and dead letters carry the name. */
  readonly consumer: string
  readonly reactions: Reactions<Deps>
  readonly deps: Deps
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
}

/** A reaction that fails is tried so often in all, at once, before its record is parked. */
export const REACTION_ATTEMPTS_MAX = 3

export type Outcome = 'done' | 'repeated' | 'ignored' | 'parked'

/**
 * Takes one record: decode, validate, then inbox row and effect in one transaction. What cannot be digested
 * is parked with its reason, so that the partition goes on (architecture section 6).
 *
 * @throws only for infrastructure: the record was not handled and must be delivered again.
 */
export const consume = async <Deps>(
  record: InboundRecord,
  options: ConsumeOptions<Deps>,
): Promise<Outcome> => {
  if (record.value === null) return 'ignored'
  let event: Envelope
  try {
    event = decode(record.value)
  } catch (error) {
    return park(record, { error, attempts: 1, event: undefined }, options)
  }
  const reaction = options.reactions[event.type as keyof Reactions<Deps>]
  if (!reaction) return 'ignored'
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await react(event, options)
    } catch (error) {
      if (isInfrastructure(error)) throw error
      if (attempt === REACTION_ATTEMPTS_MAX)
        return park(record, { error, attempts: attempt, event }, options)
    }
  }
}

/** Tries the parked records of a consumer again, oldest first. @returns how many went through. */
export const redrive = async <Deps>(
  options: ConsumeOptions<Deps>,
  { recordsMax }: { recordsMax: number },
): Promise<{ readonly redriven: number; readonly failed: number }> => {
  const parked = await inSystem(options, (tx) =>
    tx
      .tables<Tables>()
      .selectFrom('deadLetter')
      .selectAll()
      .where('consumer', '=', options.consumer)
      .where('redrivenAt', 'is', null)
      .orderBy('parkedAt')
      .limit(recordsMax)
      .execute(),
  )
  let redriven = 0
  for (const letter of parked) {
    const outcome = await consume(letter.record, options)
    if (outcome === 'parked') continue
    redriven += 1
    await inSystem(options, (tx) =>
      tx
        .tables<Tables>()
        .updateTable('deadLetter')
        .set({ redrivenAt: sql<Date>`now()` })
        .where('consumer', '=', letter.consumer)
        .where('topic', '=', letter.topic)
        .where('partition', '=', letter.partition)
        .where('recordOffset', '=', letter.recordOffset)
        .execute(),
    )
  }
  return { redriven, failed: parked.length - redriven }
}

type Tables = {
  inbox: { consumer: string; eventId: string }
  deadLetter: {
    consumer: string
    topic: string
    partition: number
    recordOffset: number
    eventId: string | null
    record: JsonColumn<InboundRecord>
    error: string
    attempts: number
    parkedAt: Date
    redrivenAt: Date | null
  }
}

const decode = (value: string): Envelope => {
  const event = envelopeSchema.parse(JSON.parse(value))
  const definition = eventDefinition(event.type)
  // A type this build does not know is another consumer's business, or a newer producer's.
  return { ...event, data: definition ? definition.data.parse(event.data) : event.data }
}

const react = <Deps>(event: Envelope, options: ConsumeOptions<Deps>): Promise<Outcome> => {
  const { consumer, reactions, deps, database, clock, log } = options
  const traceparent = continueTrace(event.traceparent)
  const now = clock()
  const tenant: Tenant = event.organizationid ?? '*'
  const context = { tenant, now, actorId: event.actorid, traceparent }
  return transaction<Outcome>(database, context, async (tx) => {
    const claimed = await tx
      .tables<Tables>()
      .insertInto('inbox')
      .values({ consumer, eventId: event.id })
      .onConflict((conflict) => conflict.doNothing())
      .returning('eventId')
      .executeTakeFirst()
    if (!claimed) return 'repeated'
    // `decode` has checked the data against the very definition that types the reaction.
    const reaction = reactions[event.type as keyof Reactions<Deps>] as (
      received: unknown,
      deps: Deps,
    ) => Promise<void>
    await reaction({ event, data: event.data, now, tx }, deps)
    log.info('event handled', { type: event.type, event: event.id, trace: traceIdOf(traceparent) })
    return 'done'
  })
}

const park = async <Deps>(
  record: InboundRecord,
  failure: { error: unknown; attempts: number; event: Envelope | undefined },
  options: ConsumeOptions<Deps>,
): Promise<Outcome> => {
  const { consumer, log } = options
  log.error('event parked', {
    consumer,
    topic: record.topic,
    event: failure.event?.id,
    type: failure.event?.type,
    ...describeError(failure.error),
  })
  const letter = {
    consumer,
    topic: record.topic,
    partition: record.partition,
    recordOffset: record.offset,
    eventId: failure.event?.id ?? null,
    record: json(record),
    error: reasonOf(failure.error),
    attempts: failure.attempts,
  }
  await inSystem(options, (tx) =>
    tx
      .tables<Tables>()
      .insertInto('deadLetter')
      .values({ ...letter, parkedAt: sql<Date>`now()`, redrivenAt: null })
      .onConflict((conflict) =>
        conflict
          .columns(['consumer', 'topic', 'partition', 'recordOffset'])
          .doUpdateSet({ error: letter.error, attempts: letter.attempts }),
      )
      .execute(),
  )
  return 'parked'
}

const inSystem = <Deps, Result>(
  { database, clock }: ConsumeOptions<Deps>,
  work: Parameters<typeof transaction<Result>>[2],
): Promise<Result> =>
  transaction(
    database,
    { tenant: '*', now: clock(), actorId: 'system', traceparent: continueTrace(undefined) },
    work,
  )

const REASON_LENGTH_MAX = 1_000

const reasonOf = (error: unknown): string =>
  (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(
    0,
    REASON_LENGTH_MAX,
  )

/** The database or a part that we call is away: the record is innocent. */
const isInfrastructure = (error: unknown): boolean =>
  isConnectionError(error) ||
  (error instanceof DomainError && error.kind === 'unavailable') ||
  sqlState(error) === '57014'
