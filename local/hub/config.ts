import { isAbsolute, join, resolve } from 'node:path'
import * as z from 'zod'
import { brokersSchema } from '../../shared/bus/open.ts'

const port = z.coerce.number().int().min(1).max(65_535)

/** What a person may set; README.md has the table. A real engine replaces each embedded part by its variable. */
const hubSchema = z.object({
  PORT: port.default(8080),
  HUB_DATA: z.string().min(1).default('.hub'),
  /** `off`: an empty hub stays empty. */
  HUB_SAMPLE: z.enum(['on', 'off']).default('on'),
  HUB_CONCURRENCY: z.string().min(1).optional(),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  KAFKA_BROKERS: brokersSchema.optional(),
  KAFKA_TLS: z.stringbool().default(false),
  KAFKA_USERNAME: z.string().optional(),
  KAFKA_PASSWORD: z.string().optional(),
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),
  REDIS_CLUSTER: z.stringbool().default(false),
  AWS_ENDPOINT_URL_S3: z.url({ protocol: /^https?$/ }).optional(),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
})

type HubVariables = z.output<typeof hubSchema>

/** A Kafka as functions and pods are told of it. */
export type KafkaConfig = {
  readonly KAFKA_BROKERS: string
  readonly KAFKA_TLS: boolean
  readonly KAFKA_USERNAME: string | undefined
  readonly KAFKA_PASSWORD: string | undefined
}

export type S3Config = {
  readonly endpoint: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

export type HubConfig = {
  readonly port: number
  readonly dataDir: string
  readonly sample: boolean
  /** A file with concurrency figures to play exactly, in the place of the template's (see concurrency.ts). */
  readonly concurrencyFile: string | undefined
  readonly databaseUrl: string | undefined
  readonly kafka: KafkaConfig | undefined
  readonly redis: { readonly url: string; readonly isCluster: boolean } | undefined
  readonly s3: S3Config | undefined
  /** The gateway's `RATE_*` limits, where somebody sets them. */
  readonly rates: Readonly<Record<string, string>>
  /** Of this checkout. */
  readonly root: string
}

/** A sentence for the person at the terminal; it ends the start with exit code 1 and no stack trace. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

/** Why an engine cannot be used, as a part of a sentence. */
export const reasonOf = (error: unknown): string => {
  // Node tries every address of a name, and says of all together nothing.
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  const text = error instanceof Error ? error.message || error.name : String(error)
  return (text.split('\n')[0] ?? '').replace(/\.$/, '')
}

/** @throws StartError naming every variable that is wrong. */
export const readHubConfig = (
  environment: Readonly<Record<string, string | undefined>>,
  root: string,
): HubConfig => {
  const result = hubSchema.safeParse(environment)
  if (!result.success) {
    const mistakes = result.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`)
    throw new StartError(`The environment is not right: ${mistakes.join('; ')}.`)
  }
  const { data } = result
  return {
    port: data.PORT,
    dataDir: isAbsolute(data.HUB_DATA) ? data.HUB_DATA : join(root, data.HUB_DATA),
    sample: data.HUB_SAMPLE === 'on',
    concurrencyFile: data.HUB_CONCURRENCY && resolve(root, data.HUB_CONCURRENCY),
    databaseUrl: data.DATABASE_URL,
    kafka: kafkaOf(data),
    redis: data.REDIS_URL ? { url: data.REDIS_URL, isCluster: data.REDIS_CLUSTER } : undefined,
    s3: s3Of(data),
    rates: Object.fromEntries(
      Object.entries(environment).flatMap(([name, value]) =>
        name.startsWith('RATE_') && value !== undefined ? [[name, value]] : [],
      ),
    ),
    root,
  }
}

const kafkaOf = (data: HubVariables): KafkaConfig | undefined => {
  const { KAFKA_BROKERS, KAFKA_TLS, KAFKA_USERNAME, KAFKA_PASSWORD } = data
  if (!KAFKA_BROKERS) return undefined
  if (!KAFKA_USERNAME !== !KAFKA_PASSWORD)
    throw new StartError('KAFKA_USERNAME and KAFKA_PASSWORD belong together; one is missing.')
  return { KAFKA_BROKERS, KAFKA_TLS, KAFKA_USERNAME, KAFKA_PASSWORD }
}

// The keys alone may be anybody's: without an endpoint they mean nothing here.
const s3Of = (data: HubVariables): S3Config | undefined => {
  const { AWS_ENDPOINT_URL_S3: endpoint, AWS_ACCESS_KEY_ID: accessKeyId } = data
  const { AWS_SECRET_ACCESS_KEY: secretAccessKey } = data
  if (!endpoint) return undefined
  if (!accessKeyId || !secretAccessKey)
    throw new StartError(
      'AWS_ENDPOINT_URL_S3 needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY beside it.',
    )
  return { endpoint, credentials: { accessKeyId, secretAccessKey } }
}
