import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import type { Postgres } from '../../../local/postgres/postgres.ts'
import { startS3 } from '../../../local/s3/server.ts'
import { engineFolder } from '../../support/engines/folder.ts'
import { eventually } from '../../support/eventually.ts'
import { askOwner, backUp, destroy, restore, startArchivingCluster, type Vault } from './backup.ts'
import { openBucket } from './bucket.ts'
import { type Load, startLoad, type Write } from './load.ts'

const WITHIN = { timeoutMs: 60_000 }
/** Acknowledged writes in each part of the drill: before the backup ends, up to the point in time, and after it. */
const WRITES_MIN = 300

export type Drill = {
  readonly acknowledged: number
  readonly toPointInTime: Restored & {
    /** Writes acknowledged before the point in time; all must be there. */
    readonly before: number
    /** Writes begun after it; none may be there. */
    readonly after: number
  }
  /** As far as the log goes. */
  readonly toTheEnd: Restored & {
    /** From the newest acknowledged write that is there to the disaster. */
    readonly lostMs: number
  }
  /** One sentence for each thing that is not as promised. */
  readonly findings: readonly string[]
}

type Restored = {
  /** From an empty disk to the first write. */
  readonly tookMs: number
}

/** Backs up and archives a cluster under load, destroys it, restores it twice, and holds both against the history. */
export const runDrill = async (): Promise<Drill> => {
  const folder = await engineFolder('restore')
  const credentials = { accessKeyId: 'drill', secretAccessKey: randomBytes(16).toString('hex') }
  const s3Server = await startS3({
    ...{ dataDir: join(folder.path, 's3'), port: 0, region: 'us-east-1', allowedOrigins: [] },
    ...credentials,
  })
  const settings = {
    ...{ endpoint: s3Server.url, region: 'us-east-1', bucket: 'learning-hub-backups' },
    ...credentials,
  }
  const settingsFile = join(folder.path, 'backups.json')
  await writeFile(settingsFile, JSON.stringify(settings))
  const vault: Vault = { s3: openBucket(settings), settings, settingsFile }
  try {
    await vault.s3.send(new CreateBucketCommand({ Bucket: settings.bucket }))
    return await play(folder.path, vault)
  } finally {
    vault.s3.destroy()
    await s3Server.close()
    await folder.remove()
  }
}

const play = async (folder: string, vault: Vault): Promise<Drill> => {
  const dataDir = join(folder, 'primary')
  const primary = await startArchivingCluster(dataDir, vault)
  const password = await readFile(join(dataDir, 'password'), 'utf8')
  const load = await startLoad(primary)
  let destroyedAt: number
  let until: Date
  try {
    await written(load, WRITES_MIN)
    await backUp(primary, vault, folder)
    await written(load, WRITES_MIN)
    until = new Date()
    await written(load, WRITES_MIN)
    await archived(primary)
    // A disaster does not wait for the archive.
    await written(load, 5 * WRITES_MIN)
    destroyedAt = Date.now()
  } finally {
    await destroy(primary, dataDir)
    await load.stop()
  }
  const inTime = await restored(join(folder, 'in-time'), { password, vault, until })
  const atEnd = await restored(join(folder, 'at-end'), { password, vault })
  return judge({ history: load.history, until: until.getTime(), destroyedAt, inTime, atEnd })
}

const written = (load: Load, more: number) => {
  const goal = load.history.length + more
  return eventually(() => {
    if (load.history.length < goal) throw new Error(`${load.history.length} of ${goal} writes`)
  }, WITHIN)
}

/** Waits until all that is written by now is in S3. */
const archived = async (server: Postgres) => {
  const [now] = await askOwner(server, 'select pg_walfile_name(pg_current_wal_lsn()) as segment')
  await eventually(async () => {
    const [row] = await askOwner(
      server,
      `select last_archived_wal >= '${now?.segment}' as is_there from pg_stat_archiver`,
    )
    if (!row?.is_there) throw new Error(`${now?.segment} is not archived`)
  }, WITHIN)
}

export type Found = Restored & {
  readonly ids: ReadonlySet<number>
  /** Orders that have not all their lines: half a transaction. */
  readonly torn: number
}

const restored = async (
  dataDir: string,
  options: { password: string; vault: Vault; until?: Date },
): Promise<Found> => {
  const startedAt = performance.now()
  const server = await restore({ dataDir, ...options })
  try {
    await askOwner(server, 'create table drill.first_write ()', 'hub')
    const tookMs = performance.now() - startedAt
    const rows = await askOwner(
      server,
      `select id::int, (select count(*) from drill.lines where order_id = orders.id) as lines
       from drill.orders`,
      'hub',
    )
    const torn = rows.filter(({ lines }) => Number(lines) !== 3).length
    return { tookMs, ids: new Set(rows.map(({ id }) => id)), torn }
  } finally {
    await server.stop()
  }
}

/** Holds what is there against what was promised. */
export const judge = ({
  history,
  until,
  destroyedAt,
  inTime,
  atEnd,
}: {
  history: readonly Write[]
  until: number
  destroyedAt: number
  inTime: Found
  atEnd: Found
}): Drill => {
  const acknowledged = history.filter(({ acknowledgedAt }) => acknowledgedAt !== undefined)
  const before = acknowledged.filter(({ acknowledgedAt = 0 }) => acknowledgedAt < until)
  const after = history.filter(({ begunAt }) => begunAt > until)
  const there = acknowledged.filter(({ id }) => atEnd.ids.has(id))
  const newest = Math.max(...there.map(({ acknowledgedAt = 0 }) => acknowledgedAt))
  // A restored log has no holes: whoever was answered before another began is there if the other is.
  const newestBegun = Math.max(
    ...history.filter(({ id }) => atEnd.ids.has(id)).map(({ begunAt }) => begunAt),
  )
  const holes = acknowledged.filter(
    ({ id, acknowledgedAt = 0 }) => acknowledgedAt < newestBegun && !atEnd.ids.has(id),
  )
  const lost = before.filter(({ id }) => !inTime.ids.has(id)).length
  const extra = after.filter(({ id }) => inTime.ids.has(id)).length
  return {
    acknowledged: acknowledged.length,
    toPointInTime: { tookMs: inTime.tookMs, before: before.length, after: after.length },
    toTheEnd: { tookMs: atEnd.tookMs, lostMs: destroyedAt - newest },
    findings: [
      ...(before.length === 0 || after.length === 0 ? ['The point in time divides nothing.'] : []),
      ...(lost > 0 ? [`${lost} acknowledged writes from before the point in time are lost.`] : []),
      ...(extra > 0 ? [`${extra} writes from after the point in time are there.`] : []),
      ...(holes.length > 0 ? [`${holes.length} writes are missing between others.`] : []),
      ...(inTime.torn + atEnd.torn > 0
        ? [`${inTime.torn + atEnd.torn} transactions are there by half.`]
        : []),
    ],
  }
}
