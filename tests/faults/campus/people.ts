import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { internalTokenMinter } from '../../../shared/auth/internal-token.ts'
import { type BuiltInRoleName, builtInRoles } from '../../../shared/contracts/roles.ts'
import type { Principal } from '../../../shared/http/caller.ts'
import { type AccountId, newId, type OrganizationId } from '../../../shared/kernel/id.ts'
import { type Clock, systemClock } from '../../../shared/kernel/time.ts'

/** The gateway's key, by which the doors know who calls. */
export type GatewayKey = { readonly privateKey: JWK; readonly publicKey: JWK }

export const newGatewayKey = async (): Promise<GatewayKey> => {
  const kid = newId('signingKey')
  const pair = await generateKeyPair('EdDSA', { extractable: true })
  return {
    privateKey: { ...(await exportJWK(pair.privateKey)), kid },
    publicKey: { ...(await exportJWK(pair.publicKey)), kid },
  }
}

/** Signs callers in at the doors, as a gateway with this clock would. */
export type SignIn = (principal: Principal, clock?: Clock) => Promise<string>

export const signInWith = async ({ privateKey }: GatewayKey): Promise<SignIn> => {
  const mint = await internalTokenMinter(privateKey)
  return (principal, clock = systemClock) => mint({ kind: 'account', principal }, clock())
}

export const principalOf = (
  role: BuiltInRoleName,
  { accountId, organizationId }: { accountId: AccountId; organizationId: OrganizationId },
): Principal => {
  const { scope, permissions } = builtInRoles[role]
  return {
    accountId,
    organizationId,
    sessionId: newId('session'),
    grants: {
      platform: scope === 'platform' ? permissions : [],
      organization: scope === 'organization' ? permissions : [],
      courses: {},
    },
  }
}
