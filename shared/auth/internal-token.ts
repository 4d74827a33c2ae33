import { hash } from 'node:crypto'
import { type CryptoKey, importJWK, type JWK, jwtVerify, SignJWT } from 'jose'
import type { Permission } from '../contracts/define.ts'
import type { Grants } from '../contracts/roles.ts'
import type { Principal } from '../http/caller.ts'
import { DomainError } from '../kernel/errors.ts'
import type { AccountId, OrganizationId, SessionId } from '../kernel/id.ts'
import { type Instant, SECOND_MS } from '../kernel/time.ts'

/** The header in which the gateway hands a service its caller. */
export const INTERNAL_TOKEN_HEADER = 'x-hub-token'
export const INTERNAL_TOKEN_SECONDS = 60

const ISSUER = 'hub-gateway'
const AUDIENCE = 'hub-services'

/** Who stands behind a request: a person with grants, or one of our own parts. */
export type Identity =
  | { readonly kind: 'account'; readonly principal: Principal }
  | { readonly kind: 'service'; readonly name: string }

export type MintInternalToken = (identity: Identity, now: Instant) => Promise<string>
export type VerifyInternalToken = (token: string, now: Instant) => Promise<Identity>

/** Held by the gateway alone. @param privateKey Ed25519, as a JWK with `d` and `kid`. */
export const internalTokenMinter = async (privateKey: JWK): Promise<MintInternalToken> => {
  const key = await importJWK(privateKey, 'EdDSA')
  return (identity, now) => {
    const seconds = Math.floor(now / 1_000)
    return new SignJWT(toClaims(identity))
      .setProtectedHeader({ alg: 'EdDSA', ...(privateKey.kid && { kid: privateKey.kid }) })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + INTERNAL_TOKEN_SECONDS)
      .sign(key)
  }
}

/**
 * Held by every service: proves that the gateway minted the token within the last minute. The gateway hands a token
 * out again and again, so what was proven is remembered by the token's hash, for as long as the token lives.
 *
 * @param publicKeys Ed25519 JWKs, the coming key included, so that rotation needs no common moment.
 */
export const internalTokenVerifier = (publicKeys: readonly JWK[]): VerifyInternalToken => {
  // Imported once per environment, at the first request.
  let keys: Promise<ReadonlyMap<string | undefined, CryptoKey>> | undefined
  const proven = new Map<string, Proven>()
  return async (token, now) => {
    const name = hash('sha256', token, 'base64url')
    const known = proven.get(name)
    if (known && now < known.endsAt) return known.identity
    proven.delete(name)
    keys ??= importAll(publicKeys)
    const fresh = await prove(token, { keys: await keys, now })
    const [oldest] = proven.keys()
    if (proven.size >= PROVEN_TOKENS_MAX && oldest !== undefined) proven.delete(oldest)
    proven.set(name, fresh)
    return fresh.identity
  }
}

/** Tokens of which a service remembers that they hold. */
export const PROVEN_TOKENS_MAX = 1_000

type Proven = { readonly identity: Identity; readonly endsAt: number }

const CLOCK_SKEW_SECONDS_MAX = 5

const prove = async (
  token: string,
  { keys, now }: { keys: ReadonlyMap<string | undefined, CryptoKey>; now: Instant },
): Promise<Proven> => {
  try {
    const { payload } = await jwtVerify(
      token,
      (header) => keys.get(header.kid) ?? Promise.reject(new Error('unknown kid')),
      {
        issuer: ISSUER,
        audience: AUDIENCE,
        algorithms: ['EdDSA'],
        requiredClaims: ['exp'],
        currentDate: new Date(now),
        clockTolerance: CLOCK_SKEW_SECONDS_MAX,
      },
    )
    // jose's rule, so that a remembered token ends at the same moment as one that is verified.
    const endsAt = (Number(payload.exp) + CLOCK_SKEW_SECONDS_MAX) * SECOND_MS
    return { identity: fromClaims(payload), endsAt }
  } catch (cause) {
    throw unauthenticated(cause)
  }
}

export const unauthenticated = (cause?: unknown) =>
  new DomainError('unauthenticated', 'access.unauthenticated', 'Sign in to do this.', { cause })

const importAll = async (jwks: readonly JWK[]) =>
  new Map(
    await Promise.all(
      jwks.map(async (jwk) => [jwk.kid, (await importJWK(jwk, 'EdDSA')) as CryptoKey] as const),
    ),
  )

type Claims = { sub?: string; org?: string; sid?: string; grants?: Packed; svc?: boolean }

/** Grants as they fit into a header: each permission is named once, and a set of them is a mask over the names. */
type Packed = {
  readonly names: readonly Permission[]
  readonly platform: Mask
  readonly organization: Mask
  readonly courses: Readonly<Record<string, Mask>>
}

/** In hex; the lowest bit is the first name. */
type Mask = string

const pack = ({ platform, organization, courses }: Grants): Packed => {
  const sets = [platform, organization, ...Object.values(courses)]
  const names = [...new Set(sets.flat())]
  const maskOf = (held: readonly Permission[]): Mask =>
    held.reduce((mask, each) => mask | (1n << BigInt(names.indexOf(each))), 0n).toString(16)
  return {
    names,
    platform: maskOf(platform),
    organization: maskOf(organization),
    courses: mapValues(courses, maskOf),
  }
}

const unpack = ({ names, platform, organization, courses }: Packed): Grants => {
  const namesIn = (mask: Mask): readonly Permission[] => {
    const bits = BigInt(`0x${mask}`)
    return names.filter((_, index) => (bits >> BigInt(index)) & 1n)
  }
  return {
    platform: namesIn(platform),
    organization: namesIn(organization),
    courses: mapValues(courses, namesIn),
  }
}

const mapValues = <From, To>(
  record: Readonly<Record<string, From>>,
  map: (value: From) => To,
): Record<string, To> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))

const toClaims = (identity: Identity): Record<string, unknown> =>
  identity.kind === 'service'
    ? { sub: identity.name, svc: true }
    : {
        sub: identity.principal.accountId,
        org: identity.principal.organizationId,
        sid: identity.principal.sessionId,
        grants: pack(identity.principal.grants),
      }

// Our own signature vouches for the shape; the casts name what the minter put in.
const fromClaims = (claims: Claims): Identity =>
  claims.svc === true
    ? { kind: 'service', name: claims.sub ?? '' }
    : {
        kind: 'account',
        principal: {
          accountId: claims.sub as AccountId,
          organizationId: claims.org as OrganizationId,
          sessionId: claims.sid as SessionId,
          grants: claims.grants
            ? unpack(claims.grants)
            : { platform: [], organization: [], courses: {} },
        },
      }
