import { sql } from 'kysely'
import {
  at,
  atOrNull,
  type InstantColumn,
  type NullableInstantColumn,
} from '../../shared/db/columns.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import { type UserEvent, userEvents } from '../../shared/events/user.ts'
import type { AccountId, MediaId, OrganizationId } from '../../shared/kernel/id.ts'
import { decodeCursor } from '../../shared/kernel/page.ts'
import type { Instant } from '../../shared/kernel/time.ts'
import { writeOutbox } from '../../shared/outbox/write.ts'
import type { EmailChange, Profile } from './domain.ts'

export type Role = 'learner' | 'instructor' | 'admin' | 'owner'

export type Membership = {
  readonly organizationId: OrganizationId
  readonly accountId: AccountId
  /** Null for who has left. */
  readonly role: Role | null
}

export type Member = Profile & { readonly role: Role }

/** Rows of one kind in an export: nobody belongs to more organisations, or asks for as many addresses while they are kept. */
const EXPORTED_ROWS_MAX = 1_000

export const profiles = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** @returns false when the profile is there already. */
    async insert(profile: Profile): Promise<boolean> {
      const { createdAt, deactivatedAt, ...fields } = profile
      const row = await db
        .insertInto('profiles')
        .values({ ...fields, createdAt: at(createdAt), deactivatedAt: atOrNull(deactivatedAt) })
        .onConflict((conflict) => conflict.doNothing())
        .returning('accountId')
        .executeTakeFirst()
      return row !== undefined
    },

    async find(accountId: AccountId): Promise<Profile | undefined> {
      return db
        .selectFrom('profiles')
        .selectAll()
        .where('accountId', '=', accountId)
        .executeTakeFirst()
    },

    /** As `find`, and nobody else changes the profile until this transaction ends. */
    async findForUpdate(accountId: AccountId): Promise<Profile | undefined> {
      return db
        .selectFrom('profiles')
        .selectAll()
        .where('accountId', '=', accountId)
        .forUpdate()
        .executeTakeFirst()
    },

    async save(profile: Profile): Promise<void> {
      const { accountId, createdAt: _, deactivatedAt, ...changes } = profile
      await db
        .updateTable('profiles')
        .set({ ...changes, deactivatedAt: atOrNull(deactivatedAt) })
        .where('accountId', '=', accountId)
        .execute()
    },

    emit: (events: readonly UserEvent[]) => writeOutbox(tx, userEvents, events),
  }
}

/** New addresses on their way; whoever writes holds the profile's lock. */
export const emailChanges = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async insert(change: EmailChange): Promise<void> {
      await db
        .insertInto('emailChanges')
        .values({
          ...change,
          requestedAt: at(change.requestedAt),
          expiresAt: at(change.expiresAt),
          endedAt: atOrNull(change.endedAt),
        })
        .execute()
    },

    async find(tokenHash: string): Promise<EmailChange | undefined> {
      return db
        .selectFrom('emailChanges')
        .selectAll()
        .where('tokenHash', '=', tokenHash)
        .executeTakeFirst()
    },

    /** The one whose link still works. */
    async findPending(accountId: AccountId, now: Instant): Promise<EmailChange | undefined> {
      return db
        .selectFrom('emailChanges')
        .selectAll()
        .where('accountId', '=', accountId)
        .where('endedAt', 'is', null)
        .where(sql<boolean>`expires_at > ${at(now)}`)
        .executeTakeFirst()
    },

    /** Oldest first. */
    async requestedSince(accountId: AccountId, since: Instant): Promise<Instant[]> {
      const rows = await db
        .selectFrom('emailChanges')
        .select('requestedAt')
        .where('accountId', '=', accountId)
        .where(sql<boolean>`requested_at > ${at(since)}`)
        .orderBy('requestedAt')
        .execute()
      return rows.map(({ requestedAt }) => requestedAt)
    },

    /** No link of this account works any more. */
    async endAll(accountId: AccountId, now: Instant): Promise<void> {
      await db
        .updateTable('emailChanges')
        .set({ endedAt: at(now), newEmail: null })
        .where('accountId', '=', accountId)
        .where('endedAt', 'is', null)
        .execute()
    },

    async list(accountId: AccountId): Promise<EmailChange[]> {
      return db
        .selectFrom('emailChanges')
        .selectAll()
        .where('accountId', '=', accountId)
        .orderBy('requestedAt', 'desc')
        .limit(EXPORTED_ROWS_MAX)
        .execute()
    },

    /** Deletes what was requested before `before`. @returns how many, `limit` at the most. */
    async sweep(before: Instant, limit: number): Promise<number> {
      const rows = await db
        .deleteFrom('emailChanges')
        .where('tokenHash', 'in', (eb) =>
          eb
            .selectFrom('emailChanges')
            .select('tokenHash')
            .where(sql<boolean>`requested_at < ${at(before)}`)
            .limit(limit),
        )
        .returning('tokenHash')
        .execute()
      return rows.length
    },
  }
}

/** Who belongs where, as the organization service tells. */
export const memberships = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** Stale news loses: only a later event of the organisation changes it. */
    async put(membership: Membership, sequence: number): Promise<void> {
      const { role } = membership
      await db
        .insertInto('memberships')
        .values({ ...membership, sequence })
        .onConflict((conflict) =>
          conflict
            .columns(['organizationId', 'accountId'])
            .doUpdateSet({ role, sequence })
            .where(sql<boolean>`memberships.sequence < ${sequence}`),
        )
        .execute()
    },

    /** The organisations of a person. */
    async listOf(accountId: AccountId): Promise<{ organizationId: OrganizationId; role: Role }[]> {
      return db
        .selectFrom('memberships')
        .select(['organizationId', 'role'])
        .where('accountId', '=', accountId)
        .where('role', 'is not', null)
        .orderBy('organizationId')
        .limit(EXPORTED_ROWS_MAX)
        .$narrowType<{ role: Role }>()
        .execute()
    },

    async findMember(key: Omit<Membership, 'role'>): Promise<Member | undefined> {
      return members(key.organizationId)
        .where('profile.accountId', '=', key.accountId)
        .executeTakeFirst()
    },

    /** One row more than `limit`, by name. */
    async listMembers(
      organizationId: OrganizationId,
      { q, cursor, limit }: { q?: string | undefined; cursor?: string | undefined; limit: number },
    ): Promise<Member[]> {
      const after = decodeCursor(cursor, 2)
      return members(organizationId)
        .$if(q !== undefined, (query) =>
          query.where(sql<boolean>`starts_with(lower(profile.name), lower(${q}))`),
        )
        .$if(after !== undefined, (query) =>
          query.where(
            sql<boolean>`(lower(profile.name), profile.account_id) > (lower(${after?.[0]}), ${after?.[1]})`,
          ),
        )
        .orderBy(sql`lower(profile.name)`)
        .orderBy('profile.accountId')
        .limit(limit + 1)
        .execute()
    },
  }

  function members(organizationId: OrganizationId) {
    return db
      .selectFrom('memberships as membership')
      .innerJoin('profiles as profile', 'profile.accountId', 'membership.accountId')
      .selectAll('profile')
      .select('membership.role')
      .where('membership.organizationId', '=', organizationId)
      .where('membership.role', 'is not', null)
      .$narrowType<{ role: Role }>()
  }
}

type Tables = {
  profiles: {
    accountId: AccountId
    email: string
    name: string
    locale: string
    timeZone: string
    avatarMediaId: MediaId | null
    revision: number
    createdAt: InstantColumn
    deactivatedAt: NullableInstantColumn
  }
  emailChanges: {
    tokenHash: string
    accountId: AccountId
    newEmail: string | null
    requestedAt: InstantColumn
    expiresAt: InstantColumn
    endedAt: NullableInstantColumn
  }
  memberships: {
    organizationId: OrganizationId
    accountId: AccountId
    role: Role | null
    sequence: number
  }
}
