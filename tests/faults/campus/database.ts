import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { type Postgres, startPostgres } from '../../../local/postgres/postgres.ts'
import { eventually } from '../../support/eventually.ts'
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts'
import type { RowContext } from '../fault-row.ts'
import { DATABASE } from './nursery.ts'

/** PostgreSQL behind a proxy, so that those who connect find it again wherever it starts next. */
export type CampusDatabase = {
  /** The owner's URL, through the proxy. */
  readonly url: string
  readonly proxy: TcpProxy
  readonly dataDir: string
  server(): Postgres
  /** The pid of the postmaster, who ends every backend with it. */
  postmaster(): Promise<number>
  /** Ends it without a word (`SIGQUIT` is PostgreSQL's immediate stop): what is left is in the files. */
  kill(signal?: 'SIGQUIT' | 'SIGKILL'): Promise<void>
  /** Starts it on its files and lets the proxy lead there. */
  start(): Promise<void>
  /** As the owner, whom no row-level security hides anything from. Waits while the server is away. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
}

const QUERY_TIMEOUT_MS = 60_000
const START_TIMEOUT_MS = 60_000

export const openCampusDatabase = async (
  context: RowContext,
  { dataDir, durable }: { dataDir: string; durable: boolean },
): Promise<CampusDatabase> => {
  const open = () => startPostgres({ dataDir, durable })
  let server = await open()
  context.defer(() => server.stop())
  const proxy = await startTcpProxy(server.port)
  context.defer(() => proxy.stop())
  const url = proxy.at(server.url(DATABASE))
  const pool = new pg.Pool({ connectionString: url, max: 4 })
  pool.on('error', () => {})
  context.defer(() => pool.end())
  const postmaster = async () => {
    const file = join(dataDir, 'cluster', 'postmaster.pid')
    return Number((await readFile(file, 'utf8')).split('\n')[0])
  }
  return {
    url,
    proxy,
    dataDir,
    server: () => server,
    postmaster,
    async kill(signal = 'SIGQUIT') {
      process.kill(await postmaster(), signal)
      await server.exited
    },
    async start() {
      // After SIGKILL its backends take a moment to notice, and hold the memory that the next server wants.
      server = await eventually(open, { timeoutMs: START_TIMEOUT_MS })
      proxy.leadTo(server.port)
    },
    query: (text, values) =>
      eventually(async () => (await pool.query(text, values)).rows, {
        timeoutMs: QUERY_TIMEOUT_MS,
      }),
  }
}
