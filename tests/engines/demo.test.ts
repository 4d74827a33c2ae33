import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Admin } from 'kafkajs'
import pg from 'pg'
import { parse } from 'yaml'
import { BUCKET } from '../../local/hub/template.ts'
import { type Postgres, startPostgres } from '../../local/postgres/postgres.ts'
import { hubTopics } from '../../shared/bus/hub-topics.ts'
import { lendAdmin } from '../../shared/bus/kafka/admin.ts'
import { busSchema, openBus } from '../../shared/bus/open.ts'
import type { Bus } from '../../shared/bus/port.ts'
import { contracts } from '../../shared/contracts/catalogue.ts'
import { schemaOf } from '../../shared/db/names.ts'
import { topicOf } from '../../shared/events/topics.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { attemptStart, type RunningHub, root, startHub } from '../flow/hub.ts'
import { runCommand } from '../support/command.ts'
import { engineFolder } from '../support/engines/folder.ts'
import { type KafkaCluster, startKafka } from '../support/engines/kafka.ts'
import { type RedisEngine, startRedisCluster } from '../support/engines/redis.ts'
import { startTogether } from '../support/engines/together.ts'
import { type S3Engine, startVersityGateway } from '../support/engines/versitygw.ts'
import { eventually } from '../support/eventually.ts'

const SETUP_TIMEOUT_MS = 600_000
const DEMO_TIMEOUT_MS = 300_000
const WITHIN = { timeoutMs: 60_000 }

// No embedded engine is left: what the demo leaves behind is looked for in the real ones.
describe('the demo on real engines', () => {
  let postgres: Postgres
  let kafka: KafkaCluster
  let redis: RedisEngine
  let s3: S3Engine
  let hub: RunningHub
  let bus: Bus
  let databaseUrl: string
  let environment: Record<string, string>
  const folders: (() => Promise<void>)[] = []

  beforeAll(async () => {
    const data = await engineFolder('postgres')
    folders.push(data.remove)
    const engines = await startTogether([
      startPostgres({ dataDir: join(data.path, 'data'), durable: false }),
      startKafka({ nodes: 1 }),
      startRedisCluster(),
      startVersityGateway(),
    ])
    ;[postgres, kafka, redis, s3] = engines
    databaseUrl = postgres.url('hub')
    environment = {
      DATABASE_URL: databaseUrl,
      KAFKA_BROKERS: kafka.brokers,
      REDIS_URL: redis.url,
      REDIS_CLUSTER: 'true',
      AWS_ENDPOINT_URL_S3: s3.url,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    }
    const dataDir = await mkdtemp(join(tmpdir(), 'hub-real-'))
    folders.push(() => rm(dataDir, { recursive: true, force: true }))
    hub = await startHub(dataDir, environment)
    bus = await openBus(busSchema.parse({ KAFKA_BROKERS: kafka.brokers }), { log: silentLog })
  }, SETUP_TIMEOUT_MS)

  afterAll(async () => {
    await hub?.interrupt()
    await bus?.close()
    await Promise.all([postgres?.stop(), kafka?.stop(), redis?.stop(), s3?.stop()])
    for (const remove of folders) await remove()
  }, SETUP_TIMEOUT_MS)

  const admin = <Result>(work: (lent: Admin) => Promise<Result>) =>
    lendAdmin({ brokers: [kafka.brokers], tls: false }, work)

  it(
    'plays the main job to its end',
    async () => {
      const { code, said } = await playDemo(hub.url)
      expect({ code, said: code === 0 ? '' : said }).toEqual({ code: 0, said: '' })
    },
    DEMO_TIMEOUT_MS,
  )

  it(
    'leaves every consumer of every service with nothing to do, and nothing parked',
    async () => {
      const subscriptions = await subscriptionsOf(Object.keys(contracts))
      expect(new Set(subscriptions.map(({ service }) => service)).size).toBe(
        Object.keys(contracts).length,
      )
      let taken = 0
      await eventually(async () => {
        taken = 0
        for (const { group, topic } of subscriptions) {
          const ends = await admin((lent) => lent.fetchTopicOffsets(topic))
          const lags = await bus.lag(group)
          // A partition of which a group has read nothing has no position, and so no lag.
          for (const { partition, high } of ends.filter((end) => Number(end.high) > 0)) {
            const lag = lags.find((each) => each.topic === topic && each.partition === partition)
            const position = lag?.committedOffset
            expect({ group, topic, partition, position }).toMatchObject({ position: Number(high) })
            taken += Number(high)
          }
        }
      }, WITHIN)
      expect(taken).toBeGreaterThan(100)
      const owner = new pg.Pool({ connectionString: databaseUrl, max: 1 })
      owner.on('error', () => {})
      try {
        for (const service of Object.keys(contracts)) {
          const parked = `${pg.escapeIdentifier(schemaOf(service))}.dead_letter`
          const { rows } = await owner.query(`select * from ${parked}`)
          expect({ service, rows }).toEqual({ service, rows: [] })
        }
        const embedded = await owner.query(`select 1 from pg_namespace where nspname = 'event_log'`)
        expect(embedded.rowCount).toBe(0)
      } finally {
        await owner.end()
      }
    },
    DEMO_TIMEOUT_MS,
  )

  it('has its topics in Kafka, with events in them', async () => {
    const topics = await admin((lent) => lent.listTopics())
    expect(topics).toEqual(expect.arrayContaining(hubTopics.map(({ name }) => name)))
    const ends = await admin((lent) => lent.fetchTopicOffsets(topicOf('certificate')))
    expect(ends.reduce((sum, { high }) => sum + Number(high), 0)).toBeGreaterThan(0)
  })

  it('has its film and its certificate in S3', async () => {
    const client = new S3Client({
      endpoint: s3.url,
      region: s3.region,
      forcePathStyle: true,
      credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey },
    })
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }))
    client.destroy()
    const kinds = new Set(Contents.map(({ Key = '' }) => Key.split('.').at(-1)))
    expect([...kinds]).toEqual(expect.arrayContaining(['m3u8', 'pdf']))
  })

  it('has counted its calls in the Redis cluster', async () => {
    // Counts live for a minute, and the demo's may be over by now.
    await fetch(`${hub.url}/v1/courses`, { headers: { authorization: 'Bearer nobody' } })
    const sizes = redis.nodes.map(({ port }) => redis.cli(['-p', String(port), 'dbsize']))
    const keys = (await Promise.all(sizes)).map(Number)
    expect(keys.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(0)
  })

  it.each([
    ['S3', () => ({ AWS_SECRET_ACCESS_KEY: 'wrong' }), 'The S3 at '],
    ['Redis', () => ({ REDIS_CLUSTER: 'false' }), 'is a cluster: set REDIS_CLUSTER=true.'],
    [
      'PostgreSQL',
      () => ({ DATABASE_URL: databaseUrl.replace(/:[^:@]*@/, ':wrong@') }),
      'PostgreSQL at ',
    ],
    ['Kafka', () => ({ KAFKA_TLS: 'true' }), 'Kafka at '],
  ])(
    'is refused in one sentence by an engine that does not let it in: %s',
    async (_, change, sentence) => {
      const dataDir = await mkdtemp(join(tmpdir(), 'hub-refused-'))
      const { status, lines } = await attemptStart({
        ...environment,
        HUB_DATA: dataDir,
        ...change(),
      })
      await rm(dataDir, { recursive: true, force: true })
      expect({ status, lines }).toEqual({ status: 1, lines: [expect.stringContaining(sentence)] })
    },
    DEMO_TIMEOUT_MS,
  )
})

/** Who shall have read what, by the event-source mappings that deploy. */
const subscriptionsOf = async (services: readonly string[]) => {
  const found: { service: string; group: string; topic: string }[] = []
  for (const service of services) {
    const text = await readFile(join(root, 'functions', service, 'function.yml'), 'utf8')
    const functions: Record<string, { events?: { msk?: Mapping }[] }> = parse(text)
    for (const { events = [] } of Object.values(functions))
      for (const { msk } of events)
        if (msk) found.push({ service, group: msk.consumerGroupId, topic: msk.topic })
  }
  return found
}

type Mapping = { readonly topic: string; readonly consumerGroupId: string }

const playDemo = (hubUrl: string) =>
  runCommand(process.execPath, [join(root, 'local', 'demo', 'main.ts')], {
    cwd: root,
    environment: { NODE_OPTIONS: '', HUB_URL: hubUrl },
  })
