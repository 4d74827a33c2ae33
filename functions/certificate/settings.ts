import {
  compactVerify,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  SignJWT,
} from 'jose'
import * as z from 'zod'
import { seal, unseal } from '../../shared/auth/seal.ts'
import { type Environment, loadConfig } from '../../shared/config/load.ts'
import { secretKeyVariable } from '../../shared/config/secret-key.ts'
import { assert } from '../../shared/kernel/assert.ts'
import { newId } from '../../shared/kernel/id.ts'
import { type Links, linksOf } from './domain/credential.ts'
import type { PublicJwk, SigningKey } from './store/signing-keys.ts'

const ALGORITHM = 'EdDSA'
/** OpenID's and Open Badges' name for a JWT with a credential inside. */
const TOKEN_TYPE = 'JWT'

const publicJwkSchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
})

/** Makes signing keys, signs credentials with them and checks presented ones. */
export type Credentials = {
  makeKey(): Promise<SigningKey>
  /** A compact JWS; its `kid` is the address of the key. The same claims and key give the same text. */
  sign(claims: Readonly<Record<string, unknown>>, key: SigningKey): Promise<string>
  /** The claims if one of these keys signed exactly this; undefined otherwise. Times are not looked at. */
  read(
    credential: string,
    keys: readonly PublicJwk[],
  ): Promise<Readonly<Record<string, unknown>> | undefined>
}

/** @param encryptionKey 32 bytes: seals the private keys, so that the database alone signs nothing. */
export const openCredentials = ({
  links,
  encryptionKey,
}: {
  links: Links
  encryptionKey: Uint8Array
}): Credentials => ({
  async makeKey() {
    const pair = await generateKeyPair(ALGORITHM, { crv: 'Ed25519', extractable: true })
    const keyId = newId('signingKey')
    const publicJwk = publicJwkSchema.parse(await exportJWK(pair.publicKey))
    return {
      keyId,
      publicJwk: { ...publicJwk, kid: links.key(keyId), alg: ALGORITHM, use: 'sig' },
      privateSealed: await seal(JSON.stringify(await exportJWK(pair.privateKey)), encryptionKey),
    }
  },

  async sign(claims, { publicJwk, privateSealed }) {
    assert(privateSealed, 'a key that signs has its private part')
    const privateKey = await importJWK(
      JSON.parse(await unseal(privateSealed, encryptionKey)),
      ALGORITHM,
    )
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg: ALGORITHM, typ: TOKEN_TYPE, kid: publicJwk.kid })
      .sign(privateKey)
  },

  async read(credential, keys) {
    try {
      const keySet = createLocalJWKSet({ keys: [...keys] })
      const { payload } = await compactVerify(credential, keySet, { algorithms: [ALGORITHM] })
      return z.record(z.string(), z.unknown()).parse(JSON.parse(new TextDecoder().decode(payload)))
    } catch {
      // Whatever is wrong with it, it is not genuine; jose throws a dozen kinds of error for a dozen kinds of damage.
      return undefined
    }
  },
})

const configSchema = z.object({
  PUBLIC_URL: z.url(),
  /** Seals the private signing keys at rest. */
  CERTIFICATE_KEY_ENCRYPTION_KEY: secretKeyVariable,
})

export type Signing = { readonly links: Links; readonly credentials: Credentials }

/** What the service and the workflow's steps both sign and check with. */
export const openSigning = (environment: Environment): Signing => {
  const config = loadConfig(configSchema, environment)
  const links = linksOf(config.PUBLIC_URL)
  const encryptionKey = config.CERTIFICATE_KEY_ENCRYPTION_KEY
  return { links, credentials: openCredentials({ links, encryptionKey }) }
}

const executionsSchema = z.object({
  AWS_REGION: z.string(),
  CERTIFICATE_STATE_MACHINE: z.string().startsWith('arn:'),
})

/** Where executions are started. */
export const readMachine = (environment: Environment) => {
  const config = loadConfig(executionsSchema, environment)
  return { region: config.AWS_REGION, machineArn: config.CERTIFICATE_STATE_MACHINE }
}
