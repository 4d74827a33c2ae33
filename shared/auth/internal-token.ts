import { type CryptoKey, importJWK, type JWK, jwtVerify, SignJWT } from 'jose'
import type { Permission } from '../contracts/define.ts'
import type { Grants, Principal } from '../http/caller.ts'
import { DomainError } from '../kernel/errors.ts'
import type { AccountId, OrganizationId, SessionId } from '../kernel/id.ts'
import type { Instant } from '../kernel/time.ts'

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
 * Held by every service: proves that the gateway minted the token within the last minute.
 *
 * @param publicKeys Ed25519 JWKs, the coming key included, so that rotation needs no common moment.
 */
export const internalTokenVerifier = (publicKeys: readonly JWK[]): VerifyInternalToken => {
  // Imported once per environment, at the first request.
  let keys: Promise<ReadonlyMap<string | undefined, CryptoKey>> | undefined
  return async (token, now) => {
    keys ??= importAll(publicKeys)
    const known = await keys
    try {
      const { payload } = await jwtVerify(
        token,
        (header) => known.get(header.kid) ?? Promise.reject(new Error('unknown kid')),
        {
          issuer: ISSUER,
          audience: AUDIENCE,
          algorithms: ['EdDSA'],
          currentDate: new Date(now),
          clockTolerance: 5,
        },
      )
      return fromClaims(payload)
    } catch (cause) {
      throw unauthenticated(cause)
    }
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
