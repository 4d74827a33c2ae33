import { appendFile, cp, mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import pg from 'pg'
import { type Postgres, startPostgres } from '../../../local/postgres/postgres.ts'
import { eventually } from '../eventually.ts'
import { engineFolder } from './folder.ts'

const CATCH_UP_TIMEOUT_MS = 60_000
const PROMOTE_TIMEOUT_SECONDS = 60

export type Replica = {
  readonly port: number
  /** The owner's URL of a database, as the replica shows it. */
  url(database: string): string
  /** Waits until it shows all that the primary has committed by now. */
  catchUp(): Promise<void>
  /** It goes on receiving, and shows nothing newer: lag as long as one likes. */
  pauseReplay(): Promise<void>
  resumeReplay(): Promise<void>
  /** Makes it a primary, which waits for no standby; resolves when it takes writes. */
  promote(): Promise<void>
  stop(): Promise<void>
}

/**
 * A streaming replica of a running PostgreSQL on this machine.
 *
 * The primary must drop nothing while it is copied. With `isSynchronous` it acknowledges no commit that the replica has
 * not on its disk; that holds only if the primary was started as `durable`.
 *
 * @param name of its replication slot: one per replica.
 */
export const startReplica = async (
  primary: Postgres,
  { name, isSynchronous }: { name: string; isSynchronous: boolean },
): Promise<Replica> => {
  const folder = await engineFolder('replica')
  const owner = new pg.Client({ connectionString: primary.url('postgres') })
  await owner.connect()
  let server: Postgres
  try {
    await copyCluster(owner, folder.path, name)
    server = await startPostgres({ dataDir: folder.path, durable: true })
    if (isSynchronous) await waitForStandby(owner, name)
  } finally {
    await owner.end()
  }
  const ask = (text: string) => query(server.url('postgres'), text)
  return {
    port: server.port,
    url: server.url,
    async catchUp() {
      const [now] = await query(primary.url('postgres'), 'select pg_current_wal_lsn()::text as lsn')
      await eventually(
        async () => {
          const replayed = `select pg_last_wal_replay_lsn() >= '${now?.lsn}' as is_there`
          if (!(await ask(replayed))[0]?.is_there) throw new Error('the replica lags behind')
        },
        { timeoutMs: CATCH_UP_TIMEOUT_MS },
      )
    },
    pauseReplay: async () => {
      await ask('select pg_wal_replay_pause()')
    },
    resumeReplay: async () => {
      await ask('select pg_wal_replay_resume()')
    },
    async promote() {
      const [answer] = await ask(
        `select pg_promote(true, ${PROMOTE_TIMEOUT_SECONDS}) as is_primary`,
      )
      if (!answer?.is_primary) throw new Error('the replica did not become a primary')
    },
    async stop() {
      await server.stop()
      await folder.remove()
    },
  }
}

/** A base backup without pg_basebackup, which the npm package lacks: the documented low-level API. */
const copyCluster = async (owner: pg.Client, dataDir: string, name: string) => {
  const { rows } = await owner.query('show data_directory')
  const source: string = rows[0].data_directory
  const cluster = join(dataDir, 'cluster')
  // The slot keeps what the replica has not seen yet, from the backup's beginning on.
  await owner.query('select pg_create_physical_replication_slot($1, true)', [name])
  await owner.query(`select pg_backup_start($1, true)`, [name])
  await cp(source, cluster, {
    recursive: true,
    filter: (path) => !NOT_COPIED.test(relative(source, path).split(sep).join('/')),
  })
  const stopped = await owner.query('select labelfile from pg_backup_stop(false)')
  await writeFile(join(cluster, 'backup_label'), stopped.rows[0].labelfile)
  await writeFile(join(cluster, 'standby.signal'), '')
  await mkdir(join(cluster, 'pg_wal'), { recursive: true, mode: 0o700 })
  // Where startPostgres finds the owner's password.
  await cp(join(dirname(source), 'password'), join(dataDir, 'password'))
  const { host, port, user, password } = owner
  const primary = `host=${host} port=${port} user=${user} password=${password} application_name=${name}`
  await appendFile(
    join(cluster, 'postgresql.auto.conf'),
    `primary_conninfo = '${primary}'\nprimary_slot_name = '${name}'\nsynchronous_standby_names = ''\n`,
  )
}

/** Of this server alone, or rebuilt by the copy. */
const NOT_COPIED = /^(postmaster\.(pid|opts)|(pg_wal|pg_replslot|pg_stat_tmp|pgsql_tmp)\/.+)$/

const waitForStandby = async (owner: pg.Client, name: string) => {
  await owner.query(`alter system set synchronous_standby_names = '${name}'`)
  await owner.query('select pg_reload_conf()')
  await eventually(
    async () => {
      const { rows } = await owner.query(
        `select 1 from pg_stat_replication where application_name = $1 and sync_state = 'sync'`,
        [name],
      )
      if (rows.length === 0) throw new Error('the primary has no synchronous standby yet')
    },
    { timeoutMs: CATCH_UP_TIMEOUT_MS },
  )
}

const query = async (connectionString: string, text: string): Promise<pg.QueryResultRow[]> => {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}
