import type { EmailChange } from '../../shared/auth/email-change-proof.ts'
import type { Passwords } from '../../shared/auth/passwords.ts'
import { ACADEMY_ORGANIZATION_ID } from '../../shared/contracts/academy.ts'
import type { authContract } from '../../shared/contracts/auth.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { emailKeyOf } from '../../shared/kernel/email.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import { newId } from '../../shared/kernel/id.ts'
import { toPage } from '../../shared/kernel/page.ts'
import { type Instant, toIso } from '../../shared/kernel/time.ts'
import { type MailDeps, mailTokenTo, tellOwner, throttleKey } from './commands/mails.ts'
import {
  endSession,
  endSessions,
  grantAccess,
  mayActIn,
  type Opened,
  openSession,
  publishedKeys,
  rotate,
  type SessionDeps,
} from './commands/sessions.ts'
import type { Account, Purpose } from './domain/account.ts'
import { clearedCookie, isOurPage, readRefreshCookie, refreshCookie } from './domain/browser.ts'
import { isGuessable } from './domain/password-policy.ts'
import { isLive, type Session } from './domain/session.ts'
import { JWKS_CACHE_SECONDS } from './domain/signing-key.ts'
import {
  countAttempt,
  NETWORK_BACKOFF,
  networkOf,
  SIGN_IN_BACKOFF,
  waitMs,
} from './domain/throttle.ts'
import {
  accountDeactivated,
  accountNotFound,
  addressInMotion,
  credentialsWrong,
  emailTaken,
  organizationNotFound,
  originRefused,
  passwordCommon,
  passwordWrong,
  proofInvalid,
  refreshInvalid,
  sessionEnded,
  sessionNotFound,
  tokenInvalid,
  tooManyAttempts,
} from './errors.ts'
import { accounts, emit, mailTokens, sessions, throttles } from './store.ts'

export type Deps = SessionDeps &
  MailDeps & {
    readonly passwords: Passwords
    /** Where the hub's own pages come from. */
    readonly publicOrigin: string
    readEmailChange(proof: string, now: Instant): Promise<EmailChange | undefined>
  }

const CHECK_MAIL = { next: 'check_mail' } as const

export const routes: Handlers<typeof authContract, Deps> = {
  async signUp({ body, now, tx }, deps) {
    const asked = newAccount(body, now)
    const account = await register(tx, { ...asked, name: body.name, timeZone: body.timeZone })
    if (account.verifiedAt === null)
      await mailTokenTo(tx, { email: account.email, account, purpose: 'verify' }, deps)
    else await tellOwner(tx, account)
    return CHECK_MAIL
  },

  async verifyEmail({ body, now, tx }, { tokens, passwords }) {
    const { accountId, email } = await redeem(tx, tokens.hashOf(body.token), 'verify')
    if (!(await accounts(tx).verify(accountId, now))) throw tokenInvalid()
    if (isGuessable(body.password, email)) throw passwordCommon()
    await accounts(tx).setPassword(accountId, await passwords.hash(body.password))
    await mailTokens(tx).deleteAll(accountId)
    await emit(tx, [{ type: 'account.email_verified', accountId, email }])
    return undefined
  },

  async resendVerification({ body, tx }, deps) {
    const account = await accounts(tx).findByEmailForUpdate(body.email)
    await mailTokenTo(tx, { email: body.email, account, purpose: 'verify' }, deps)
    return CHECK_MAIL
  },

  async signIn({ body, headers, tx, reply }, deps) {
    if (body.transport === 'cookie') refuseForeignPage(headers, deps)
    const account = await authenticate(tx, { ...body, headers }, deps)
    if (account instanceof DomainError) return account
    if (account.deactivatedAt !== null) throw accountDeactivated()
    const userAgent = headers.get('user-agent')
    const opened = await openSession(tx, { ...account, userAgent }, deps)
    return hand(tx, opened, { transport: body.transport, reply, deps })
  },

  async refresh({ body, headers, tx, reply }, deps) {
    if (body.transport === 'cookie') refuseForeignPage(headers, deps)
    const presented =
      body.transport === 'body' ? body.refreshToken : readRefreshCookie(headers.get('cookie'))
    if (!presented) throw refreshInvalid()
    const rotated = await rotate(tx, presented, deps)
    // No refusal ever clears the cookie: a loser of a race would take the winner's away.
    if (rotated instanceof DomainError) return rotated
    return hand(tx, rotated, { transport: body.transport, reply, deps })
  },

  async signOut({ caller, tx, reply }) {
    await endSession(tx, caller, 'signed_out')
    reply.append('set-cookie', clearedCookie)
    return undefined
  },

  async listSessions({ query, caller, tx }) {
    const live = await sessions(tx).listLive(caller.accountId, query)
    return toPage(live, query.limit, {
      keyOf: ({ sessionId }) => [sessionId],
      itemOf: (session) => ({
        ...showSession(session),
        isCurrent: session.sessionId === caller.sessionId,
      }),
    })
  },

  async revokeSession({ params, caller, tx }) {
    const session = await sessions(tx).find(params.sessionId)
    if (session?.accountId !== caller.accountId) throw sessionNotFound()
    await endSession(tx, session, 'revoked')
    return undefined
  },

  async revokeOtherSessions({ caller, tx }) {
    const { accountId, sessionId: spared } = caller
    return { revoked: await endSessions(tx, { accountId, spared, reason: 'revoked' }) }
  },

  async switchOrganization({ body, caller, now, tx }, deps) {
    const session = await sessions(tx).findForUpdate(caller.sessionId)
    if (!session || !isLive(session, now)) throw sessionEnded()
    const { organizationId } = body
    if (!(await mayActIn(tx, { ...session, organizationId }))) throw organizationNotFound()
    const switched = { ...session, activeOrganizationId: organizationId }
    await sessions(tx).touch(session.sessionId, switched)
    return grantAccess(tx, switched, deps)
  },

  async requestPasswordReset({ body, tx }, deps) {
    const account = await accounts(tx).findByEmailForUpdate(body.email)
    await mailTokenTo(tx, { email: body.email, account, purpose: 'reset' }, deps)
    return CHECK_MAIL
  },

  async resetPassword({ body, now, tx }, deps) {
    const account = await redeem(tx, deps.tokens.hashOf(body.token), 'reset')
    if (account.deactivatedAt !== null) throw tokenInvalid()
    const { accountId, email } = account
    await replacePassword(tx, { account, password: body.password }, deps)
    await endSessions(tx, { accountId, reason: 'password_changed' })
    // The token came by mail: the address is proved as well.
    if (await accounts(tx).verify(accountId, now))
      await emit(tx, [{ type: 'account.email_verified', accountId, email }])
    return undefined
  },

  async changePassword({ body, caller, now, tx }, deps) {
    const bucket = throttleKey('password', caller.sessionId)
    const held = await throttles(tx).lockOrCreate(bucket)
    if (waitMs(held, now) > 0) throw tooManyAttempts(waitMs(held, now))
    const account = await accounts(tx).findForUpdate(caller.accountId)
    if (!account) throw sessionEnded()
    const { matches } = await deps.passwords.verify(
      body.currentPassword,
      account.passwordHash ?? undefined,
    )
    if (!matches) {
      await throttles(tx).save(bucket, countAttempt(held, SIGN_IN_BACKOFF, now))
      return passwordWrong()
    }
    await replacePassword(tx, { account, password: body.newPassword }, deps)
    const { accountId, sessionId: spared } = caller
    await endSessions(tx, { accountId, spared, reason: 'password_changed' })
    return undefined
  },

  async replaceEmail({ params, body, caller, now, tx }, { readEmailChange }) {
    if (params.accountId !== caller.accountId) throw accountNotFound()
    const proved = await readEmailChange(body.proof, now)
    const isProved =
      proved?.accountId === caller.accountId && emailKeyOf(proved.email) === emailKeyOf(body.email)
    if (!isProved) throw proofInvalid()
    const account = await accounts(tx).findForUpdate(caller.accountId)
    if (!account) throw accountNotFound()
    const owner = await accounts(tx).findByEmail(body.email)
    if (owner && owner.accountId !== account.accountId) await giveUpAddress(tx, owner)
    await accounts(tx).setEmail(account.accountId, body.email)
    // What was mailed to the former address opens nothing any more.
    await mailTokens(tx).deleteAll(account.accountId)
    return undefined
  },

  async getJwks({ tx, reply }, { accessTokens }) {
    const keys = await publishedKeys(tx, accessTokens)
    reply.set('cache-control', `public, max-age=${JWKS_CACHE_SECONDS}`)
    return { keys: keys.map(({ keyId, publicJwk }) => ({ ...publicJwk, kty: 'RSA', kid: keyId })) }
  },

  async getSessionStatus({ params, now, tx }) {
    const session = await sessions(tx).find(params.sessionId)
    if (!session) throw sessionNotFound()
    return { accountId: session.accountId, isLive: isLive(session, now) }
  },
}

const newAccount = (fields: Pick<Account, 'email' | 'locale'>, now: Instant): Account => ({
  accountId: newId('account'),
  email: fields.email,
  passwordHash: null,
  locale: fields.locale,
  createdAt: now,
  verifiedAt: null,
  deactivatedAt: null,
})

/** The account of the address: the asked one if it is new, else the one that is there. */
const register = async (
  tx: Tx,
  { name, timeZone, ...asked }: Account & { readonly name: string; readonly timeZone: string },
): Promise<Account> => {
  const { accountId, email, locale } = asked
  if (await accounts(tx).insert(asked)) {
    const organizationId = ACADEMY_ORGANIZATION_ID
    const registered = { accountId, email, name, locale, timeZone, organizationId }
    await emit(tx, [{ type: 'account.registered', ...registered }])
    return asked
  }
  // Locked, so that nobody verifies the account between this look and the mail.
  const known = await accounts(tx).findByEmailForUpdate(email)
  // Given up between the two statements by an address change: the asker may try once more.
  if (!known) throw addressInMotion()
  return known
}

/**
 * The account that address and password belong to, locked.
 *
 * @returns the refusal when they do not: to be returned, because the attempt counts.
 * @throws `auth.too_many_attempts`
 */
const authenticate = async (
  tx: Tx,
  { email, password, headers }: { email: string; password: string; headers: Headers },
  { passwords }: Deps,
): Promise<Account | DomainError> => {
  const network = networkOf(headers.get('x-forwarded-for'))
  const pair = throttleKey('sign-in', emailKeyOf(email), network)
  const held = await throttles(tx).lockOrCreate(pair)
  const networkBucket = throttleKey('network', network)
  // Only looked at: holding it would make a whole school sign in one by one.
  const crowd = await throttles(tx).find(networkBucket)
  const wait = Math.max(waitMs(held, tx.now), waitMs(crowd, tx.now))
  if (wait > 0) throw tooManyAttempts(wait)
  const found = await accounts(tx).findByEmail(email)
  const { matches, isStale } = await passwords.verify(password, found?.passwordHash ?? undefined)
  const account = matches && found ? await accounts(tx).findForUpdate(found.accountId) : undefined
  // Checked again under the lock: the password may have changed while the hash was being made.
  if (!account || account.passwordHash !== found?.passwordHash) {
    await throttles(tx).save(pair, countAttempt(held, SIGN_IN_BACKOFF, tx.now))
    const counted = await throttles(tx).lockOrCreate(networkBucket)
    await throttles(tx).save(networkBucket, countAttempt(counted, NETWORK_BACKOFF, tx.now))
    return credentialsWrong()
  }
  await throttles(tx).forget(pair)
  if (isStale) await accounts(tx).setPassword(account.accountId, await passwords.hash(password))
  return account
}

/**
 * Uses a mailed token up. The account is locked first, as everywhere: two links of one account would else wait for each
 * other, each with its own token in hand.
 *
 * @throws `auth.token_invalid`
 */
const redeem = async (tx: Tx, tokenHash: string, purpose: Purpose): Promise<Account> => {
  const accountId = await mailTokens(tx).accountOf(tokenHash)
  const account = accountId && (await accounts(tx).findForUpdate(accountId))
  const isUsed = account && (await mailTokens(tx).consume(tokenHash, purpose))
  if (!isUsed) throw tokenInvalid()
  return account
}

/**
 * Who has signed up with an address that another proves now has shown nothing: their account stays without one.
 *
 * @throws `auth.email_taken` for an address that its account has proved.
 */
const giveUpAddress = async (tx: Tx, owner: Account): Promise<void> => {
  // Nobody signs in with an account that has proved nothing, so nobody holds it and waits for ours.
  const waiting = owner.verifiedAt === null && (await accounts(tx).findForUpdate(owner.accountId))
  if (!waiting || waiting.verifiedAt !== null) throw emailTaken()
  await accounts(tx).setEmail(waiting.accountId, `${waiting.accountId}@address.invalid`)
  await mailTokens(tx).deleteAll(waiting.accountId)
}

/** Sets the password, voids what was mailed, and tells the owner. */
const replacePassword = async (
  tx: Tx,
  { account, password }: { account: Account; password: string },
  { passwords }: Deps,
): Promise<void> => {
  const { accountId, email, locale } = account
  if (isGuessable(password, email)) throw passwordCommon()
  await accounts(tx).setPassword(accountId, await passwords.hash(password))
  await mailTokens(tx).deleteAll(accountId)
  await emit(tx, [{ type: 'account.password_changed', accountId, email, locale }])
}

const refuseForeignPage = (headers: Headers, { publicOrigin }: Deps): void => {
  if (!isOurPage(headers, publicOrigin)) throw originRefused()
}

/** Hands both tokens out, the refresh token by the transport that was asked for. */
const hand = async (
  tx: Tx,
  { session, refreshToken }: Opened,
  { transport, reply, deps }: { transport: 'body' | 'cookie'; reply: Headers; deps: Deps },
) => {
  const access = await grantAccess(tx, session, deps)
  reply.set('cache-control', 'no-store')
  if (transport === 'body') return { ...access, refreshToken }
  reply.append('set-cookie', refreshCookie(refreshToken))
  return access
}

const showSession = (session: Session) => ({
  sessionId: session.sessionId,
  organizationId: session.activeOrganizationId,
  userAgent: session.userAgent,
  createdAt: toIso(session.createdAt),
  lastUsedAt: toIso(session.lastUsedAt),
  expiresAt: toIso(session.expiresAt),
})
