import { generateKeyPairSync } from 'node:crypto'
import { exportJWK, importPKCS8, type JWK, SignJWT } from 'jose'
import { type AccountId, newId, type OrganizationId } from '../../shared/kernel/id.ts'

export const PUBLIC_URL = 'https://hub.test'
export const AUDIENCE = 'hub'

const CALLERS = 20
const TOKEN_SECONDS = 3_600

export type Caller = {
  readonly accountId: AccountId
  readonly organizationId: OrganizationId
  readonly sessionId: string
  readonly token: string
}

export type Callers = {
  readonly callers: readonly Caller[]
  /** Well-formed tokens of the same people, signed by a key that nobody knows. */
  readonly invalidTokens: readonly string[]
  readonly publicJwk: JWK
  readonly publicPem: string
}

/** Twenty people with an access token each, as auth signs them. */
export const createCallers = async (): Promise<Callers> => {
  const ours = await signingKey()
  const foreign = await signingKey()
  const people = Array.from({ length: CALLERS }, () => ({
    accountId: newId('account'),
    organizationId: newId('organization'),
    sessionId: newId('session'),
  }))
  const callers = await Promise.all(
    people.map(async (person) => ({ ...person, token: await ours.sign(person) })),
  )
  const invalidTokens = await Promise.all(people.map((person) => foreign.sign(person)))
  return { callers, invalidTokens, publicJwk: ours.publicJwk, publicPem: ours.publicPem }
}

const signingKey = async () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  const key = await importPKCS8(String(pem), 'RS256')
  const kid = 'key-1'
  const publicJwk: JWK = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' }
  const publicPem = String(publicKey.export({ type: 'spki', format: 'pem' }))
  const sign = (person: Omit<Caller, 'token'>) =>
    new SignJWT({ org: person.organizationId, sid: person.sessionId })
      .setProtectedHeader({ alg: 'RS256', kid })
      .setIssuer(PUBLIC_URL)
      .setAudience(AUDIENCE)
      .setSubject(person.accountId)
      .setIssuedAt()
      .setExpirationTime(`${TOKEN_SECONDS} s`)
      .sign(key)
  return { publicJwk, publicPem, sign }
}
