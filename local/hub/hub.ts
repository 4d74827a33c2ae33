import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import pg from 'pg'
import { ensureEventLog } from '../../shared/bus/embedded/ensure.ts'
import { busSchema, openBus } from '../../shared/bus/open.ts'
import type { Bus } from '../../shared/bus/port.ts'
import { migrate } from '../../shared/db/migrate.ts'
import { producers } from '../../shared/events/registry.ts'
import { deadLetterTopicOf, topicOf } from '../../shared/events/topics.ts'
import { startBalancer } from '../balancer/balancer.ts'
import { createEventBridge } from '../event-bridge/event-bridge.ts'
import {
  startEventSourceMappings,
  toMapping,
} from '../event-source-mappings/event-source-mappings.ts'
import { startLambdaApi } from '../lambda/api.ts'
import { createLambda, type Lambda } from '../lambda/lambda.ts'
import { startMail } from '../mail/mail.ts'
import { startMediaConvert } from '../mediaconvert/server.ts'
import { ffprobePath } from '../mediaconvert/tool-paths.ts'
import { packageHub } from '../package/package.ts'
import { freePort, startPostgres } from '../postgres/postgres.ts'
import { startS3 } from '../s3/server.ts'
import { startSchedules } from '../schedules/schedules.ts'
import { startStepFunctions } from '../step-functions/server.ts'
import { functionNameOf, readTemplate, type Template } from '../template/template.ts'
import { createClosers } from './closers.ts'
import type { HubConfig } from './config.ts'
import { claimDataFolder } from './data-folder.ts'
import { fontsPath } from './fonts.ts'
import { startPod } from './gateway.ts'
import { openHubLog } from './log.ts'
import { startPages } from './pages.ts'
import type { Report } from './report.ts'
import { loadSecrets, resolveSecrets, type Secrets } from './secrets.ts'

export type Hub = {
  readonly url: string
  /** Ends every part and every child, within five seconds. */
  stop(): Promise<void>
}

const REGION = 'us-east-1'
const BUCKET = 'learning-hub'
const PARTITIONS = 4
/** A laptop's share of what AWS would give; see local/lambda. */
const ENVIRONMENTS_PER_FUNCTION_MAX = 4
const IDLE_ENVIRONMENTS_MAX = 24

/**
 * Brings up the whole hub on one machine: the same bundles, template and state machines that deploy, on embedded parts.
 *
 * @throws an Error whose message is one sentence for the person who started it; nothing is left running.
 */
export const startHub = async (config: HubConfig, report: Report): Promise<Hub> => {
  const closers = createClosers()
  try {
    return await bringUp(config, report, closers)
  } catch (error) {
    await closers.close()
    throw error
  }
}

const bringUp = async (
  config: HubConfig,
  report: Report,
  closers: ReturnType<typeof createClosers>,
): Promise<Hub> => {
  const { root, dataDir } = config
  const url = `http://localhost:${config.port}`
  closers.add(await claimDataFolder(dataDir), (release) => release())
  const hubLog = closers.add(await openHubLog(join(dataDir, 'logs')), (log) => log.close())
  const gatewayUrl = `http://127.0.0.1:${await freePort()}`
  // First of all the port: whoever cannot have it need not wait for the rest.
  const pages = closers.add(await startPages({ config, url, gatewayUrl }), (part) => part.close())
  const packaged = await report.step('packaging the functions', () =>
    packageHub({ root, reuse: true }),
  )
  const secrets = await loadSecrets(dataDir, await readFile(packaged.templatePath, 'utf8'))
  const secret = (name: string) => secrets.values[name] ?? ''
  const database = await report.step('starting PostgreSQL', async () => {
    if (config.databaseUrl) return config.databaseUrl
    const server = await startPostgres({ dataDir: join(dataDir, 'postgres'), durable: true })
    closers.add(server, (part) => part.stop())
    return server.url('hub')
  })
  const bus = await report.step('migrating the schemas', async () => {
    await createDatabase(database)
    await migrate({
      databaseUrl: database,
      rolePassword: secret('database:services'),
      services: schemasOf(root),
    })
    return openEventLog({ root, config, database, secrets, log: hubLog.of('event-log') })
  })
  closers.add(bus.bus, (part) => part.close())
  const s3 = await report.step('starting storage and mail', async () => {
    const part = await startS3({
      dataDir: join(dataDir, 's3'),
      port: 0,
      accessKeyId: secret('s3:access-key'),
      secretAccessKey: secret('s3:secret-key'),
      region: REGION,
      allowedOrigins: ['*'],
    })
    await createBucket(part.url, secrets)
    return closers.add(part, () => part.close())
  })
  const mail = closers.add(
    await startMail({
      dataDir: join(dataDir, 'mail'),
      port: 0,
      apiKey: secret('sendgrid:api-key'),
    }),
    (part) => part.close(),
  )

  const internalPort = await freePort()
  const internalUrl = `http://127.0.0.1:${internalPort}`
  const template = secretsInto(
    await readTemplate(packaged.templatePath, {
      AlbListenerArn: LISTENER_ARN,
      MskClusterArn: `arn:aws:kafka:${REGION}:123456789012:cluster/hub/local`,
      KafkaBrokers: config.kafkaBrokers ?? '',
      KafkaTls: 'false',
      KafkaUsername: '',
      FunctionRoleArn: ROLE_ARN,
      // What a layer holds is found in node_modules here (FFPROBE_PATH, FONTS_PATH).
      FfprobeLayerArn: LAYER_ARN,
      TypstLayerArn: LAYER_ARN,
      FontsLayerArn: LAYER_ARN,
      MediaConvertRoleArn: ROLE_ARN,
      StateMachineRoleArn: ROLE_ARN,
      SchedulerRoleArn: ROLE_ARN,
      DatabaseUrl: withoutCredentials(database),
      InternalJwks: JSON.stringify([publicPart(secrets.internalKey)]),
      InternalUrl: internalUrl,
      PublicUrl: url,
      MediaBucket: BUCKET,
      MailFrom: 'Learning Hub <hub@localhost.localdomain>',
      PlatformAdminEmail: SAMPLE_ADMIN_EMAIL,
      SendgridWebhookKey: '',
    }),
    secrets,
  )

  await report.step('starting functions, workflows and gateway', async () => {
    const ports = {
      lambda: await freePort(),
      sfn: await freePort(),
      mediaConvert: await freePort(),
    }
    const lambda = closers.add(
      createLambda({
        functions: template.functions,
        codeRoot: packaged.codeRoot,
        region: REGION,
        environmentsPerFunctionMax: ENVIRONMENTS_PER_FUNCTION_MAX,
        idleEnvironmentsMax: IDLE_ENVIRONMENTS_MAX,
        asyncRetryDelaysMs: [1_000, 2_000],
        onLog: (name, line) => hubLog.write(name, line),
        baseEnv: {
          PATH: process.env.PATH ?? '',
          AWS_ACCESS_KEY_ID: secret('s3:access-key'),
          AWS_SECRET_ACCESS_KEY: secret('s3:secret-key'),
          AWS_ENDPOINT_URL_S3: s3.url,
          AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${ports.lambda}`,
          AWS_ENDPOINT_URL_SFN: `http://127.0.0.1:${ports.sfn}`,
          AWS_ENDPOINT_URL_MEDIACONVERT: `http://127.0.0.1:${ports.mediaConvert}`,
          SENDGRID_BASE_URL: mail.url,
          FFPROBE_PATH: ffprobePath(),
          FONTS_PATH: fontsPath(root),
          ...bus.environment,
        },
      }),
      (part) => part.close(),
    )
    closers.add(await startLambdaApi({ lambda, port: ports.lambda }), (part) => part.close())
    await startWorkflows({ template, lambda, dataDir, ports, closers, s3Url: s3.url, secrets })
    closers.add(
      await startBalancer({
        port: internalPort,
        rules: template.listenerRules.filter((rule) => rule.listenerArn === LISTENER_ARN),
        invoke: lambda.invoke,
        onProblem: (line) => hubLog.write('internal-balancer', line),
      }),
      (part) => part.close(),
    )
    closers.add(
      startEventSourceMappings({
        mappings: template.eventSourceMappings.map(toMapping),
        bus: bus.bus,
        invoke: lambda.invoke,
        onError: (error, { functionName }) =>
          hubLog.write('event-source-mappings', `${functionName}: ${String(error)}`),
      }),
      (part) => part.close(),
    )
    closers.add(startSchedules({ schedules: template.schedules, invoke: lambda.invoke }), (part) =>
      part.close(),
    )
    const gateway = await startPod({
      root,
      name: 'gateway',
      url: gatewayUrl,
      onLog: (line) => hubLog.write('gateway', line),
      environment: {
        PORT: new URL(gatewayUrl).port,
        HOST: '127.0.0.1',
        INTERNAL_URL: internalUrl,
        PUBLIC_URL: url,
        INTERNAL_SIGNING_KEY: JSON.stringify(secrets.internalKey),
        CORS_ORIGINS: url,
        TRUSTED_HOPS: '1',
        // Nobody else sends to this gateway once its balancer has stopped.
        DRAIN_DELAY_MS: '0',
        DRAIN_MS_MAX: '1500',
        ...config.rates,
        ...bus.environment,
        ...(config.redisUrl && { REDIS_URL: config.redisUrl }),
      },
    })
    closers.add(gateway, (part) => part.stop())
    pages.ready({ template, lambda, mail })
  })
  return { url, stop: () => closers.close() }
}

const LISTENER_ARN = `arn:aws:elasticloadbalancing:${REGION}:123456789012:listener/app/internal/1/1`
const LAYER_ARN = `arn:aws:lambda:${REGION}:123456789012:layer:local:1`
const ROLE_ARN = 'arn:aws:iam::123456789012:role/local'
export const SAMPLE_ADMIN_EMAIL = 'admin@hub.localhost'

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

/** The log, its topics, and the variables by which functions and pods find it. */
const openEventLog = async ({
  root,
  config,
  database,
  secrets,
  log,
}: {
  root: string
  config: HubConfig
  database: string
  secrets: Secrets
  log: Parameters<typeof openBus>[1]['log']
}): Promise<{ bus: Bus; environment: Record<string, string> }> => {
  const environment = config.kafkaBrokers
    ? { KAFKA_BROKERS: config.kafkaBrokers, KAFKA_TLS: 'false' }
    : {
        EVENT_LOG_URL: await ensureEventLog({
          databaseUrl: database,
          rolePassword: secrets.values['database:services'] ?? '',
        }),
      }
  const bus = await openBus(busSchema.parse(environment), { log })
  // Whoever has a schema may consume, and so park.
  const consumers = schemasOf(root).map(({ name }) => name)
  const topics = [...Object.keys(producers).map(topicOf), ...consumers.map(deadLetterTopicOf)]
  await bus.ensureTopics(topics, { partitions: PARTITIONS })
  return { bus, environment }
}

const createBucket = async (endpoint: string, secrets: Secrets) => {
  const s3 = new S3Client({
    endpoint,
    region: REGION,
    forcePathStyle: true,
    credentials: {
      accessKeyId: secrets.values['s3:access-key'] ?? '',
      secretAccessKey: secrets.values['s3:secret-key'] ?? '',
    },
  })
  await s3.send(new CreateBucketCommand({ Bucket: BUCKET })).catch((error: unknown) => {
    const isThere = error instanceof Error && /BucketAlready/.test(error.name)
    if (!isThere) throw error
  })
  s3.destroy()
}

const startWorkflows = async ({
  template,
  lambda,
  dataDir,
  ports,
  closers,
  s3Url,
  secrets,
}: {
  template: Template
  lambda: Lambda
  dataDir: string
  ports: { sfn: number; mediaConvert: number }
  closers: ReturnType<typeof createClosers>
  s3Url: string
  secrets: Secrets
}) => {
  const invokeLambda = async (name: string, payload: unknown) => {
    const { payload: text, functionError } = await lambda.invoke(
      functionNameOf(name),
      JSON.stringify(payload ?? {}),
    )
    return { payload: text === '' ? null : JSON.parse(text), functionError }
  }
  const eventBridge = createEventBridge({
    rules: template.eventRules
      .filter(({ enabled }) => enabled)
      .map(({ name, pattern, targets }) => ({
        name,
        pattern,
        targets: targets.map(toTarget),
      })) as never,
    invokeLambda,
    startExecution: async () => {
      throw new Error('no rule starts a state machine')
    },
  })
  closers.add(
    await startMediaConvert({
      dataDir: join(dataDir, 'mediaconvert'),
      port: ports.mediaConvert,
      s3: {
        endpoint: s3Url,
        region: REGION,
        credentials: {
          accessKeyId: secrets.values['s3:access-key'] ?? '',
          secretAccessKey: secrets.values['s3:secret-key'] ?? '',
        },
      },
      onEvent: (event) => eventBridge.put(event),
    }),
    (part) => part.close(),
  )
  closers.add(
    await startStepFunctions({
      dataDir: join(dataDir, 'step-functions'),
      port: ports.sfn,
      stateMachines: template.stateMachines,
      invokeLambda,
      mediaConvert: `http://127.0.0.1:${ports.mediaConvert}`,
    }),
    (part) => part.close(),
  )
}

const toTarget = ({
  kind,
  name,
  arn,
  ...input
}: Template['eventRules'][number]['targets'][number]) =>
  kind === 'function'
    ? { kind: 'lambda' as const, functionName: name, ...input }
    : { kind: 'state-machine' as const, arn }

const secretsInto = (template: Template, secrets: Secrets): Template => ({
  ...template,
  functions: template.functions.map((one) => ({
    ...one,
    environment: Object.fromEntries(
      Object.entries(one.environment).map(([name, value]) => [
        name,
        resolveSecrets(value, secrets),
      ]),
    ),
  })),
})

const withoutCredentials = (databaseUrl: string): string => {
  const { host, pathname } = new URL(databaseUrl)
  return `postgres://${host}${pathname}`
}

const publicPart = ({ d: _, ...publicKey }: Secrets['internalKey']) => publicKey
