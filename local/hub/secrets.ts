import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { exportJWK, generateKeyPair } from 'jose'
import * as z from 'zod'
import { assert } from '../../shared/kernel/assert.ts'
import { readJson, writeJson } from './data-folder.ts'

const secretsSchema = z.object({
  /** Ed25519 key with which the gateway signs internal tokens, as a JWK with `d`. */
  internalKey: z.looseObject({ kty: z.literal('OKP'), d: z.string(), x: z.string() }),
  /** What Secrets Manager would hold: `<secret>:<key>`. */
  values: z.record(z.string(), z.string()),
})

export type Secrets = z.output<typeof secretsSchema>

/** Secrets with a form of their own; every other one that the template refers to is 32 random bytes in base64. */
const FORMS = {
  'database:services': () => randomBytes(24).toString('hex'),
  'sendgrid:api-key': () => `SG.${randomBytes(16).toString('hex')}`,
  's3:access-key': () => `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
  's3:secret-key': () => randomBytes(24).toString('base64url'),
} as const satisfies Readonly<Record<string, () => string>>

/**
 * The hub's own secrets: made when they are first wanted, kept in the data folder, readable by its owner alone.
 *
 * @param templateText the packaged template: what it refers to is made.
 */
export const loadSecrets = async (dataDir: string, templateText: string): Promise<Secrets> => {
  const file = join(dataDir, 'secrets.json')
  const stored = secretsSchema.safeParse(await readJson(file))
  const known = stored.success ? stored.data : undefined
  const wanted = [...templateText.matchAll(REFERENCE)].map(([, secret, key]) => `${secret}:${key}`)
  const names = new Set([...Object.keys(FORMS), ...wanted, ...Object.keys(known?.values ?? {})])
  const forms: Readonly<Record<string, () => string>> = FORMS
  const make = (name: string) => forms[name]?.() ?? randomBytes(32).toString('base64')
  const secrets: Secrets = {
    internalKey: known?.internalKey ?? (await newInternalKey()),
    values: Object.fromEntries([...names].map((name) => [name, known?.values[name] ?? make(name)])),
  }
  await writeJson(file, secrets)
  return secrets
}

/** One secret of the hub's own parts. */
export const secretOf = ({ values }: Secrets, name: keyof typeof FORMS): string => {
  const value = values[name]
  assert(value !== undefined, 'a secret with a form of its own is always made')
  return value
}

/** What every client of the local S3 signs with. */
export const s3Credentials = (secrets: Secrets) => ({
  accessKeyId: secretOf(secrets, 's3:access-key'),
  secretAccessKey: secretOf(secrets, 's3:secret-key'),
})

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
