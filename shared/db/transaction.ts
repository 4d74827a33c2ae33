import type { Kysely, Transaction } from 'kysely'
import pg from 'pg'
import type { OrganizationId } from '../kernel/id.ts'
import type { Instant } from '../kernel/time.ts'
import { type Database, databaseUnavailable, isConnectionError, sqlState } from './open.ts'

/** Whose rows a transaction sees: one organisation's, or `'*'` where the operation stands above them. */
export type Tenant = OrganizationId | '*'

/** Who and when: what the outbox writes beside every event of the transaction. */
export type TransactionContext = {
  readonly tenant: Tenant
  readonly now: Instant
  /** An account, or `system`. */
  readonly actorId: string
  /** W3C Trace Context of the request, record or run that this serves. */
  readonly traceparent: string
}

/** An open transaction of one service. State and events written through it commit together. */
export type Tx = TransactionContext & {
  readonly service: string
  readonly schema: string
  /** Typed query builder over the service's own schema; names are always qualified (RDS Proxy). */
  tables<Tables>(): Transaction<Tables>
  /** The outbox holds something new: the publisher is nudged once this has committed. */
  wroteEvents(): void
  /**
   * Runs once this has committed, never after a rollback; what it does may be lost with the process, so something
   * else must find what it would have done. It must not throw: the commit stands.
   */
  afterCommit(work: () => Promise<void>): void
}

/** A deadlock or a serialization failure is worth so many tries in all. */
const ATTEMPTS_MAX = 3

/**
 * Runs `work` in one transaction and commits it, unless it throws.
 *
 * @throws what `work` throws; `unavailable` `database.unavailable` when the server cannot be reached.
 */
export const transaction = async <Result>(
  database: Database,
  context: TransactionContext,
  work: (tx: Tx) => Promise<Result>,
): Promise<Result> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptOnce(database, context, work)
    } catch (error) {
      if (isConnectionError(error)) throw databaseUnavailable(error)
      if (!isTransient(error) || attempt === ATTEMPTS_MAX) throw error
    }
  }
}

const attemptOnce = async <Result>(
  database: Database,
  context: TransactionContext,
  work: (tx: Tx) => Promise<Result>,
): Promise<Result> => {
  let wroteEvents = false
  const followUps: (() => Promise<void>)[] = []
  const result = await committed(database, context.tenant, async (open) => {
    const scoped = open.withSchema(database.schema)
    return work({
      ...context,
      service: database.service,
      schema: database.schema,
      // Each store names the tables of its own schema; the builder itself has no opinion.
      tables: <Tables>() => scoped as unknown as Transaction<Tables>,
      wroteEvents: () => {
        wroteEvents = true
      },
      afterCommit: (work) => void followUps.push(work),
    })
  })
  // Awaited: Lambda freezes an environment the moment it has answered, and a sent nudge with it.
  if (wroteEvents) await database.onEventsCommitted?.()
  for (const followUp of followUps) await followUp()
  return result
}

/**
 * Begin and tenant leave as one message, which is not awaited: the first statement of `work` follows at once, so both
 * cost no round trip. Should they fail, that statement and all after it fail too.
 */
const committed = async <Result>(
  database: Database,
  tenant: Tenant,
  work: (open: Kysely<unknown>) => Promise<Result>,
): Promise<Result> => {
  const client = await database.pool.connect()
  let isBroken = false
  try {
    const begun = client.query(
      `begin; select set_config('hub.tenant', ${pg.escapeLiteral(tenant)}, true)`,
    )
    begun.catch(() => {})
    const result = await work(database.on(client))
    await begun
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback').catch(() => {
      isBroken = true
    })
    throw error
  } finally {
    client.release(isBroken)
  }
}

const isTransient = (error: unknown): boolean => {
  const state = sqlState(error)
  return state === '40001' || state === '40P01'
}
