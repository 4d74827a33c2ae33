import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import pg from 'pg'
import { ensureEventLog } from '../../shared/bus/embedded/ensure.ts'
import { busSchema, openBus } from '../../shared/bus/open.ts'
import type { Bus } from '../../shared/bus/port.ts'
import { migrate } from '../../shared/db/migrate.ts'
import { producers } from '../../shared/events/registry.ts'
import { deadLetterTopicOf, topicOf } from '../../shared/events/topics.ts'
import type { Log } from '../../shared/observe/logger.ts'
import { startPostgres } from '../postgres/postgres.ts'
import { startS3 } from '../s3/server.ts'
import type { Closers } from './closers.ts'
import type { HubConfig } from './config.ts'
import { type Secrets, s3Credentials, secretOf } from './secrets.ts'
import { BUCKET, REGION } from './template.ts'

/** Of every topic of the event log. */
const PARTITIONS = 4

/** The URL of the given database, or of an embedded one in the data folder. */
export const startDatabase = async (config: HubConfig, closers: Closers): Promise<string> => {
  if (config.databaseUrl) return config.databaseUrl
  const server = await startPostgres({ dataDir: join(config.dataDir, 'postgres'), durable: true })
  closers.add(server, (part) => part.stop())
  return server.url('hub')
}

/** Makes the database if it is not there, and brings every schema up to date. */
export const migrateSchemas = async ({
  root,
  databaseUrl,
  secrets,
}: {
  root: string
  databaseUrl: string
  secrets: Secrets
}): Promise<void> => {
  await createDatabase(databaseUrl)
  await migrate({
    databaseUrl,
    rolePassword: secretOf(secrets, 'database:services'),
    services: schemasOf(root),
  })
}

export type EventLog = {
  readonly bus: Bus
  /** The variables by which functions and pods find it. */
  readonly environment: Readonly<Record<string, string>>
}

/** The event log with all its topics: Kafka's, or the durable one in the database. */
export const openEventLog = async (
  config: HubConfig,
  {
    databaseUrl,
    secrets,
    log,
    closers,
  }: { databaseUrl: string; secrets: Secrets; log: Log; closers: Closers },
): Promise<EventLog> => {
  const environment = config.kafkaBrokers
    ? { KAFKA_BROKERS: config.kafkaBrokers, KAFKA_TLS: 'false' }
    : {
        EVENT_LOG_URL: await ensureEventLog({
          databaseUrl,
          rolePassword: secretOf(secrets, 'database:services'),
        }),
      }
  const bus = closers.add(await openBus(busSchema.parse(environment), { log }), (part) =>
    part.close(),
  )
  // Whoever has a schema may consume, and so park.
  const consumers = schemasOf(config.root).map(({ name }) => name)
  const topics = [...Object.keys(producers).map(topicOf), ...consumers.map(deadLetterTopicOf)]
  await bus.ensureTopics(topics, { partitions: PARTITIONS })
  return { bus, environment }
}

/** S3 with the hub's bucket. @returns its endpoint. */
export const startStorage = async (
  { dataDir }: HubConfig,
  { secrets, closers }: { secrets: Secrets; closers: Closers },
): Promise<string> => {
  const s3 = await startS3({
    dataDir: join(dataDir, 's3'),
    port: 0,
    ...s3Credentials(secrets),
    region: REGION,
    allowedOrigins: ['*'],
  })
  closers.add(s3, (part) => part.close())
  await createBucket(s3.url, secrets)
  return s3.url
}

/** Every folder that has migrations owns a schema. */
const schemasOf = (root: string) =>
  ['functions', 'eks-workloads'].flatMap((room) =>
    readdirSync(join(root, room))
      .map((name) => ({ name, migrationsDir: join(root, room, name, 'migrations') }))
      .filter(({ migrationsDir }) => existsSync(migrationsDir)),
  )

const createDatabase = async (databaseUrl: string) => {
  const target = new URL(databaseUrl)
  const name = target.pathname.slice(1)
  const server = new URL(databaseUrl)
  server.pathname = '/postgres'
  const client = new pg.Client({ connectionString: server.href })
  await client.connect()
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name])
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
}

const createBucket = async (endpoint: string, secrets: Secrets) => {
  const s3 = new S3Client({
    endpoint,
    region: REGION,
    forcePathStyle: true,
    credentials: s3Credentials(secrets),
  })
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET })).catch((error: unknown) => {
    const isThere = error instanceof Error && /BucketAlready/.test(error.name)
    if (!isThere) throw error
  })
  s3.destroy()
}
