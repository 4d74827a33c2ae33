import type { JWK } from 'jose'
import { type Generated, type Selectable, sql } from 'kysely'
import type { SigningKey } from '../../shared/auth/access-token.ts'
import {
  at,
  atOrNull,
  type InstantColumn,
  type JsonColumn,
  json,
  type NullableInstantColumn,
} from '../../shared/db/columns.ts'
import { isUniqueViolation } from '../../shared/db/open.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import { type AuthEvent, authEvents } from '../../shared/events/auth.ts'
import { emailKeyOf } from '../../shared/kernel/email.ts'
import type { AccountId, Id, OrganizationId, SessionId } from '../../shared/kernel/id.ts'
import { decodeCursor } from '../../shared/kernel/page.ts'
import { addMs, DAY_MS, type Instant } from '../../shared/kernel/time.ts'
import { writeOutbox } from '../../shared/outbox/write.ts'
import type { Account, Purpose } from './domain/account.ts'
import type { RefreshToken, Session } from './domain/session.ts'
import { type Bucket, FORGET_AFTER_MS_MAX } from './domain/throttle.ts'
import { emailTaken } from './errors.ts'

/** How long ended sessions are kept for whoever asks after them. */
const ENDED_SESSION_DAYS = 30

export const emit = (tx: Tx, events: readonly AuthEvent[]): Promise<void> =>
  writeOutbox(tx, authEvents, events)

export const accounts = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** @returns false when somebody has the address; waits for whoever is just signing up with it. */
    async insert(account: Account): Promise<boolean> {
      const row = await db
        .insertInto('accounts')
        .values({
          ...account,
          emailKey: emailKeyOf(account.email),
          createdAt: at(account.createdAt),
          verifiedAt: atOrNull(account.verifiedAt),
          deactivatedAt: atOrNull(account.deactivatedAt),
        })
        .onConflict((conflict) => conflict.constraint('accounts_email').doNothing())
        .returning('accountId')
        .executeTakeFirst()
      return row !== undefined
    },

    async findByEmail(email: string): Promise<Account | undefined> {
      const row = await db
        .selectFrom('accounts')
        .selectAll()
        .where('emailKey', '=', emailKeyOf(email))
        .executeTakeFirst()
      return row && toAccount(row)
    },

    /** As `findForUpdate`, by address. */
    async findByEmailForUpdate(email: string): Promise<Account | undefined> {
      const row = await db
        .selectFrom('accounts')
        .selectAll()
        .where('emailKey', '=', emailKeyOf(email))
        .forNoKeyUpdate()
        .executeTakeFirst()
      return row && toAccount(row)
    },

    /** Nobody else changes the account until this transaction ends. */
    async findForUpdate(accountId: AccountId): Promise<Account | undefined> {
      const row = await db
        .selectFrom('accounts')
        .selectAll()
        .where('accountId', '=', accountId)
        .forNoKeyUpdate()
        .executeTakeFirst()
      return row && toAccount(row)
    },

    async setPassword(accountId: AccountId, passwordHash: string): Promise<void> {
      await db
        .updateTable('accounts')
        .set({ passwordHash })
        .where('accountId', '=', accountId)
        .execute()
    },

    /** @returns false when the address was verified before. */
    async verify(accountId: AccountId, now: Instant): Promise<boolean> {
      const row = await db
        .updateTable('accounts')
        .set({ verifiedAt: at(now) })
        .where('accountId', '=', accountId)
        .where('verifiedAt', 'is', null)
        .returning('accountId')
        .executeTakeFirst()
      return row !== undefined
    },

    /** @throws `auth.email_taken` */
    async setEmail(accountId: AccountId, email: string): Promise<void> {
      try {
        await db
          .updateTable('accounts')
          .set({ email, emailKey: emailKeyOf(email) })
          .where('accountId', '=', accountId)
          .execute()
      } catch (error) {
        throw isUniqueViolation(error, 'accounts_email') ? emailTaken() : error
      }
    },

    /** Stale news loses. @param sequence of the user service's stream. */
    async setLocale(accountId: AccountId, locale: string, sequence: number): Promise<void> {
      await db
        .updateTable('accounts')
        .set({ locale, localeSequence: sequence })
        .where('accountId', '=', accountId)
        .where('localeSequence', '<', sequence)
        .execute()
    },

    async deactivate(accountId: AccountId, now: Instant): Promise<void> {
      await db
        .updateTable('accounts')
        .set({ deactivatedAt: at(now) })
        .where('accountId', '=', accountId)
        .where('deactivatedAt', 'is', null)
        .execute()
    },
  }
}

export const sessions = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async insert(session: Session): Promise<void> {
      await db
        .insertInto('sessions')
        .values({
          ...session,
          createdAt: at(session.createdAt),
          lastUsedAt: at(session.lastUsedAt),
          expiresAt: at(session.expiresAt),
          revokedAt: atOrNull(session.revokedAt),
        })
        .execute()
    },

    async find(sessionId: SessionId): Promise<Session | undefined> {
      return db
        .selectFrom('sessions')
        .selectAll()
        .where('sessionId', '=', sessionId)
        .executeTakeFirst()
    },

    /** Takes the family's lock. */
    async findForUpdate(sessionId: SessionId): Promise<Session | undefined> {
      return db
        .selectFrom('sessions')
        .selectAll()
        .where('sessionId', '=', sessionId)
        .forNoKeyUpdate()
        .executeTakeFirst()
    },

    /** The organisation that was active in the account's latest session. */
    async lastOrganization(accountId: AccountId): Promise<OrganizationId | undefined> {
      const row = await db
        .selectFrom('sessions')
        .select('activeOrganizationId')
        .where('accountId', '=', accountId)
        .orderBy('sessionId', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row?.activeOrganizationId
    },

    /** One row more than `limit`, newest first. */
    async listLive(
      accountId: AccountId,
      { cursor, limit }: { cursor?: string | undefined; limit: number },
    ): Promise<Session[]> {
      const after = decodeCursor(cursor, 1)
      return live(accountId)
        .selectAll()
        .$if(after !== undefined, (query) => query.where('sessionId', '<', after?.[0] as SessionId))
        .orderBy('sessionId', 'desc')
        .limit(limit + 1)
        .execute()
    },

    async touch(
      sessionId: SessionId,
      use: { activeOrganizationId: OrganizationId; expiresAt: Instant },
    ): Promise<void> {
      await db
        .updateTable('sessions')
        .set({
          activeOrganizationId: use.activeOrganizationId,
          expiresAt: at(use.expiresAt),
          lastUsedAt: at(tx.now),
        })
        .where('sessionId', '=', sessionId)
        .execute()
    },

    /** @returns whether the account had this session, and it was live. */
    async revoke(key: { sessionId: SessionId; accountId: AccountId }): Promise<boolean> {
      const row = await db
        .updateTable('sessions')
        .set({ revokedAt: at(tx.now) })
        .where('sessionId', '=', key.sessionId)
        .where('accountId', '=', key.accountId)
        .where('revokedAt', 'is', null)
        .returning('sessionId')
        .executeTakeFirst()
      return row !== undefined
    },

    /** @returns those that were live, except the one to spare. */
    async revokeAll(accountId: AccountId, spared?: SessionId): Promise<SessionId[]> {
      const chosen = await live(accountId).select('sessionId').execute()
      return revokeMany(chosen.filter(({ sessionId }) => sessionId !== spared))
    },

    /** Ends the oldest until `sessionsMax` are left. @returns the ended ones. */
    async revokeBeyond(accountId: AccountId, sessionsMax: number): Promise<SessionId[]> {
      const chosen = await live(accountId)
        .select('sessionId')
        .orderBy('sessionId', 'desc')
        .offset(sessionsMax)
        .execute()
      return revokeMany(chosen)
    },

    async insertToken(token: {
      tokenHash: string
      sessionId: SessionId
      expiresAt: Instant
    }): Promise<void> {
      await db
        .insertInto('refreshTokens')
        .values({
          tokenHash: token.tokenHash,
          sessionId: token.sessionId,
          expiresAt: at(token.expiresAt),
          usedAt: null,
          successorSealed: null,
        })
        .execute()
    },

    async sessionOfToken(tokenHash: string): Promise<SessionId | undefined> {
      const row = await db
        .selectFrom('refreshTokens')
        .select('sessionId')
        .where('tokenHash', '=', tokenHash)
        .executeTakeFirst()
      return row?.sessionId
    },

    async findToken(tokenHash: string): Promise<RefreshToken | undefined> {
      const row = await db
        .selectFrom('refreshTokens')
        .selectAll()
        .where('tokenHash', '=', tokenHash)
        .executeTakeFirst()
      return row && toRefreshToken(row)
    },

    async markUsed(tokenHash: string, successorSealed: string): Promise<void> {
      await db
        .updateTable('refreshTokens')
        .set({ usedAt: at(tx.now), successorSealed })
        .where('tokenHash', '=', tokenHash)
        .execute()
    },
  }

  function live(accountId: AccountId) {
    return db
      .selectFrom('sessions')
      .where('accountId', '=', accountId)
      .where('revokedAt', 'is', null)
      .where('expiresAt', '>', at(tx.now))
  }

  async function revokeMany(chosen: readonly { sessionId: SessionId }[]): Promise<SessionId[]> {
    if (chosen.length === 0) return []
    const rows = await db
      .updateTable('sessions')
      .set({ revokedAt: at(tx.now) })
      .where(
        'sessionId',
        'in',
        chosen.map(({ sessionId }) => sessionId),
      )
      .where('revokedAt', 'is', null)
      .returning('sessionId')
      .execute()
    return rows.map(({ sessionId }) => sessionId)
  }
}

export type MailToken = {
  readonly tokenHash: string
  readonly accountId: AccountId
  readonly purpose: Purpose
  readonly expiresAt: Instant
}

export const mailTokens = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async insert(token: MailToken): Promise<void> {
      await db
        .insertInto('mailTokens')
        .values({ ...token, expiresAt: at(token.expiresAt) })
        .execute()
    },

    async accountOf(tokenHash: string): Promise<AccountId | undefined> {
      const row = await db
        .selectFrom('mailTokens')
        .select('accountId')
        .where('tokenHash', '=', tokenHash)
        .executeTakeFirst()
      return row?.accountId
    },

    /** Uses the token up: of two that bring it at once, one gets it. */
    async consume(tokenHash: string, purpose: Purpose): Promise<boolean> {
      const row = await db
        .deleteFrom('mailTokens')
        .where('tokenHash', '=', tokenHash)
        .where('purpose', '=', purpose)
        .where('expiresAt', '>', at(tx.now))
        .returning('tokenHash')
        .executeTakeFirst()
      return row !== undefined
    },

    async deleteAll(accountId: AccountId): Promise<void> {
      await db.deleteFrom('mailTokens').where('accountId', '=', accountId).execute()
    },
  }
}

export const throttles = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async find(bucket: string): Promise<Bucket | undefined> {
      return db
        .selectFrom('throttles')
        .select(['attempts', 'lastAt', 'blockedUntil'])
        .where('bucket', '=', bucket)
        .executeTakeFirst()
    },

    /** Takes the bucket's lock: attempts on it wait for each other until this transaction ends. */
    async lockOrCreate(bucket: string): Promise<Bucket> {
      await db
        .insertInto('throttles')
        .values({ bucket, attempts: 0, lastAt: at(tx.now), blockedUntil: at(tx.now) })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      return db
        .selectFrom('throttles')
        .select(['attempts', 'lastAt', 'blockedUntil'])
        .where('bucket', '=', bucket)
        .forUpdate()
        .executeTakeFirstOrThrow()
    },

    async forget(bucket: string): Promise<void> {
      await db.deleteFrom('throttles').where('bucket', '=', bucket).execute()
    },

    async save(bucket: string, { attempts, lastAt, blockedUntil }: Bucket): Promise<void> {
      await db
        .updateTable('throttles')
        .set({ attempts, lastAt: at(lastAt), blockedUntil: at(blockedUntil) })
        .where('bucket', '=', bucket)
        .execute()
    },
  }
}

export const memberships = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async has(membership: Membership): Promise<boolean> {
      const row = await db
        .selectFrom('memberships')
        .select('accountId')
        .where('accountId', '=', membership.accountId)
        .where('organizationId', '=', membership.organizationId)
        .executeTakeFirst()
      return row !== undefined
    },

    /** The oldest organisation that the account belongs to. */
    async first(accountId: AccountId): Promise<OrganizationId | undefined> {
      const row = await db
        .selectFrom('memberships')
        .select('organizationId')
        .where('accountId', '=', accountId)
        .orderBy('organizationId')
        .limit(1)
        .executeTakeFirst()
      return row?.organizationId
    },

    async add({ accountId, organizationId }: Membership): Promise<void> {
      await db
        .insertInto('memberships')
        .values({ accountId, organizationId })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    async remove({ accountId, organizationId }: Membership): Promise<void> {
      await db
        .deleteFrom('memberships')
        .where('accountId', '=', accountId)
        .where('organizationId', '=', organizationId)
        .execute()
    },
  }
}

export type DatedSigningKey = SigningKey & { readonly activeFrom: Instant }

export const signingKeys = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** Whoever makes or retires keys holds the ring until its transaction ends. */
    async holdRing(): Promise<void> {
      await db.selectFrom('keyRing').select('single').forUpdate().executeTakeFirstOrThrow()
    },

    /** All that are published: a handful, because rotation retires what it replaces. */
    async list(): Promise<DatedSigningKey[]> {
      return db
        .selectFrom('signingKeys')
        .selectAll()
        .orderBy('activeFrom', 'desc')
        .limit(SIGNING_KEYS_MAX)
        .execute()
    },

    async insert({ keyId, publicJwk, privateSealed, activeFrom }: DatedSigningKey): Promise<void> {
      await db
        .insertInto('signingKeys')
        .values({ keyId, publicJwk: json(publicJwk), privateSealed, activeFrom: at(activeFrom) })
        .execute()
    },

    async delete(keyId: Id<'signingKey'>): Promise<void> {
      await db.deleteFrom('signingKeys').where('keyId', '=', keyId).execute()
    },
  }
}

/** What is past its time, at most `rowsMax` rows of each kind. @returns how many rows went. */
export const sweep = async (tx: Tx, rowsMax: number): Promise<number> => {
  const db = tx.tables<Tables>()
  const now = at(tx.now)
  const endedBefore = at(addMs(tx.now, -ENDED_SESSION_DAYS * DAY_MS))
  const statements = [
    sql`delete from auth.mail_tokens where token_hash in
      (select token_hash from auth.mail_tokens where expires_at <= ${now} limit ${rowsMax})`,
    sql`delete from auth.refresh_tokens where token_hash in
      (select token_hash from auth.refresh_tokens where expires_at <= ${now} limit ${rowsMax})`,
    sql`delete from auth.throttles where bucket in
      (select bucket from auth.throttles
        where last_at <= ${at(addMs(tx.now, -FORGET_AFTER_MS_MAX))} limit ${rowsMax})`,
    sql`delete from auth.sessions where session_id in
      (select session_id from auth.sessions where expires_at <= ${endedBefore} limit ${rowsMax})`,
  ]
  let swept = 0
  for (const statement of statements)
    swept += Number((await statement.execute(db)).numAffectedRows ?? 0n)
  return swept
}

/** Rotation leaves three at most: the coming one, the one in force, the one just replaced. */
const SIGNING_KEYS_MAX = 10

type Membership = { readonly accountId: AccountId; readonly organizationId: OrganizationId }

type Tables = {
  accounts: AccountRow
  sessions: SessionRow
  refreshTokens: RefreshTokenRow
  mailTokens: Omit<MailToken, 'expiresAt'> & { expiresAt: InstantColumn }
  throttles: {
    bucket: string
    attempts: number
    lastAt: InstantColumn
    blockedUntil: InstantColumn
  }
  memberships: Membership
  signingKeys: {
    keyId: Id<'signingKey'>
    publicJwk: JsonColumn<JWK>
    privateSealed: string
    activeFrom: InstantColumn
  }
  keyRing: { single: boolean }
}

type AccountRow = {
  accountId: AccountId
  email: string
  emailKey: string
  passwordHash: string | null
  locale: string
  localeSequence: Generated<number>
  createdAt: InstantColumn
  verifiedAt: NullableInstantColumn
  deactivatedAt: NullableInstantColumn
}

type SessionRow = {
  sessionId: SessionId
  accountId: AccountId
  activeOrganizationId: OrganizationId
  userAgent: string
  createdAt: InstantColumn
  lastUsedAt: InstantColumn
  expiresAt: InstantColumn
  revokedAt: NullableInstantColumn
}

type RefreshTokenRow = {
  tokenHash: string
  sessionId: SessionId
  expiresAt: InstantColumn
  usedAt: NullableInstantColumn
  successorSealed: string | null
}

const toAccount = ({
  emailKey: _,
  localeSequence: __,
  ...account
}: Selectable<AccountRow>): Account => account

const toRefreshToken = (row: Selectable<RefreshTokenRow>): RefreshToken => ({
  expiresAt: row.expiresAt,
  used:
    row.usedAt !== null && row.successorSealed !== null
      ? { at: row.usedAt, successorSealed: row.successorSealed }
      : null,
})
