import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { type CryptoKey, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from 'jose'
import { openApi } from '../../../local/demo/api.ts'
import { meet } from '../../../local/demo/people.ts'
import { accessTokens } from '../../../shared/auth/access-token.ts'
import { authContract } from '../../../shared/contracts/auth.ts'
import { newId } from '../../../shared/kernel/id.ts'
import { addMs, HOUR_MS, MINUTE_MS, systemClock } from '../../../shared/kernel/time.ts'
import { eventually } from '../../support/eventually.ts'
import { memberOf } from '../world/tenant.ts'
import type { World } from '../world/world.ts'
import { sendTo } from './ask.ts'
import { nobodys } from './judge.ts'
import { operations, templates } from './operations.ts'
import { fill } from './requests.ts'

const REVOKED_TIMEOUT_MS = 60_000

const requests = operations.map((listed) => ({ ...listed, template: templates(listed)[0] }))
const closed = requests.filter(({ operation }) => !/^(public|internal)$/.test(operation.scope))
const open = requests.filter(({ operation }) => operation.scope === 'public')
const internal = requests.filter(({ operation }) => operation.scope === 'internal')

/** Every operation without, with expired, with forged and with revoked tokens. */
export const describeTokens = (scene: { readonly world: World }): void => {
  let tokens: Readonly<Record<string, string | undefined>>

  beforeAll(async () => {
    tokens = await makeTokens(scene.world)
  }, REVOKED_TIMEOUT_MS * 3)

  const askAll = async ({ template }: (typeof requests)[number]) => {
    if (!template) throw new Error('an operation has a request')
    const send = sendTo(scene.world.hub.url)
    const request = fill(template, ({ prefix }) => nobodys(prefix), { 'if-match': '"1"' })
    return Promise.all(
      Object.entries(tokens).map(async ([kind, token]) => {
        const { status, text } = await send(request, token)
        return { kind, status, text }
      }),
    )
  }

  describe('an operation for those who are signed in', () => {
    it.each(closed)('is 401 without a token that holds: $title', async (listed) => {
      const seen = await askAll(listed)
      expect(seen.length).toBe(8)
      expect(seen.filter(({ status }) => status !== 401)).toEqual([])
    })
  })

  describe('a public operation', () => {
    it.each(open)('takes no notice of a token that does not hold: $title', async (listed) => {
      const seen = await askAll(listed)
      expect(seen.filter(({ text }) => /"code":"access\./.test(text))).toEqual([])
    })
  })

  describe('an operation between our own parts', () => {
    it.each(internal)(
      'does not exist for clients, not even for a platform admin: $title',
      async (listed) => {
        const seen = await askAll(listed)
        expect(seen.filter(({ status }) => status !== 404)).toEqual([])
        const admin = memberOf(scene.world.ours, 'platform_admin').accessToken
        const request = fill(listed.template ?? never(), ({ prefix }) => nobodys(prefix))
        expect((await sendTo(scene.world.hub.url)(request, admin)).status).toBe(404)
      },
    )
  })
}

const never = (): never => {
  throw new Error('an operation has a request')
}

/** Tokens that do not hold, each wrong in one thing alone. */
const makeTokens = async (world: World): Promise<Readonly<Record<string, string | undefined>>> => {
  const { hub, ours } = world
  const { accountId, accessToken } = memberOf(ours, 'owner')
  const claims = {
    sub: accountId,
    org: ours.organizationId,
    // The session of the very token that holds.
    sid: sessionOf(accessToken),
  }
  const key = await signingKey(world)
  const now = systemClock()
  const signer = accessTokens({ issuer: hub.url, encryptionKey: await encryptionKey(world) })
  const genuine = await signer.sign(claims, key, { from: now, to: addMs(now, 15 * MINUTE_MS) })
  const send = sendTo(hub.url)
  const holds = await send({ method: 'GET', path: '/v1/users/me', headers: {} }, genuine)
  // Else every refusal below could have another reason.
  expect(holds.status).toBe(200)
  const stranger = await generateKeyPair('RS256')
  const forge = (secret: CryptoKey | Uint8Array, alg: string) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg, kid: key.keyId, typ: 'at+jwt' })
      .setIssuer(hub.url)
      .setAudience('hub')
      .setIssuedAt()
      .setExpirationTime('15m')
      .sign(secret)
  const [head = '', payload = '', signature = ''] = genuine.split('.')
  const changed = {
    ...JSON.parse(Buffer.from(payload, 'base64url').toString()),
    org: newId('organization'),
  }
  return {
    none: undefined,
    garbage: 'not-a-token',
    expired: await signer.sign(claims, key, {
      from: addMs(now, -2 * HOUR_MS),
      to: addMs(now, -HOUR_MS),
    }),
    'by another key': await forge(stranger.privateKey, 'RS256'),
    'with the public key as a secret': await forge(
      new TextEncoder().encode(JSON.stringify(key.publicJwk)),
      'HS256',
    ),
    'alg none': new UnsecuredJWT(claims)
      .setIssuer(hub.url)
      .setAudience('hub')
      .setIssuedAt()
      .setExpirationTime('15m')
      .encode(),
    changed: [head, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join(
      '.',
    ),
    'of a revoked session': await revokedToken(hub.url),
  }
}

const sessionOf = (accessToken: string) =>
  JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()).sid

const revokedToken = async (url: string): Promise<string> => {
  const who = { name: 'Rita Revoked', email: 'rita@revoked.localhost' }
  const { api, accessToken } = await meet({ api: openApi(url), url }, who)
  await api.call(authContract, 'signOut')
  const send = sendTo(url)
  await eventually(
    async () => {
      const { status } = await send(
        { method: 'GET', path: '/v1/users/me', headers: {} },
        accessToken,
      )
      if (status !== 401) throw new Error('the session still counts')
    },
    { timeoutMs: REVOKED_TIMEOUT_MS },
  )
  return accessToken
}

/** The key with which the hub signs at this moment: only with it is an expired token wrong in nothing else. */
const signingKey = async ({ database }: World) => {
  const { rows } = await database.query<{ keyId: string; publicJwk: JWK; privateSealed: string }>(
    `select key_id as "keyId", public_jwk as "publicJwk", private_sealed as "privateSealed"
       from auth.signing_keys where active_from <= now() order by active_from desc limit 1`,
  )
  const [key] = rows
  if (!key) throw new Error('the hub has a signing key')
  return { ...key, keyId: key.keyId as ReturnType<typeof newId<'signingKey'>> }
}

const encryptionKey = async ({ hub }: World): Promise<Uint8Array> => {
  const { values } = JSON.parse(await readFile(join(hub.dataDir, 'secrets.json'), 'utf8'))
  return new Uint8Array(Buffer.from(values['auth:key-encryption'], 'base64'))
}
