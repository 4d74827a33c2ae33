import { describe, expect, it } from '@jest/globals'
import { exportJWK, generateKeyPair } from 'jose'
import { somebody } from '../../tests/support/door.ts'
import { COURSE_GRANTS_MAX } from '../contracts/rbac.ts'
import { builtInRoles } from '../contracts/roles.ts'
import { newId } from '../kernel/id.ts'
import { instantOf } from '../kernel/time.ts'
import { internalTokenMinter, internalTokenVerifier } from './internal-token.ts'

/** The longest header that a load balancer takes. */
const HEADER_BYTES_MAX = 16 * 1_024

describe('an internal token', () => {
  it('fits into a header with as many course grants as an account can hold, and gives all back', async () => {
    const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true })
    const mint = await internalTokenMinter({ ...(await exportJWK(privateKey)), kid: 'k' })
    const verify = internalTokenVerifier([{ ...(await exportJWK(publicKey)), kid: 'k' }])
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
})
