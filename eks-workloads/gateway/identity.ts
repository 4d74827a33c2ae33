import { networkOfAddress } from '../../shared/kernel/network.ts'
import type { VerifyAccessToken } from './access-token.ts'
import type { AccessToken } from './domain.ts'
import { Refusal, rateLimited } from './errors.ts'
import type { Principals } from './principals.ts'
import type { RateLimiter } from './rate-limit.ts'

export type Identified = { readonly access: AccessToken; readonly internalToken: string }

/**
 * Who holds an access token, alive and with permissions; undefined without a token.
 *
 * @throws Refusal 401, 503, or 429 for an address that keeps sending tokens that do not hold.
 */
export type Identify = (
  token: string | undefined,
  from: { readonly clientAddress: string },
) => Promise<Identified | undefined>

export const createIdentify = ({
  verify,
  principals,
  limiter,
}: {
  verify: VerifyAccessToken
  principals: Principals
  limiter: RateLimiter
}): Identify => {
  return async (token, { clientAddress }) => {
    if (token === undefined) return undefined
    try {
      const access = await verify(token)
      return { access, internalToken: await principals.internalTokenFor(access) }
    } catch (error) {
      // Checking signatures is the dearest thing a stranger can ask for.
      if (error instanceof Refusal && error.status === 401) {
        const rate = await limiter.take('default', `token|${networkOfAddress(clientAddress)}`)
        if (!rate.isAllowed) throw rateLimited(rate.retryAfterSeconds)
      }
      throw error
    }
  }
}

/** The token of an `Authorization: Bearer` header. */
export const bearerOf = (authorization: string | undefined): string | undefined =>
  /^Bearer +([\w.~+/-]+=*) *$/i.exec(authorization ?? '')?.[1]
