import { isAbsolute, join } from 'node:path'
import * as z from 'zod'

const port = z.coerce.number().int().min(1).max(65_535)

/** What a person may set; README.md has the table. A real engine replaces each embedded part by its variable. */
const hubSchema = z.object({
  PORT: port.default(8080),
  HUB_DATA: z.string().min(1).default('.hub'),
  /** `off`: an empty hub stays empty. */
  HUB_SAMPLE: z.enum(['on', 'off']).default('on'),
  DATABASE_URL: z.url().optional(),
  KAFKA_BROKERS: z.string().optional(),
  REDIS_URL: z.url().optional(),
})

export type HubConfig = {
  readonly port: number
  readonly dataDir: string
  readonly sample: boolean
  readonly databaseUrl: string | undefined
  readonly kafkaBrokers: string | undefined
  readonly redisUrl: string | undefined
  /** The gateway's `RATE_*` limits, where somebody sets them. */
  readonly rates: Readonly<Record<string, string>>
  /** Of this checkout. */
  readonly root: string
}

/** A sentence for the person at the terminal; it ends the start with exit code 1 and no stack trace. */
export class StartError extends Error {
  override readonly name = 'StartError'
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
    databaseUrl: data.DATABASE_URL,
    kafkaBrokers: data.KAFKA_BROKERS,
    redisUrl: data.REDIS_URL,
    rates: Object.fromEntries(
      Object.entries(environment).flatMap(([name, value]) =>
        name.startsWith('RATE_') && value !== undefined ? [[name, value]] : [],
      ),
    ),
    root,
  }
}
