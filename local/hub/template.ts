import { readTemplate, type Template } from '../template/template.ts'
import type { HubConfig } from './config.ts'
import { resolveSecrets, type Secrets } from './secrets.ts'

export const REGION = 'us-east-1'
export const BUCKET = 'learning-hub'
/** The internal balancer's listener: its rules lead to the services. */
export const LISTENER_ARN = `arn:aws:elasticloadbalancing:${REGION}:123456789012:listener/app/internal/1/1`

const LAYER_ARN = `arn:aws:lambda:${REGION}:123456789012:layer:local:1`
const ROLE_ARN = 'arn:aws:iam::123456789012:role/local'

/** The packaged template with what this machine answers to its parameters, and the secrets that it refers to. */
export const readHubTemplate = async (
  templatePath: string,
  {
    config,
    secrets,
    databaseUrl,
    internalUrl,
    publicUrl,
    adminEmail,
  }: {
    config: HubConfig
    secrets: Secrets
    databaseUrl: string
    internalUrl: string
    publicUrl: string
    adminEmail: string
  },
): Promise<Template> => {
  const template = await readTemplate(templatePath, {
    AlbListenerArn: LISTENER_ARN,
    MskClusterArn: `arn:aws:kafka:${REGION}:123456789012:cluster/hub/local`,
    KafkaBrokers: config.kafka?.KAFKA_BROKERS ?? '',
    KafkaTls: String(config.kafka?.KAFKA_TLS ?? false),
    KafkaUsername: config.kafka?.KAFKA_USERNAME ?? '',
    FunctionRoleArn: ROLE_ARN,
    // What a layer holds is found in node_modules here (FFPROBE_PATH, FONTS_PATH).
    FfprobeLayerArn: LAYER_ARN,
    TypstLayerArn: LAYER_ARN,
    FontsLayerArn: LAYER_ARN,
    MediaConvertRoleArn: ROLE_ARN,
    StateMachineRoleArn: ROLE_ARN,
    SchedulerRoleArn: ROLE_ARN,
    DatabaseUrl: withoutCredentials(databaseUrl),
    InternalJwks: JSON.stringify([publicPart(secrets.internalKey)]),
    InternalUrl: internalUrl,
    PublicUrl: publicUrl,
    MediaBucket: BUCKET,
    MailFrom: 'Learning Hub <hub@localhost.localdomain>',
    PlatformAdminEmail: adminEmail,
    SendgridWebhookKey: '',
  })
  return secretsInto(template, withKafkaPassword(secrets, config.kafka?.KAFKA_PASSWORD))
}

/** The one secret that is not the hub's own to make. */
const withKafkaPassword = (secrets: Secrets, password: string | undefined): Secrets =>
  password === undefined
    ? secrets
    : { ...secrets, values: { ...secrets.values, 'kafka:outbox-publisher': password } }

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
