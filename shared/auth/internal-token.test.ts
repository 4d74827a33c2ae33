import { describe, expect, it } from '@jest/globals'
import { exportJWK, generateKeyPair } from 'jose'
import { somebody } from '../../tests/support/door.ts'
import { COURSE_GRANTS_MAX } from '../contracts/rbac.ts'
import { builtInRoles } from '../contracts/roles.ts'
import { newId } from '../kernel/id.ts'
import { addMs, instantOf, SECOND_MS } from '../kernel/time.ts'
import {
  INTERNAL_TOKEN_SECONDS,
  internalTokenMinter,
  internalTokenVerifier,
  PROVEN_TOKENS_MAX,
} from './internal-token.ts'

/** The longest header that a load balancer takes. */
const HEADER_BYTES_MAX = 16 * 1_024

describe('an internal token', () => {
  it('fits into a header with as many course grants as an account can hold, and gives all back', async () => {
    const { mint, verify } = await pair()
    const permissions = [...new Set(builtInRoles.admin.permissions)]
    const courses = Object.fromEntries(
      Array.from({ length: COURSE_GRANTS_MAX }, () => [newId('course'), permissions]),
    )
    const platform = [...new Set(builtInRoles.platform_admin.permissions)]
    const grants = { platform, organization: permissions, courses }
    const principal = { ...somebody('owner'), grants }
    const now = instantOf('2026-03-01T10:00:00Z')
    const token = await mint({ kind: 'account', principal }, now)
    expect(token.length).toBeLessThan(HEADER_BYTES_MAX - 100)
    expect(await verify(token, now)).toEqual({ kind: 'account', principal })
  })

  it('that was proven once is refused all the same once its minute is over', async () => {
    const { mint, verify } = await pair()
    const now = instantOf('2026-03-01T10:00:00Z')
    const token = await mint({ kind: 'service', name: 'gateway' }, now)
    const at = (seconds: number) => verify(token, addMs(now, seconds * SECOND_MS))
    const gateway = { kind: 'service', name: 'gateway' }
    for (const seconds of [0, 1, INTERNAL_TOKEN_SECONDS, INTERNAL_TOKEN_SECONDS + 4.999])
      expect(await at(seconds)).toEqual(gateway)
    await expect(at(INTERNAL_TOKEN_SECONDS + 5)).rejects.toMatchObject({ kind: 'unauthenticated' })
    expect(await at(0)).toEqual(gateway)
  })

  it('is told from every other, however many were proven', async () => {
    const { mint, verify } = await pair()
    const now = instantOf('2026-03-01T10:00:00Z')
    const names = Array.from({ length: PROVEN_TOKENS_MAX + 2 }, (_, index) => `part-${index}`)
    const tokens = await Promise.all(names.map((name) => mint({ kind: 'service', name }, now)))
    for (const _ of ['proven', 'remembered or forgotten'])
      for (const [index, token] of tokens.entries())
        expect(await verify(token, now)).toEqual({ kind: 'service', name: names[index] })
    const [one = '', other = ''] = tokens
    const forged = `${one.slice(0, one.lastIndexOf('.'))}${other.slice(other.lastIndexOf('.'))}`
    await expect(verify(forged, now)).rejects.toMatchObject({ kind: 'unauthenticated' })
  })
})

const pair = async () => {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true })
  return {
    mint: await internalTokenMinter({ ...(await exportJWK(privateKey)), kid: 'k' }),
    verify: internalTokenVerifier([{ ...(await exportJWK(publicKey)), kid: 'k' }]),
  }
}
