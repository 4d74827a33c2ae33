import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startPostgres } from '../../local/postgres/postgres.ts'
import { migrate } from '../../shared/db/migrate.ts'
import { type Database, type DatabaseOptions, openDatabase } from '../../shared/db/open.ts'
import { cpuSeconds, processTree } from './processes.ts'

const PASSWORD = 'hub-bench'

export type BenchDatabase = {
  /** The owner's URL. */
  readonly url: string
  /** Of every service's role. */
  readonly password: string
  /** As a service itself, through its own role. */
  as(
    service: string,
    options: Pick<DatabaseOptions, 'connectionsMax' | 'onEventsCommitted'>,
  ): Database
  /** As the owner, whom row-level security does not bind. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
  /** CPU time of the server with all its backends. */
  cpuSeconds(): number
  stop(): Promise<void>
}

/** A real PostgreSQL with the schemas of some services, which forgets nothing: each commit waits for the disk. */
export const startDatabase = async (services: readonly string[]): Promise<BenchDatabase> => {
  const folder = await mkdtemp(join(tmpdir(), 'hub-bench-'))
  const server = await startPostgres({ dataDir: folder, durable: true })
  const url = server.url('postgres')
  await migrate({
    databaseUrl: url,
    rolePassword: PASSWORD,
    services: services.map((name) => ({ name, migrationsDir: `functions/${name}/migrations` })),
  })
  const owner = new pg.Pool({ connectionString: url, max: 2 })
  owner.on('error', () => {})
  const opened: Database[] = []
  const query: BenchDatabase['query'] = async (text, values) =>
    (await owner.query(text, values)).rows
  const [found] = await query<{ pid: string }>(
    `select split_part(pg_read_file('postmaster.pid'), chr(10), 1) as pid`,
  )
  const pid = Number(found?.pid)
  // The server does not end with its parent: a bench that fails half-way must leave none behind.
  const endWithUs = () => void process.kill(pid, 'SIGINT')
  process.once('exit', endWithUs)
  return {
    url,
    password: PASSWORD,
    as(service, options) {
      const database = openDatabase({ url, service, password: PASSWORD, ...options })
      opened.push(database)
      return database
    },
    query,
    cpuSeconds: () => cpuSeconds(processTree(pid)),
    async stop() {
      process.off('exit', endWithUs)
      await Promise.all([owner.end(), ...opened.map((database) => database.close())])
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
