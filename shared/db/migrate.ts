import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runner } from 'node-pg-migrate'
import pg from 'pg'
import { PUBLISHER_ROLE, roleOf, schemaOf } from './names.ts'

const here = fileURLToPath(new URL('.', import.meta.url))

export type MigrateOptions = {
  /** Of the instance itself, never the proxy: advisory locks are session state. Owner of all schemas. */
  readonly databaseUrl: string
  /** The login password that the service roles get. */
  readonly rolePassword: string
  readonly services: readonly {
    readonly name: string
    readonly migrationsDir: string | undefined
  }[]
}

/**
 * Brings every schema to its newest version and every login role to its rights. Safe to repeat; of several at once, one
 * works and the others wait for it.
 *
 * @throws the database's error; whatever was finished before it stays, and the next run goes on from there.
 */
export const migrate = (options: MigrateOptions): Promise<void> =>
  inTurn(options.databaseUrl, () => migrateAll(options))

const migrateAll = async ({ databaseUrl, rolePassword, services }: MigrateOptions) => {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query(await readFile(join(here, 'bootstrap.sql'), 'utf8'))
    await ensureRole(client, { role: PUBLISHER_ROLE, password: rolePassword })
    for (const service of services) await migrateService(client, { ...service, rolePassword })
  } finally {
    await client.end()
  }
}

/** Any number that nobody else locks. */
const TURN_LOCK = 7_243_392
/** Longer than any migration may take. */
const TURN_TIMEOUT_MS = 10 * 60_000

/**
 * One migration at a time in the whole cluster: roles are the cluster's, and two that change one at once fail with
 * "tuple concurrently updated". Advisory locks belong to a database, so the lock is held in the one that all share.
 */
const inTurn = async (databaseUrl: string, work: () => Promise<void>): Promise<void> => {
  const shared = Object.assign(new URL(databaseUrl), { pathname: '/postgres' }).href
  const holder = new pg.Client({ connectionString: shared, keepAlive: true })
  const lost = Promise.withResolvers<never>()
  holder.on('error', lost.reject)
  await holder.connect()
  try {
    await holder.query(`set lock_timeout = ${TURN_TIMEOUT_MS}`)
    await holder.query('select pg_advisory_lock($1)', [TURN_LOCK])
    await Promise.race([work(), lost.promise])
  } finally {
    // The lock goes with its session.
    await holder.end()
  }
}

const migrateService = async (
  client: pg.Client,
  {
    name,
    migrationsDir,
    rolePassword,
  }: { name: string; migrationsDir: string | undefined; rolePassword: string },
) => {
  const schema = schemaOf(name)
  const role = roleOf(name)
  await ensureRole(client, { role, password: rolePassword })
  await run(client, { schema, dir: join(here, 'migrations'), migrationsTable: 'engine_migrations' })
  if (migrationsDir)
    await run(client, { schema, dir: migrationsDir, migrationsTable: 'migrations' })
  // Quoted: `user` is a word of SQL.
  const owned = client.escapeIdentifier(schema)
  await client.query(`
    grant usage on schema ${owned} to ${role}, ${PUBLISHER_ROLE};
    grant select, insert, update, delete on all tables in schema ${owned} to ${role};
    revoke all on ${owned}.engine_migrations from ${role};
    ${migrationsDir ? `revoke all on ${owned}.migrations from ${role};` : ''}
    grant select, update on ${owned}.outbox_stream to ${PUBLISHER_ROLE};
    grant select, delete on ${owned}.outbox, ${owned}.inbox, ${owned}.idempotency to ${PUBLISHER_ROLE};
    reset search_path;
  `)
}

const run = (
  client: pg.Client,
  { schema, dir, migrationsTable }: { schema: string; dir: string; migrationsTable: string },
) =>
  runner({
    dbClient: client,
    dir,
    schema,
    createSchema: true,
    migrationsTable,
    direction: 'up',
    singleTransaction: true,
    checkOrder: true,
    log: () => {},
  })

const ensureRole = async (
  client: pg.Client,
  { role, password }: { role: string; password: string },
) => {
  const secret = client.escapeLiteral(password)
  await client.query(`
    do $$ begin
      create role ${role} login;
    exception when duplicate_object or unique_violation then null;
    end $$;
  `)
  await client.query(`alter role ${role} password ${secret}`)
  await client.query(`alter role ${role} set statement_timeout = '15s'`)
  await client.query(`alter role ${role} set idle_in_transaction_session_timeout = '30s'`)
}
