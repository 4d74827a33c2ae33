import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { freePort } from '../../../local/free-port.ts'
import { engineFolder } from './folder.ts'
import { type EngineProcess, startEngine } from './process.ts'
import { debianProgram } from './toolbox.ts'

/** Debian's `nobody`. */
const NOBODY = 65_534
const CLIENTS_MAX = 500
// Fewer than a service opens in its tests: transactions of several clients meet on one session.
const SERVER_CONNECTIONS_PER_POOL = 5

export type PgBouncer = {
  /** The same database, user and password, through the pooler. */
  through(databaseUrl: string): string
  readonly process: EngineProcess
  stop(): Promise<void>
}

/**
 * PgBouncer in transaction mode before a PostgreSQL: the strict stand-in for RDS Proxy. Where the proxy would pin a
 * connection (session settings, named statements, LISTEN), this breaks.
 *
 * @param databaseUrl the owner's URL; the pooler reads everybody's password hash with it.
 */
export const startPgBouncer = async (databaseUrl: string): Promise<PgBouncer> => {
  const program = await debianProgram('pgbouncer', ['pgbouncer'])
  const folder = await engineFolder('pgbouncer')
  const { hostname, port, username, password } = new URL(databaseUrl)
  const listenPort = await freePort()
  const users = join(folder.path, 'users.txt')
  await writeFile(users, `"${username}" "${decodeURIComponent(password)}"\n`)
  const config = join(folder.path, 'pgbouncer.ini')
  await writeFile(
    config,
    `[databases]
* = host=${hostname} port=${port} auth_user=${username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
auth_type = scram-sha-256
auth_file = ${users}
auth_query = select usename, passwd from pg_shadow where usename = $1
pool_mode = transaction
max_client_conn = ${CLIENTS_MAX}
default_pool_size = ${SERVER_CONNECTIONS_PER_POOL}
ignore_startup_parameters = extra_float_digits,options
unix_socket_dir =
`,
  )
  for (const file of [users, config]) await chmod(file, 0o644)
  const through = (url: string) =>
    Object.assign(new URL(url), { host: `127.0.0.1:${listenPort}` }).href
  const process = await startEngine({
    program,
    args: [config],
    userId: NOBODY,
    ready: async () => {
      const client = new pg.Client({ connectionString: through(databaseUrl) })
      await client.connect()
      await client.end()
    },
  })
  return {
    through,
    process,
    async stop() {
      await process.stop()
      await folder.remove()
    },
  }
}
