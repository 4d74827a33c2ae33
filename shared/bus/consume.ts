import { type Database, isConnectionError, sqlState } from '../db/open.ts'
import { type Tenant, type Tx, transaction } from '../db/transaction.ts'
import { type Envelope, envelopeSchema } from '../events/envelope.ts'
import { eventDefinition } from '../events/registry.ts'
import { assert } from '../kernel/assert.ts'
import { DomainError } from '../kernel/errors.ts'
import type { Clock } from '../kernel/time.ts'
import { describeError, type Log } from '../observe/logger.ts'
import { everyTrace, type Sampling } from '../observe/sampling.ts'
import { continueTrace, traceIdOf } from '../observe/trace.ts'
import {
  discardLetter,
  markRedriven,
  parkedLetters,
  parkLetter,
  type RecordPlace,
} from './dead-letter.ts'
import type { InboundRecord } from './inbound.ts'
import type { Reactions } from './reaction.ts'

export type ConsumeOptions<Deps> = {
  /** The consuming service: its inbox rows and dead letters carry the name. */
  readonly consumer: string
  readonly reactions: Reactions<Deps>
  readonly deps: Deps
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  /** Which traces write that an event was handled; all, where it is not said. */
  readonly isLogged?: Sampling
}

/** Tries of a failing reaction in all, one after the other at once, before its record is parked. */
export const REACTION_ATTEMPTS_MAX = 3

export type Outcome = 'done' | 'repeated' | 'ignored' | 'parked'

/**
 * Takes one record: decode, validate, then inbox row and effect in one transaction. What cannot be digested
 * is parked with its reason, so that the partition goes on.
 *
 * @throws only for infrastructure: the record was not handled and must be delivered again.
 */
export const consume = <Deps>(
  record: InboundRecord,
  options: ConsumeOptions<Deps>,
): Promise<Outcome> => take(record, options, async () => true)

/** Run in the very transaction that reacts or parks: false where the record is nobody's business any more. */
type Claim = (tx: Tx) => Promise<boolean>

const take = async <Deps>(
  record: InboundRecord,
  options: ConsumeOptions<Deps>,
  claim: Claim,
): Promise<Outcome> => {
  if (record.value === null) return 'ignored'
  let event: Envelope | undefined
  try {
    event = decode(record.value)
    // A type without a reaction is another consumer's business, well-formed or not.
    if (!Object.hasOwn(options.reactions, event.type)) return 'ignored'
    event = validate(event)
  } catch (error) {
    return park(record, { error, attempts: 1, event }, options, claim)
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await react(event, options, claim)
    } catch (error) {
      if (isInfrastructure(error)) throw error
      if (attempt === REACTION_ATTEMPTS_MAX)
        return park(record, { error, attempts: attempt, event }, options, claim)
    }
  }
}

/**
 * Tries the parked records of a consumer again. Their keys have gone on meanwhile: a reaction that may be redriven
 * ignores what is older than what it knows.
 *
 * @param place of the only one that is tried; otherwise the least tried, up to the limit.
 * @returns how many went through, and how many are still parked.
 * @throws only for infrastructure; what went through until then is recorded.
 */
export const redrive = async <Deps>(
  options: ConsumeOptions<Deps>,
  { recordsMax, place }: { recordsMax: number; place?: RecordPlace | undefined },
): Promise<{ readonly redriven: number; readonly failed: number }> => {
  const { consumer } = options
  const letters = await inSystem(options, (tx) =>
    parkedLetters(tx, { consumer, recordsMax, place }),
  )
  let redriven = 0
  let failed = 0
  for (const letter of letters) {
    // Marked in the transaction of its effect: whoever discards it meanwhile comes before both or after both.
    const claim: Claim = (tx) => markRedriven(tx, letter)
    const outcome = await take(letter.record, options, claim)
    if (outcome === 'parked') failed += 1
    else if (outcome !== 'ignored' || (await inSystem(options, claim))) redriven += 1
  }
  return { redriven, failed }
}

/**
 * Gives up a parked record of a consumer; who, when and why stay with its row.
 *
 * @returns 0 where it is not parked (any more), else 1.
 */
export const discard = async <Deps>(
  options: ConsumeOptions<Deps>,
  given: { place: RecordPlace; by: string; reason: string },
): Promise<{ readonly discarded: number }> => {
  const { consumer, log } = options
  const isDone = await inSystem(options, (tx) => discardLetter(tx, { consumer, ...given }))
  const { place, by, reason } = given
  if (isDone) log.warn('dead letter discarded', { consumer, ...place, by, reason })
  return { discarded: isDone ? 1 : 0 }
}

type Tables = { inbox: { consumer: string; eventId: string } }

const decode = (value: string): Envelope => {
  let parsed: unknown
  try {
    parsed = JSON.parse(value)
  } catch {
    // The parser's own message quotes the value, and would carry it into the log.
    throw new Error('the value is not JSON')
  }
  return envelopeSchema.parse(parsed)
}

const validate = (event: Envelope): Envelope => {
  const definition = eventDefinition(event.type)
  assert(definition, `a reaction to ${event.type} has a definition`)
  return { ...event, data: definition.data.parse(event.data) }
}

const react = async <Deps>(
  event: Envelope,
  options: ConsumeOptions<Deps>,
  claim: Claim,
): Promise<Outcome> => {
  const { consumer, reactions, deps, database, clock, log, isLogged = everyTrace } = options
  const traceparent = continueTrace(event.traceparent)
  const now = clock()
  const tenant: Tenant = event.organizationid ?? '*'
  const context = { tenant, now, actorId: event.actorid, traceparent }
  const outcome = await transaction<Outcome>(database, context, async (tx) => {
    if (!(await claim(tx))) return 'ignored'
    const claimed = await tx
      .tables<Tables>()
      .insertInto('inbox')
      .values({ consumer, eventId: event.id })
      .onConflict((conflict) => conflict.doNothing())
      .returning('eventId')
      .executeTakeFirst()
    if (!claimed) return 'repeated'
    // `validate` has checked the data against the very definition that types the reaction.
    const reaction = reactions[event.type as keyof Reactions<Deps>] as (
      received: unknown,
      deps: Deps,
    ) => Promise<void>
    await reaction({ event, data: event.data, now, tx }, deps)
    return 'done'
  })
  const trace = traceIdOf(traceparent)
  if (outcome === 'done' && isLogged(trace))
    log.info('event handled', { type: event.type, event: event.id, trace })
  return outcome
}

const park = async <Deps>(
  record: InboundRecord,
  failure: { error: unknown; attempts: number; event: Envelope | undefined },
  options: ConsumeOptions<Deps>,
  claim: Claim,
): Promise<Outcome> => {
  const { consumer, log } = options
  log.error('event parked', {
    consumer,
    topic: record.topic,
    event: failure.event?.id,
    type: failure.event?.type,
    ...describeError(failure.error),
  })
  return inSystem<Deps, Outcome>(options, async (tx) => {
    if (!(await claim(tx))) return 'ignored'
    await parkLetter(tx, {
      consumer,
      record,
      eventId: failure.event?.id ?? null,
      error: failure.error,
      attempts: failure.attempts,
    })
    return 'parked'
  })
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

/** The database or a part that we call is away: the record is innocent. */
const isInfrastructure = (error: unknown): boolean =>
  isConnectionError(error) ||
  (error instanceof DomainError && error.kind === 'unavailable') ||
  INFRASTRUCTURE_STATES.test(sqlState(error) ?? '')

// Classes of SQLSTATE: rolled back under contention, out of resources, ended by an operator or a timeout, broken
// below the database; and a primary that has become a replica.
const INFRASTRUCTURE_STATES = /^(40|53|57|58|25006|25P03|55P03)/
