import { hash } from 'node:crypto'
import { errors, jwtVerify } from 'jose'
import QuickLRU from 'quick-lru'
import * as z from 'zod'
import { idSchema } from '../../shared/kernel/id.ts'
import { type Clock, type Instant, SECOND_MS } from '../../shared/kernel/time.ts'
import type { AccessToken } from './domain.ts'
import { Refusal, tokenInvalid } from './errors.ts'
import type { KeySet } from './key-set.ts'

/** Whom an access token must be meant for. */
export const ACCESS_TOKEN_AUDIENCE = 'hub'
export const ACCESS_TOKEN_LENGTH_MAX = 4_096
/** Verified tokens kept, by hash; at most twice as many for a moment. */
export const VERIFIED_TOKENS_MAX = 20_000
/** Tokens kept whose signature did not hold, by hash: repeating one costs no second verification. */
export const FORGED_TOKENS_MAX = 5_000
/** How far the clocks of auth and gateway may differ. */
export const CLOCK_SKEW_SECONDS_MAX = 5

export type VerifyAccessToken = (token: string) => Promise<AccessToken>

/**
 * Checks access tokens: RS256 by a key of auth's, from our issuer, for us, not expired.
 *
 * A verified token is remembered by its hash (never by itself) until it expires or the keys change; so is one whose
 * signature does not hold.
 * Whether its session still lives is not said here (see principals.ts).
 *
 * @throws Refusal 401 `access.token_invalid`, 503 when no key can be had.
 */
export const createAccessTokens = ({
  keys,
  issuer,
  clock,
}: {
  keys: KeySet
  issuer: string
  clock: Clock
}): VerifyAccessToken => {
  const verified = new QuickLRU<string, { access: AccessToken; generation: number }>({
    maxSize: VERIFIED_TOKENS_MAX,
  })
  const forged = new QuickLRU<string, number>({ maxSize: FORGED_TOKENS_MAX })
  return async (token) => {
    if (token.length > ACCESS_TOKEN_LENGTH_MAX) throw tokenInvalid()
    const name = hash('sha256', token, 'base64url')
    const known = verified.get(name)
    // As it was before: should the keys change meanwhile, what is remembered below is void.
    const generation = keys.generation()
    if (known?.generation === generation) return stillValid(known.access, clock())
    if (forged.get(name) === generation) throw tokenInvalid()
    try {
      const access = await verify(token, { keys, issuer, now: clock() })
      verified.set(name, { access, generation })
      return stillValid(access, clock())
    } catch (error) {
      if (isForgery(error)) forged.set(name, generation)
      throw error
    }
  }
}

const claimsSchema = z.object({
  sub: idSchema('account'),
  org: idSchema('organization'),
  sid: idSchema('session'),
  exp: z.number(),
  iat: z.number(),
})

const verify = async (
  token: string,
  { keys, issuer, now }: { keys: KeySet; issuer: string; now: Instant },
): Promise<AccessToken> => {
  try {
    const { payload } = await jwtVerify(
      token,
      async ({ kid }) => {
        const key = kid === undefined ? undefined : await keys.keyOf(kid)
        if (!key) throw tokenInvalid()
        return key
      },
      {
        algorithms: ['RS256'],
        issuer,
        audience: ACCESS_TOKEN_AUDIENCE,
        currentDate: new Date(now),
        clockTolerance: CLOCK_SKEW_SECONDS_MAX,
      },
    )
    const { sub, org, sid, exp, iat } = claimsSchema.parse(payload)
    return {
      accountId: sub,
      organizationId: org,
      sessionId: sid,
      issuedAt: (iat * SECOND_MS) as Instant,
      expiresAt: (exp * SECOND_MS) as Instant,
    }
  } catch (error) {
    throw error instanceof Refusal ? error : tokenInvalid(error)
  }
}

/** No clock and no later answer of auth's makes such a token good, but for a change of the keys. */
const isForgery = (error: unknown): boolean =>
  error instanceof Refusal && error.cause instanceof errors.JWSSignatureVerificationFailed

const stillValid = (access: AccessToken, now: Instant): AccessToken => {
  if (now > access.expiresAt + CLOCK_SKEW_SECONDS_MAX * SECOND_MS) throw tokenInvalid()
  return access
}
