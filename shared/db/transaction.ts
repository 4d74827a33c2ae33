import { type Kysely, sql, type Transaction } from 'kysely'
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
 * @throws what `work` throws; `unavailable` `database.unavailable` when the server cannot be reached, or takes no writes
 *   (decision 0013).
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
      if (isConnectionError(error) || error instanceof ReadOnlyServerError)
        throw databaseUnavailable(error)
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
  const result = await onPrimary(database, context, async (open) => {
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

/** A replica, or a primary that was fenced: what it shows may be old, so nothing is decided on it, reads included. */
class ReadOnlyServerError extends Error {
  override readonly name = 'ReadOnlyServerError'
}

const onPrimary = <Result>(
  { kysely }: Database,
  { tenant }: TransactionContext,
  work: (open: Transaction<unknown>) => Promise<Result>,
): Promise<Result> =>
  kysely.connection().execute(async (connection) => {
    try {
      return await connection.transaction().execute(async (open) => {
        const { rows } = await sql<{ isReadOnly: boolean }>`
          select set_config('hub.tenant', ${tenant}, true),
            current_setting('transaction_read_only')::boolean as is_read_only`.execute(open)
        if (rows[0]?.isReadOnly) throw new ReadOnlyServerError('the server takes no writes')
        return work(open)
      })
    } catch (error) {
      if (error instanceof ReadOnlyServerError) await endSession(connection)
      throw error
    }
  })

// A busy pool would keep the connection for hours after the address has moved on to the new primary.
const endSession = async (connection: Kysely<unknown>): Promise<void> => {
  await sql`select pg_terminate_backend(pg_backend_pid())`.execute(connection).catch(() => {})
}

const isTransient = (error: unknown): boolean => {
  const state = sqlState(error)
  return state === '40001' || state === '40P01'
}
