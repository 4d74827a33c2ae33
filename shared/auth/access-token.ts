import { randomUUID } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose'
import {
  type AccountId,
  type Id,
  newId,
  type OrganizationId,
  type SessionId,
} from '../kernel/id.ts'
import type { Instant } from '../kernel/time.ts'
import { seal, unseal } from './seal.ts'

/** Who may take the access token: checked by the gateway beside the issuer, which is `PUBLIC_URL`. */
export const ACCESS_TOKEN_AUDIENCE = 'hub'

const ALGORITHM = 'RS256'
const MODULUS_BITS = 2_048
/** Imported keys that one environment keeps: the one in force, and its neighbours around a rotation. */
const IMPORTED_KEYS_MAX = 4

/** What an access token says beside issuer, audience and times. */
export type AccessClaims = {
  readonly sub: AccountId
  /** The active organisation. */
  readonly org: OrganizationId
  readonly sid: SessionId
}

export type Validity = { readonly from: Instant; readonly to: Instant }

/** A signing key at rest: the private part is sealed. */
export type SigningKey = {
  readonly keyId: Id<'signingKey'>
  /** With `kid`, `alg` and `use`, ready for the key set. */
  readonly publicJwk: JWK
  readonly privateSealed: string
}

export type AccessTokens = {
  makeKey(): Promise<SigningKey>
  /** A compact JWS (RFC 9068, with claims of our own); times are cut to whole seconds. */
  sign(claims: AccessClaims, key: SigningKey, validity: Validity): Promise<string>
}

/**
 * Makes signing keys and signs access tokens with them.
 *
 * @param encryptionKey 32 bytes: seals the private keys, so that the database alone signs nothing.
 */
export const accessTokens = ({
  issuer,
  encryptionKey,
}: {
  issuer: string
  encryptionKey: Uint8Array
}): AccessTokens => {
  const imported = new Map<string, CryptoKey>()

  const privateKeyOf = async ({ keyId, privateSealed }: SigningKey): Promise<CryptoKey> => {
    const known = imported.get(keyId)
    if (known) return known
    const jwk: JWK = JSON.parse(await unseal(privateSealed, encryptionKey))
    // An RSA key imports as a CryptoKey; only symmetric ones come out as bytes.
    const key = (await importJWK(jwk, ALGORITHM)) as CryptoKey
    if (imported.size >= IMPORTED_KEYS_MAX) imported.clear()
    imported.set(keyId, key)
    return key
  }

  return {
    async makeKey() {
      const pair = await generateKeyPair(ALGORITHM, {
        modulusLength: MODULUS_BITS,
        extractable: true,
      })
      const keyId = newId('signingKey')
      const privateJwk = JSON.stringify(await exportJWK(pair.privateKey))
      return {
        keyId,
        publicJwk: {
          ...(await exportJWK(pair.publicKey)),
          kid: keyId,
          alg: ALGORITHM,
          use: 'sig',
        },
        privateSealed: await seal(privateJwk, encryptionKey),
      }
    },

    async sign(claims, key, { from, to }) {
      return new SignJWT({ ...claims })
        .setProtectedHeader({ alg: ALGORITHM, kid: key.keyId, typ: 'at+jwt' })
        .setIssuer(issuer)
        .setAudience(ACCESS_TOKEN_AUDIENCE)
        .setIssuedAt(Math.floor(from / 1_000))
        .setExpirationTime(Math.floor(to / 1_000))
        .setJti(randomUUID())
        .sign(await privateKeyOf(key))
    },
  }
}
