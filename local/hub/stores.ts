import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import pg from 'pg'
import { ensureEventLog } from '../../shared/bus/embedded/ensure.ts'
import { hubTopics } from '../../shared/bus/hub-topics.ts'
import { busSchema, openBus } from '../../shared/bus/open.ts'
import type { Bus } from '../../shared/bus/port.ts'
import { migrate } from '../../shared/db/migrate.ts'
import { servicesWithSchemas } from '../../shared/db/schemas.ts'
import type { Log } from '../../shared/observe/logger.ts'
import { startPostgres } from '../postgres/postgres.ts'
import { startS3 } from '../s3/server.ts'
import type { Closers } from './closers.ts'
import { type HubConfig, type KafkaConfig, reasonOf, type S3Config, StartError } from './config.ts'
import { type Secrets, s3Credentials, secretOf } from './secrets.ts'
import { BUCKET, REGION } from './template.ts'

/** Of every topic of the embedded log; one machine gains nothing from more (decision 0013). */
const EMBEDDED_PARTITIONS = 4

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
    services: servicesWithSchemas(root),
  })
}

export type EventLog = {
  readonly bus: Bus
  /** The variables by which functions and pods find it. */
  readonly environment: Readonly<Record<string, string>>
}

/** The event log: the given Kafka, which is prepared, or the durable one in the database with all its topics. */
export const openEventLog = async (
  config: HubConfig,
  options: { databaseUrl: string; secrets: Secrets; log: Log; closers: Closers },
): Promise<EventLog> => {
  const environment = config.kafka
    ? variablesOf(config.kafka)
    : {
        EVENT_LOG_URL: await ensureEventLog({
          databaseUrl: options.databaseUrl,
          rolePassword: secretOf(options.secrets, 'database:services'),
        }),
      }
  const bus = await openBus(busSchema.parse(environment), { log: options.log })
  options.closers.add(bus, (part) => part.close())
  if (!config.kafka)
    await bus.ensureTopics(
      hubTopics.map(({ name }) => name),
      { partitions: EMBEDDED_PARTITIONS },
    )
  return { bus, environment }
}

const variablesOf = (kafka: KafkaConfig): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(kafka).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    ),
  )

/** S3 with the hub's bucket: the given one, which is prepared, or an embedded one in the data folder. */
export const startStorage = async (
  { dataDir, s3: given }: HubConfig,
  { secrets, closers }: { secrets: Secrets; closers: Closers },
): Promise<S3Config> => {
  if (given) return given
  const credentials = s3Credentials(secrets)
  const s3 = await startS3({
    dataDir: join(dataDir, 's3'),
    port: 0,
    ...credentials,
    region: REGION,
    allowedOrigins: ['*'],
  })
  closers.add(s3, (part) => part.close())
  const own = { endpoint: s3.url, credentials }
  await createBucket(own)
  return own
}

/** @throws StartError when the server cannot be used. */
export const createDatabase = async (databaseUrl: string) => {
  const target = new URL(databaseUrl)
  const name = target.pathname.slice(1)
  const server = new URL(databaseUrl)
  server.pathname = '/postgres'
  const client = new pg.Client({ connectionString: server.href })
  await client.connect().catch((error: unknown) => {
    throw new StartError(`PostgreSQL at ${target.host} cannot be used: ${reasonOf(error)}.`)
  })
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name])
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
}

/** @throws StartError when the server cannot be used. */
export const createBucket = async ({ endpoint, credentials }: S3Config) => {
  const s3 = new S3Client({ endpoint, region: REGION, forcePathStyle: true, credentials })
  try {
    await s3.send(new CreateBucketCommand({ Bucket: BUCKET }))
  } catch (error) {
    const isThere = error instanceof Error && /BucketAlready/.test(error.name)
    if (!isThere)
      throw new StartError(`The S3 at ${endpoint} cannot be used: ${reasonOf(error)}.`, {
        cause: error,
      })
  } finally {
    s3.destroy()
  }
}
