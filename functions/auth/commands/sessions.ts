import type { AccessTokens } from '../../../shared/auth/access-token.ts'
import type { OpaqueTokens } from '../../../shared/auth/opaque-token.ts'
import { ACADEMY_ORGANIZATION_ID } from '../../../shared/contracts/academy.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import type { AuthEvent } from '../../../shared/events/auth.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import type { DomainError } from '../../../shared/kernel/errors.ts'
import {
  type AccountId,
  newId,
  type OrganizationId,
  type SessionId,
} from '../../../shared/kernel/id.ts'
import { nextKeyFrom, retiredKeys, signingKeyAt } from '../../../shared/kernel/key-rotation.ts'
import { addMs } from '../../../shared/kernel/time.ts'
import {
  isLive,
  judge,
  REFRESH_HOPS_MAX,
  REFRESH_TOKEN_MS,
  SESSIONS_PER_ACCOUNT_MAX,
  type Session,
  USER_AGENT_LENGTH_MAX,
} from '../domain/session.ts'
import { ACCESS_TOKEN_MS, KEY_ROTATION } from '../domain/signing-key.ts'
import { refreshInvalid, refreshReused } from '../errors.ts'
import { type DatedSigningKey, emit, memberships, sessions, signingKeys } from '../store.ts'

export type SessionDeps = { readonly accessTokens: AccessTokens; readonly tokens: OpaqueTokens }

export type Opened = { readonly session: Session; readonly refreshToken: string }

/** A new session of an account that has just proved itself; the oldest ends when there are too many. */
export const openSession = async (
  tx: Tx,
  { accountId, userAgent }: { accountId: AccountId; userAgent: string | null },
  { tokens }: SessionDeps,
): Promise<Opened> => {
  const store = sessions(tx)
  const wanted = await store.lastOrganization(accountId)
  const session: Session = {
    sessionId: newId('session'),
    accountId,
    activeOrganizationId: await activeOrganization(tx, { accountId, wanted }),
    userAgent: (userAgent ?? '').slice(0, USER_AGENT_LENGTH_MAX),
    createdAt: tx.now,
    lastUsedAt: tx.now,
    expiresAt: addMs(tx.now, REFRESH_TOKEN_MS),
    revokedAt: null,
  }
  await store.insert(session)
  const refreshToken = tokens.make()
  await store.insertToken({ ...session, tokenHash: tokens.hashOf(refreshToken) })
  const ended = await store.revokeBeyond(accountId, SESSIONS_PER_ACCOUNT_MAX)
  await emit(tx, revokedEvents(accountId, ended, 'revoked'))
  return { session, refreshToken }
}

/**
 * The successor of a refresh token, one however many ask at once, because the session's row is the family's lock.
 *
 * @returns `auth.refresh_reused`, to be returned and not thrown: the session has been ended.
 * @throws `auth.refresh_invalid`
 */
export const rotate = async (
  tx: Tx,
  presented: string,
  { tokens }: SessionDeps,
): Promise<Opened | DomainError> => {
  const store = sessions(tx)
  const sessionId = await store.sessionOfToken(tokens.hashOf(presented))
  const session = sessionId && (await store.findForUpdate(sessionId))
  if (!session || !isLive(session, tx.now)) throw refreshInvalid()
  let token = presented
  for (let hop = 0; hop < REFRESH_HOPS_MAX; hop += 1) {
    const stored = await store.findToken(tokens.hashOf(token))
    if (!stored) throw refreshInvalid()
    const verdict = judge(stored, tx.now)
    if (verdict.kind === 'expired') throw refreshInvalid()
    if (verdict.kind === 'reused') {
      await endSession(tx, session, 'reuse_detected')
      return refreshReused()
    }
    if (verdict.kind === 'follow') {
      token = await tokens.openSuccessor(verdict.successorSealed, token)
      continue
    }
    const used = await touch(tx, session)
    // Reached by way of the grace: this is the successor that the first one got.
    if (hop > 0) return { session: used, refreshToken: token }
    return { session: used, refreshToken: await succeed(tx, { token, session: used }, tokens) }
  }
  throw refreshInvalid()
}

/** Ends one session of an account. @returns whether the account had it, and it was live. */
export const endSession = async (
  tx: Tx,
  { accountId, sessionId }: Pick<Session, 'accountId' | 'sessionId'>,
  reason: RevocationReason,
): Promise<boolean> => {
  const ended = await sessions(tx).revoke({ accountId, sessionId })
  if (ended) await emit(tx, revokedEvents(accountId, [sessionId], reason))
  return ended
}

/** Ends every session of an account but the spared one. @returns how many. */
export const endSessions = async (
  tx: Tx,
  {
    accountId,
    spared,
    reason,
  }: { accountId: AccountId; spared?: SessionId; reason: RevocationReason },
): Promise<number> => {
  const ended = await sessions(tx).revokeAll(accountId, spared)
  await emit(tx, revokedEvents(accountId, ended, reason))
  return ended.length
}

/** What a client needs to act as the session, the refresh token aside. */
export const grantAccess = async (tx: Tx, session: Session, { accessTokens }: SessionDeps) => {
  const { accountId, sessionId, activeOrganizationId: organizationId } = session
  const key = await keyInForce(tx, accessTokens)
  const accessToken = await accessTokens.sign(
    { sub: accountId, org: organizationId, sid: sessionId },
    key,
    { from: tx.now, to: addMs(tx.now, ACCESS_TOKEN_MS) },
  )
  return {
    accessToken,
    tokenType: 'Bearer' as const,
    expiresInSeconds: ACCESS_TOKEN_MS / 1_000,
    accountId,
    sessionId,
    organizationId,
  }
}

export const mayActIn = async (
  tx: Tx,
  membership: { accountId: AccountId; organizationId: OrganizationId },
): Promise<boolean> =>
  membership.organizationId === ACADEMY_ORGANIZATION_ID || memberships(tx).has(membership)

/** The published keys; the very first is made here, once, whoever comes first. */
export const publishedKeys = async (
  tx: Tx,
  accessTokens: AccessTokens,
): Promise<readonly DatedSigningKey[]> => {
  const keys = await signingKeys(tx).list()
  return signingKeyAt(keys, tx.now) ? keys : rotateSigningKeys(tx, accessTokens)
}

/** Makes the coming key when it is time and drops those that no token can name any more. */
export const rotateSigningKeys = async (
  tx: Tx,
  accessTokens: AccessTokens,
): Promise<readonly DatedSigningKey[]> => {
  const store = signingKeys(tx)
  await store.holdRing()
  const keys = await store.list()
  const activeFrom = nextKeyFrom(keys, KEY_ROTATION, tx.now)
  if (activeFrom !== undefined)
    await store.insert({ ...(await accessTokens.makeKey()), activeFrom })
  for (const { keyId } of retiredKeys(keys, KEY_ROTATION, tx.now)) await store.delete(keyId)
  return store.list()
}

type RevocationReason = Extract<AuthEvent, { type: 'session.revoked' }>['reason']

const revokedEvents = (
  accountId: AccountId,
  sessionIds: readonly SessionId[],
  reason: RevocationReason,
): AuthEvent[] =>
  sessionIds.map((sessionId) => ({ type: 'session.revoked', accountId, sessionId, reason }))

// Whoever has lost the organisation falls back to another of theirs, at the latest to the academy.
const activeOrganization = async (
  tx: Tx,
  { accountId, wanted }: { accountId: AccountId; wanted: OrganizationId | undefined },
): Promise<OrganizationId> => {
  if (wanted && (await mayActIn(tx, { accountId, organizationId: wanted }))) return wanted
  return (await memberships(tx).first(accountId)) ?? ACADEMY_ORGANIZATION_ID
}

const succeed = async (
  tx: Tx,
  { token, session }: { token: string; session: Session },
  tokens: OpaqueTokens,
): Promise<string> => {
  const successor = tokens.make()
  const sealed = await tokens.sealSuccessor(successor, token)
  await sessions(tx).markUsed(tokens.hashOf(token), sealed)
  await sessions(tx).insertToken({ ...session, tokenHash: tokens.hashOf(successor) })
  return successor
}

const touch = async (tx: Tx, session: Session): Promise<Session> => {
  const use = {
    activeOrganizationId: await activeOrganization(tx, {
      accountId: session.accountId,
      wanted: session.activeOrganizationId,
    }),
    expiresAt: addMs(tx.now, REFRESH_TOKEN_MS),
  }
  await sessions(tx).touch(session.sessionId, use)
  return { ...session, ...use, lastUsedAt: tx.now }
}

const keyInForce = async (tx: Tx, accessTokens: AccessTokens): Promise<DatedSigningKey> => {
  const key = signingKeyAt(await publishedKeys(tx, accessTokens), tx.now)
  assert(key, 'a key is in force')
  return key
}
