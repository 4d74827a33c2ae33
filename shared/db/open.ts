import { CamelCasePlugin, Kysely, PostgresDialect, type PostgresPool } from 'kysely'
import pg from 'pg'
import { DomainError } from '../kernel/errors.ts'
import { instantOf } from '../kernel/time.ts'
import { roleOf, schemaOf } from './names.ts'

export type DatabaseOptions = {
  /** Host, port and database; user and password are the service's own. */
  readonly url: string
  readonly service: string
  readonly password: string
  /** 1 in a Lambda environment, 10 in a pod. */
  readonly connectionsMax: number
  /** The role, when it is not the service's own. */
  readonly role?: string
  readonly onEventsCommitted?: () => Promise<void>
}

/** One service's view of the database: its own schema, through its own role. */
export type Database = {
  /** Queries outside a transaction, for engines that manage their own. */
  readonly kysely: Kysely<unknown>
  readonly pool: pg.Pool
  /** The query builder over one connection of the pool: whoever took the connection also gives it back. */
  on(client: pg.PoolClient): Kysely<unknown>
  readonly service: string
  readonly schema: string
  /** Told after each commit that wrote events; a nudge, so losing it only costs time. */
  readonly onEventsCommitted: (() => Promise<void>) | undefined
  close(): Promise<void>
}

const CONNECT_TIMEOUT_MS = 5_000
// RDS Proxy closes connections at 24 h; ours are younger.
const CONNECTION_LIFETIME_SECONDS_MAX = 12 * 60 * 60

/** Opens lazily: nothing connects before the first query. */
export const openDatabase = (options: DatabaseOptions): Database => {
  const target = new URL(options.url)
  target.username = options.role ?? roleOf(options.service)
  target.password = encodeURIComponent(options.password)
  const pool = new pg.Pool({
    connectionString: target.href,
    max: options.connectionsMax,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    maxLifetimeSeconds: CONNECTION_LIFETIME_SECONDS_MAX,
    allowExitOnIdle: true,
    // A statement need not wait for the answer to the one before it (see transaction.ts).
    pipeline: true,
    types: { getTypeParser },
  })
  // An idle connection that the server ends must not end the process; the next query opens another.
  pool.on('error', () => {})
  // Nor one that ends inside a transaction, between two statements: the next statement fails instead.
  pool.on('connect', (client) => client.on('error', () => {}))
  const kysely = builderOver(pool)
  const builders = new WeakMap<pg.PoolClient, Kysely<unknown>>()
  return {
    kysely,
    pool,
    on(client) {
      const builder = builders.get(client) ?? builderOver(poolOf(client))
      builders.set(client, builder)
      return builder
    },
    service: options.service,
    schema: schemaOf(options.service),
    onEventsCommitted: options.onEventsCommitted,
    close: () => kysely.destroy(),
  }
}

const builderOver = (pool: PostgresPool) =>
  new Kysely<unknown>({
    dialect: new PostgresDialect({ pool }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
  })

/** A pool of one connection, which it never gives back. */
const poolOf = (client: pg.PoolClient): PostgresPool => {
  // The builder calls it with a text and its values, which is one of pg's many signatures.
  const query = client.query.bind(client) as Awaited<ReturnType<PostgresPool['connect']>>['query']
  return { connect: async () => ({ query, release: () => {} }), end: async () => {} }
}

/** A part that we need is down; nothing was done. */
export const databaseUnavailable = (cause: unknown) =>
  new DomainError('unavailable', 'database.unavailable', 'Please try again in a moment.', {
    retryAfterSeconds: 1,
    cause,
  })

/** SQLSTATE classes and socket errors that mean "the server cannot" (it is away, its disk is full), not "the query is wrong". */
export const isConnectionError = (error: unknown): boolean => {
  const code = sqlState(error)
  if (code) return /^(08|53|57P0[123]|58)/.test(code) || CONNECTION_ERRNOS.has(code)
  return error instanceof Error && CONNECTION_MESSAGES.test(error.message)
}

/** The SQLSTATE (`23505`) or errno (`ECONNREFUSED`) of an error, if it has one. */
export const sqlState = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined

/** Whether a write lost to the named unique constraint. */
export const isUniqueViolation = (error: unknown, constraint: string): boolean =>
  sqlState(error) === '23505' &&
  error instanceof Error &&
  'constraint' in error &&
  error.constraint === constraint

// pg's own errors carry no code; the last one is of a client that was in use when its connection died.
const CONNECTION_MESSAGES =
  /timeout exceeded when trying to connect|Connection terminated|connection error and is not queryable/

const CONNECTION_ERRNOS = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND'])

const INT8 = 20
const TIMESTAMPTZ = 1184

// Instants come out as Unix milliseconds, int8 as numbers (sizes and counts; money is read as text by its store).
const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') => {
  if (oid === TIMESTAMPTZ && format !== 'binary') return (text: string) => instantOf(text)
  if (oid === INT8 && format !== 'binary') return Number
  return pg.types.getTypeParser(oid, format as 'text')
}
