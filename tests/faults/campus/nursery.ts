import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { startPostgres } from '../../../local/postgres/postgres.ts'
import { ensureEventLog } from '../../../shared/bus/embedded/ensure.ts'
import { openEmbeddedBus } from '../../../shared/bus/embedded.ts'
import { migrate } from '../../../shared/db/migrate.ts'
import { producers } from '../../../shared/events/registry.ts'
import { deadLetterTopicOf, topicOf } from '../../../shared/events/topics.ts'
import { silentLog } from '../../../shared/observe/logger.ts'
import { bundleProcess } from '../processes/bundle.ts'
import { campusServices, nameOf } from './services.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

export const DATABASE = 'campus'
export const ROLE_PASSWORD = 'campus-password'
export const PARTITIONS = 4

/** Every topic that the campus writes to. */
export const campusTopics: readonly string[] = [
  ...Object.keys(producers).map(topicOf),
  ...campusServices.map((service) => deadLetterTopicOf(nameOf(service))),
]

/** What every run starts from. */
export type Nursery = {
  /** A cluster that no server runs on. */
  readonly cluster: string
  /** The bundle of campus-process.ts. */
  readonly program: string
}

/**
 * A cluster with every schema of the campus, stopped cleanly, from which each run takes its own: a copy and a start
 * take a second, migrating takes ten.
 */
export const raiseNursery = async (folder: string): Promise<Nursery> => {
  const cluster = join(folder, 'cluster')
  const program = bundleProcess('campus-process', folder)
  await raiseCluster(cluster)
  return { cluster, program: await program }
}

const raiseCluster = async (folder: string): Promise<void> => {
  const server = await startPostgres({ dataDir: folder, durable: false })
  try {
    const admin = new pg.Client({ connectionString: server.url('postgres') })
    await admin.connect()
    await admin.query(`create database ${DATABASE}`)
    await admin.end()
    const databaseUrl = server.url(DATABASE)
    await migrate({
      databaseUrl,
      rolePassword: ROLE_PASSWORD,
      services: campusServices.map((service) => ({
        name: nameOf(service),
        migrationsDir: join(root, 'functions', nameOf(service), 'migrations'),
      })),
    })
    const url = await ensureEventLog({ databaseUrl, rolePassword: ROLE_PASSWORD })
    const bus = openEmbeddedBus({ url, log: silentLog })
    await bus.ensureTopics(campusTopics, { partitions: PARTITIONS })
    await bus.close()
    // What services know before they are told anything.
    const owner = new pg.Client({ connectionString: server.url('postgres') })
    await owner.connect()
    await owner.query(`create database pristine template ${DATABASE}`)
    await owner.end()
  } finally {
    await server.stop()
  }
}

/** A run's own copy. */
export const takeCluster = async (cluster: string, folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await cp(cluster, folder, { recursive: true, mode: 0 })
}
