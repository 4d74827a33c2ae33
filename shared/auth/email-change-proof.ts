import { jwtVerify, SignJWT } from 'jose'
import * as z from 'zod'
import { type AccountId, idSchema } from '../kernel/id.ts'
import type { Instant } from '../kernel/time.ts'

/** The word of the user service that the owner of an account has proved a new address. */
export type EmailChange = { readonly accountId: AccountId; readonly email: string }

/** Long enough for one call between two services. */
export const EMAIL_CHANGE_PROOF_SECONDS = 120

const ISSUER = 'hub-user'
const AUDIENCE = 'hub-auth'
const ALGORITHM = 'HS256'

const claims = z.object({ sub: idSchema('account'), email: z.string() })

/** Made by the user service. @param key 32 bytes, shared by user and auth alone. */
export const proveEmailChange = (
  { accountId, email }: EmailChange,
  { key, now }: { key: Uint8Array; now: Instant },
): Promise<string> => {
  const seconds = Math.floor(now / 1_000)
  return new SignJWT({ email })
    .setProtectedHeader({ alg: ALGORITHM })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject(accountId)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + EMAIL_CHANGE_PROOF_SECONDS)
    .sign(key)
}

/** Read by auth. @returns undefined when the proof is not the user service's, or is too old. */
export const readEmailChange = async (
  proof: string,
  { key, now }: { key: Uint8Array; now: Instant },
): Promise<EmailChange | undefined> => {
  try {
    const { payload } = await jwtVerify(proof, key, {
      issuer: ISSUER,
      audience: AUDIENCE,
      algorithms: [ALGORITHM],
      requiredClaims: ['exp'],
      currentDate: new Date(now),
    })
    const { sub, email } = claims.parse(payload)
    return { accountId: sub, email }
  } catch {
    return undefined
  }
}
