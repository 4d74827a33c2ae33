import { CompiledQuery, type Kysely, type KyselyPlugin, sql, type Transaction } from 'kysely'
import pg from 'pg'
import type { Envelope } from '../events/envelope.ts'
import { assert } from '../kernel/assert.ts'
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

/**
 * An open transaction of one service. State and events written through it commit together; once it is over it takes
 * nothing more.
 */
export type Tx = TransactionContext & {
  readonly service: string
  readonly schema: string
  /** Typed query builder over the service's own schema; names are always qualified (RDS Proxy). */
  tables<Tables>(): Transaction<Tables>
  /**
   * Leaves an event for the outbox: it is numbered and written in the very request that commits, so that nobody waits
   * long for its stream; then the publisher is nudged.
   */
  append(event: OutgoingEvent): void
  /**
   * Does the work and undoes it, rows and events: what it costs stays, the nudge included, so that time tells nothing
   * of whether something was done.
   */
  rehearse(work: () => Promise<void>): Promise<void>
  /**
   * Runs once this has committed, never after a rollback; what it does may be lost with the process, so something
   * else must find what it would have done. It must not throw: the commit stands.
   */
  afterCommit(work: () => Promise<void>): void
}

/** An event that has no number yet: it gets the next one of its subject. */
export type OutgoingEvent = {
  /** The aggregate: whose stream it belongs to. */
  readonly subject: string
  readonly topic: string
  readonly envelope: Omit<Envelope, 'sequence'>
}

/** Tries in all after a deadlock or a serialization failure. */
const ATTEMPTS_MAX = 3

/**
 * Runs `work` in one transaction and commits it, unless it throws.
 *
 * @throws what `work` throws; `unavailable` `database.unavailable` when the server cannot be reached, or takes no writes
 *   (decision 0014).
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
      if (isConnectionError(error) || isReadOnlyServer(error)) throw databaseUnavailable(error)
      if (!isTransient(error) || attempt === ATTEMPTS_MAX) throw error
    }
  }
}

const attemptOnce = async <Result>(
  database: Database,
  context: TransactionContext,
  work: (tx: Tx) => Promise<Result>,
): Promise<Result> => {
  const events: OutgoingEvent[] = []
  let wasRehearsed = false
  const followUps: (() => Promise<void>)[] = []
  const client = await database.pool.connect()
  const connection = database.on(client)
  const open = begin(client, connection, context.tenant)
  const { service, schema } = database
  let isOver = false
  const assertOpen = () => assert(!isOver, 'a transaction that is over takes nothing more')
  const scoped = connection.withSchema(schema).withPlugin(before(assertOpen))
  let result: Result
  try {
    result = await work({
      ...context,
      service,
      schema,
      // Each store names the tables of its own schema; the builder itself has no opinion.
      tables: <Tables>() => scoped as unknown as Transaction<Tables>,
      append(event) {
        assertOpen()
        events.push(event)
      },
      async rehearse(rehearsed) {
        assertOpen()
        const standing = events.length
        await send(connection, 'savepoint rehearsal')
        await rehearsed()
        const undone = events.splice(standing)
        await appendAnd('rollback to savepoint rehearsal', { connection, schema, events: undone })
        wasRehearsed ||= undone.length > 0
      },
      afterCommit(work) {
        assertOpen()
        followUps.push(work)
      },
    })
    isOver = true
    await open.commit(schema, events)
  } catch (error) {
    isOver = true
    throw await open.rollback(error)
  } finally {
    client.release(open.isBroken())
  }
  // Awaited: Lambda freezes an environment the moment it has answered, and a sent nudge with it.
  if (events.length > 0 || wasRehearsed) await database.onEventsCommitted?.()
  for (const followUp of followUps) await followUp()
  return result
}

type OpenTransaction = {
  commit(schema: string, events: readonly OutgoingEvent[]): Promise<void>
  /** @returns the error to tell: why the transaction did not begin, or else what ended it. */
  rollback(reason: unknown): Promise<unknown>
  /** The connection is of no use any more. */
  isBroken(): boolean
}

/**
 * Begin and tenant leave as one message, which is not awaited: the first statement of the work follows at once, so they
 * cost no round trip. Should they fail, that statement and all after it fail too.
 *
 * They are handed to the client itself, at once: a query builder that is used for the first time awaits its own start, and
 * a statement that came a moment later would overtake them.
 */
const begin = (
  client: pg.PoolClient,
  connection: Kysely<unknown>,
  tenant: Tenant,
): OpenTransaction => {
  const begun = client.query(`begin; select hub.enter(${pg.escapeLiteral(tenant)})`)
  // Whoever commits or rolls back hears of it.
  begun.catch(() => {})
  let isBroken = false
  return {
    async commit(schema, events) {
      await begun
      await appendAnd(COMMIT, { connection, schema, events })
    },
    async rollback(reason) {
      const first = await begun.then(
        () => reason,
        (refusal: unknown) => refusal,
      )
      isBroken = await send(connection, 'rollback').then(
        () => false,
        () => true,
      )
      if (!isReadOnlyServer(first)) return first
      await endSession(connection)
      isBroken = true
      return first
    },
    isBroken: () => isBroken,
  }
}

/**
 * A transaction that has failed answers a bare `commit` with ROLLBACK and without an error, even where the work has
 * swallowed what failed; any statement before it is refused, and the commit with it.
 */
const COMMIT = 'select; commit'

/** Checks before every statement: one that comes late would meet the next transaction, and another tenant's. */
const before = (check: () => void): KyselyPlugin => ({
  transformQuery({ node }) {
    check()
    return node
  },
  transformResult: async ({ result }) => result,
})

/** Numbers and writes the events, and ends with `last`: in one request where they are not many. */
const appendAnd = async (
  last: typeof COMMIT | 'rollback to savepoint rehearsal',
  {
    connection,
    schema,
    events,
  }: { connection: Kysely<unknown>; schema: string; events: readonly OutgoingEvent[] },
): Promise<void> => {
  if (events.length === 0) return send(connection, last)
  const sorted = JSON.stringify(events.toSorted(bySubject))
  const append = `select ${pg.escapeIdentifier(schema)}.append_events`
  const both = `${append}(${pg.escapeLiteral(sorted)}); ${last}`
  if (Buffer.byteLength(both) <= STATEMENT_BYTES_MAX) return send(connection, both)
  await sql`${sql.raw(append)}(${sorted}::jsonb)`.execute(connection)
  await send(connection, last)
}

/** RDS Proxy stops sharing a connection after a statement whose text is longer. */
const STATEMENT_BYTES_MAX = 16 * 1_024

/** Statements without parameters: several make one request, and one answer. */
const send = async (connection: Kysely<unknown>, statements: string): Promise<void> => {
  await connection.executeQuery(CompiledQuery.raw(statements))
}

const bySubject = (one: OutgoingEvent, other: OutgoingEvent): number => {
  if (one.subject === other.subject) return 0
  return one.subject < other.subject ? -1 : 1
}

/** A replica, or a primary that was fenced: what it shows may be old, so nothing is decided on it, reads included. */
const isReadOnlyServer = (error: unknown): boolean => sqlState(error) === '25006'

// A busy pool would keep the connection for hours after the address has moved on to the new primary.
const endSession = (connection: Kysely<unknown>): Promise<void> =>
  send(connection, 'select pg_terminate_backend(pg_backend_pid())').catch(() => {})

const isTransient = (error: unknown): boolean => {
  const state = sqlState(error)
  return state === '40001' || state === '40P01'
}
