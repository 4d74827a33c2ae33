import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { exportJWK, generateKeyPair } from 'jose'
import * as z from 'zod'
import { readJson, writeJson } from './data-folder.ts'

const secretsSchema = z.object({
  /** Ed25519 key with which the gateway signs internal tokens, as a JWK with `d`. */
  internalKey: z.looseObject({ kty: z.literal('OKP'), d: z.string(), x: z.string() }),
  /** What Secrets Manager would hold: `<secret>:<key>`. */
  values: z.record(z.string(), z.string()),
})

export type Secrets = z.output<typeof secretsSchema>

/** Every secret that the functions' template refers to, and how long it is. */
const SECRETS: Readonly<Record<string, () => string>> = {
  'database:services': () => randomBytes(24).toString('hex'),
  'kafka:outbox-publisher': () => randomBytes(24).toString('hex'),
  'keys:seal': () => randomBytes(32).toString('base64'),
  'keys:email-change': () => randomBytes(32).toString('base64'),
  'keys:auth-encryption': () => randomBytes(32).toString('base64'),
  'keys:playback': () => randomBytes(32).toString('base64'),
  'keys:certificate-encryption': () => randomBytes(32).toString('base64'),
  'keys:unsubscribe': () => randomBytes(32).toString('base64'),
  'sendgrid:api-key': () => `SG.${randomBytes(16).toString('hex')}`,
  's3:access-key': () => `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
  's3:secret-key': () => randomBytes(24).toString('base64url'),
}

/** The hub's own secrets: made at the first start, kept in the data folder, readable by its owner alone. */
export const loadSecrets = async (dataDir: string): Promise<Secrets> => {
  const file = join(dataDir, 'secrets.json')
  const stored = secretsSchema.safeParse(await readJson(file))
  const known = stored.success ? stored.data : undefined
  const secrets: Secrets = {
    internalKey: known?.internalKey ?? (await newInternalKey()),
    values: Object.fromEntries(
      Object.entries(SECRETS).map(([name, make]) => [name, known?.values[name] ?? make()]),
    ),
  }
  await writeJson(file, secrets)
  return secrets
}

const REFERENCE =
  /\{\{resolve:secretsmanager:\/learning-hub\/[\w-]+\/([\w-]+):SecretString:([\w-]+)\}\}/g

/** Puts secrets where CloudFormation would. @throws when the template refers to one that is not here. */
export const resolveSecrets = (text: string, secrets: Secrets): string =>
  text.replaceAll(REFERENCE, (_, secret: string, key: string) => {
    const value = secrets.values[`${secret}:${key}`]
    if (value === undefined)
      throw new Error(`The template refers to the unknown secret ${secret}:${key}.`)
    return value
  })

const newInternalKey = async (): Promise<Secrets['internalKey']> => {
  const { privateKey } = await generateKeyPair('EdDSA', { extractable: true })
  const jwk = await exportJWK(privateKey)
  return secretsSchema.shape.internalKey.parse({ ...jwk, kid: randomBytes(6).toString('hex') })
}
