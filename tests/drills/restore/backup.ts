import { createReadStream, createWriteStream } from 'node:fs'
import { appendFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import pg from 'pg'
import { type Postgres, startPostgres } from '../../../local/postgres/postgres.ts'
import { runCommand } from '../../support/command.ts'
import { eventually } from '../../support/eventually.ts'
import { BASE_KEY, type BackupSettings, LABEL_KEY } from './bucket.ts'

/** A segment is archived so long after its first record at the latest. RDS: five minutes. */
export const ARCHIVE_TIMEOUT_SECONDS = 5
const RECOVERY_TIMEOUT_MS = 60_000

export type Vault = {
  readonly s3: S3Client
  readonly settings: BackupSettings
  readonly settingsFile: string
}

export const askOwner = async (
  server: Postgres,
  text: string,
  database = 'postgres',
): Promise<pg.QueryResultRow[]> => {
  const client = new pg.Client({ connectionString: server.url(database) })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** A program of PostgreSQL's for one direction; its paths hold no quotes. */
const walCommand = (action: 'archive' | 'restore', { settingsFile }: Vault): string =>
  `"${process.execPath}" --no-warnings "${join(import.meta.dirname, 'wal.ts')}" ${action} "${settingsFile}" %p %f`

/** A cluster that archives its log from its first record on. */
export const startArchivingCluster = async (dataDir: string, vault: Vault): Promise<Postgres> => {
  const first = await startPostgres({ dataDir, durable: true })
  await askOwner(first, 'create database hub')
  await askOwner(first, 'alter system set archive_mode = on')
  await askOwner(first, `alter system set archive_timeout = ${ARCHIVE_TIMEOUT_SECONDS}`)
  await askOwner(first, `alter system set archive_command = '${walCommand('archive', vault)}'`)
  await first.stop()
  return startPostgres({ dataDir, durable: true })
}

/** A base backup to S3 while writes go on, by PostgreSQL's documented low-level interface. */
export const backUp = async (server: Postgres, vault: Vault, folder: string): Promise<void> => {
  const owner = new pg.Client({ connectionString: server.url('postgres') })
  await owner.connect()
  try {
    const { rows } = await owner.query('show data_directory')
    await owner.query(`select pg_backup_start('drill', true)`)
    const archive = join(folder, 'base.tar')
    const kept = ['./postmaster.pid', './postmaster.opts', './pg_wal/*', './pg_replslot/*']
    const excluded = kept.map((path) => `--exclude=${path}`)
    // 1 is "a file changed as we read it": the log puts that right.
    await tar(['-C', rows[0].data_directory, ...excluded, '-cf', archive, '.'], [0, 1])
    const stopped = await owner.query('select labelfile from pg_backup_stop(true)')
    const put = (Key: string, Body: string | Readable, ContentLength: number) =>
      vault.s3.send(
        new PutObjectCommand({ Bucket: vault.settings.bucket, Key, Body, ContentLength }),
      )
    await put(BASE_KEY, createReadStream(archive), (await stat(archive)).size)
    const label: string = stopped.rows[0].labelfile
    await put(LABEL_KEY, label, Buffer.byteLength(label))
    await rm(archive)
  } finally {
    await owner.end()
  }
}

/** The machine and its disk are gone. */
export const destroy = async (server: Postgres, dataDir: string): Promise<void> => {
  const pid = Number(
    (await readFile(join(dataDir, 'cluster/postmaster.pid'), 'utf8')).split('\n')[0],
  )
  process.kill(pid, 'SIGKILL')
  await server.exited
  await rm(dataDir, { recursive: true })
}

/**
 * A new cluster from what is in S3 and nothing else.
 *
 * @param password of the owner, as the secret store keeps it.
 * @param until the point in time; without one, as far as the log goes.
 */
export const restore = async ({
  dataDir,
  password,
  vault,
  until,
}: {
  dataDir: string
  password: string
  vault: Vault
  until?: Date
}): Promise<Postgres> => {
  const cluster = join(dataDir, 'cluster')
  await mkdir(cluster, { recursive: true, mode: 0o700 })
  await writeFile(join(dataDir, 'password'), password, { mode: 0o600 })
  const get = async (Key: string, path: string) => {
    const { Body } = await vault.s3.send(
      new GetObjectCommand({ Bucket: vault.settings.bucket, Key }),
    )
    await pipeline(Body as Readable, createWriteStream(path))
  }
  const archive = join(dataDir, 'base.tar')
  await get(BASE_KEY, archive)
  await tar(['-C', cluster, '-xf', archive], [0])
  await get(LABEL_KEY, join(cluster, 'backup_label'))
  await mkdir(join(cluster, 'pg_wal'), { recursive: true, mode: 0o700 })
  await writeFile(join(cluster, 'recovery.signal'), '')
  const settings = [
    `archive_mode = 'off'`,
    `restore_command = '${walCommand('restore', vault)}'`,
    ...(until ? [`recovery_target_time = '${until.toISOString().replace('Z', '+00')}'`] : []),
    `recovery_target_action = 'promote'`,
  ]
  await appendFile(join(cluster, 'postgresql.auto.conf'), `${settings.join('\n')}\n`)
  const server = await startPostgres({ dataDir, durable: true })
  await eventually(
    async () => {
      const [row] = await askOwner(server, 'select pg_is_in_recovery() as is_recovering')
      if (row?.is_recovering) throw new Error('the restored cluster still recovers')
    },
    { timeoutMs: RECOVERY_TIMEOUT_MS },
  )
  return server
}

const tar = async (args: readonly string[], good: readonly number[]): Promise<void> => {
  const { code, error } = await runCommand('tar', args)
  if (code === null || !good.includes(code))
    throw new Error(`tar failed (exit ${code}): ${error.trim()}`)
}
