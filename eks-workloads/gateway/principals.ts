import QuickLRU from 'quick-lru'
import { INTERNAL_TOKEN_HEADER, type MintInternalToken } from '../../shared/auth/internal-token.ts'
import type { authContract } from '../../shared/contracts/auth.ts'
import type { rbacContract } from '../../shared/contracts/rbac.ts'
import type { Grants } from '../../shared/contracts/roles.ts'
import type { Client, Forwarded } from '../../shared/http/client.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import type { AccountId, OrganizationId, SessionId } from '../../shared/kernel/id.ts'
import {
  type Clock,
  HOUR_MS,
  type Instant,
  instantOf,
  MINUTE_MS,
  SECOND_MS,
} from '../../shared/kernel/time.ts'
import { continueTrace } from '../../shared/observe/trace.ts'
import type { AccessToken } from './domain.ts'
import { createEpochs } from './epochs.ts'
import { identityUnavailable, tokenInvalid } from './errors.ts'
import { createLookup } from './lookup.ts'

export const SESSIONS_MAX = 50_000
export const PRINCIPALS_MAX = 50_000
export const DEACTIVATED_MAX = 10_000
/** With events arriving, how old an answer may be before it is asked for again: a net below the events. */
export const FRESH_MS = MINUTE_MS
/** Without events, so that a revocation still counts within about a second. */
export const FRESH_WITHOUT_EVENTS_MS = SECOND_MS
/** With auth away, how long sessions go on that it last called live. */
export const SESSION_STALE_MS_MAX = 10 * MINUTE_MS
/** With rbac away, how long permissions last read count. */
export const GRANTS_STALE_MS_MAX = 5 * MINUTE_MS
/** How long an internal token is handed out again; it lives for 60 s. */
export const TOKEN_REUSE_MS = 30 * SECOND_MS
/** No access token lives longer, so no older deactivation needs remembering. */
export const ACCESS_TOKEN_MS_MAX = HOUR_MS

/** Who calls: proven, alive, and what they may do. */
export type Principals = {
  /**
   * The internal token of whoever holds this access token.
   *
   * @throws Refusal 401 when the session is over, 503 when nobody can tell.
   */
  internalTokenFor(access: AccessToken): Promise<string>
  sessionRevoked(sessionId: SessionId, accountId: AccountId): void
  /** Ends every session that began before `at`. */
  accountDeactivated(accountId: AccountId, at: Instant): void
  /** @param organizationId null: in every organisation. */
  grantsChanged(accountId: AccountId, organizationId: OrganizationId | null): void
  rolesChanged(organizationId: OrganizationId): void
  /** Something was missed: everything is asked for again. */
  forgetAll(): void
}

export type PrincipalsOptions = {
  readonly auth: Pick<Client<typeof authContract>, 'getSessionStatus'>
  readonly rbac: Pick<Client<typeof rbacContract>, 'getPrincipal'>
  readonly mint: MintInternalToken
  readonly clock: Clock
  /** Whether changes are being heard as they happen. */
  readonly isListening: () => boolean
}

type SessionKey = Pick<AccessToken, 'sessionId' | 'accountId'>
type PrincipalKey = Pick<AccessToken, 'accountId' | 'organizationId'>
type Permissions = { readonly grants: Grants; readonly expiresAt: Instant | undefined }

export const createPrincipals = (options: PrincipalsOptions): Principals => {
  const { auth, rbac, mint, clock } = options
  const epochs = createEpochs()
  const deactivated = new QuickLRU<AccountId, Instant>({ maxSize: DEACTIVATED_MAX })
  const asGateway = askAsGateway(mint, clock)
  const bounds = {
    epochs,
    clock,
    freshMs: () => (options.isListening() ? FRESH_MS : FRESH_WITHOUT_EVENTS_MS),
  }
  const sessions = createLookup<SessionKey, boolean>({
    ...bounds,
    entriesMax: SESSIONS_MAX,
    staleMsMax: SESSION_STALE_MS_MAX,
    nameOf: ({ sessionId }) => sessionId,
    dependsOn: ({ accountId }) => [accountId],
    // A session that is over stays over.
    isFinal: (isLive) => !isLive,
    ask: async ({ sessionId, accountId }) => {
      const status = await asGateway((as) => auth.getSessionStatus({ params: { sessionId } }, as))
      return status?.accountId === accountId && status.isLive
    },
  })
  const permissions = createLookup<PrincipalKey, Permissions>({
    ...bounds,
    entriesMax: PRINCIPALS_MAX,
    staleMsMax: GRANTS_STALE_MS_MAX,
    nameOf: grantsName,
    dependsOn: ({ accountId, organizationId }) => [accountId, organizationId],
    endsAt: ({ expiresAt }) => expiresAt,
    ask: async ({ accountId, organizationId }) => {
      const found = await asGateway((as) =>
        rbac.getPrincipal({ params: { accountId }, query: { organizationId } }, as),
      )
      if (!found) throw tokenInvalid()
      const { grants, expiresAt } = found
      return { grants, expiresAt: expiresAt === null ? undefined : instantOf(expiresAt) }
    },
  })
  const tokens = tokensOf(mint, clock)

  return {
    async internalTokenFor(access) {
      const deactivatedAt = deactivated.get(access.accountId)
      if (deactivatedAt !== undefined && access.issuedAt <= deactivatedAt) throw tokenInvalid()
      const [isLive, { grants }] = await Promise.all([
        sessions.get(access),
        permissions.get(access),
      ])
      if (!isLive) throw tokenInvalid()
      return tokens(access, grants)
    },
    sessionRevoked: (sessionId, accountId) => sessions.put({ sessionId, accountId }, false),
    accountDeactivated(accountId, at) {
      deactivated.set(accountId, at, { maxAge: ACCESS_TOKEN_MS_MAX })
      epochs.change(accountId)
    },
    grantsChanged: (accountId, organizationId) =>
      epochs.change(organizationId ? grantsName({ accountId, organizationId }) : accountId),
    rolesChanged: (organizationId) => epochs.change(organizationId),
    forgetAll: () => epochs.changeAll(),
  }
}

const grantsName = ({ accountId, organizationId }: PrincipalKey) => `${accountId}@${organizationId}`

/** Puts questions under the gateway's own name; undefined when the thing does not exist. */
const askAsGateway = (mint: MintInternalToken, clock: Clock) => {
  let token: { readonly text: string; readonly mintedAt: Instant } | undefined
  return async <Answer>(ask: (as: Forwarded) => Promise<Answer>): Promise<Answer | undefined> => {
    const now = clock()
    if (!token || now - token.mintedAt >= TOKEN_REUSE_MS)
      token = { text: await mint({ kind: 'service', name: 'gateway' }, now), mintedAt: now }
    const headers = new Headers({ [INTERNAL_TOKEN_HEADER]: token.text })
    try {
      return await ask({ headers, traceparent: continueTrace(undefined) })
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'not_found') return undefined
      throw identityUnavailable(error)
    }
  }
}

/** Signing costs more than the rest of a request: a principal's token is handed out again for a while. */
const tokensOf = (mint: MintInternalToken, clock: Clock) => {
  type Minted = { readonly grants: Grants; readonly text: string; readonly mintedAt: Instant }
  const minted = new QuickLRU<string, Minted>({ maxSize: PRINCIPALS_MAX })
  return async (access: AccessToken, grants: Grants): Promise<string> => {
    const { accountId, organizationId, sessionId } = access
    const name = `${sessionId}@${organizationId}`
    const known = minted.get(name)
    const now = clock()
    // Grants are replaced, never changed: the same object means the same permissions.
    if (known?.grants === grants && now - known.mintedAt < TOKEN_REUSE_MS) return known.text
    const principal = { accountId, sessionId, organizationId, grants }
    const text = await mint({ kind: 'account', principal }, now)
    minted.set(name, { grants, text, mintedAt: now })
    return text
  }
}
