import { type Generated, sql } from 'kysely'
import type { Category, Channel } from '../../../shared/contracts/notification.ts'
import { at, type InstantColumn, type NullableInstantColumn } from '../../../shared/db/columns.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import type { AccountId } from '../../../shared/kernel/id.ts'
import type { Instant } from '../../../shared/kernel/time.ts'
import type { Addressee, Suppression } from '../domain/delivery.ts'

export type Preference = {
  readonly category: Category
  readonly channel: Channel
  readonly isEnabled: boolean
}

/** Whom we write to, and what they want. Of two events the later one counts, whichever topic came first. */
export const contacts = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async find(accountId: AccountId): Promise<Addressee | undefined> {
      const row = await db
        .selectFrom('contacts')
        .select(['email', 'name', 'locale', 'timeZone', 'deactivatedAt'])
        .where('accountId', '=', accountId)
        .executeTakeFirst()
      if (!row) return undefined
      const { deactivatedAt, ...addressee } = row
      return { ...addressee, isDeactivated: deactivatedAt !== null }
    },

    async setEmail(accountId: AccountId, email: string, from: Instant): Promise<void> {
      await db
        .insertInto('contacts')
        .values({ accountId, email, emailAt: at(from) })
        .onConflict((conflict) =>
          conflict
            .column('accountId')
            .doUpdateSet({ email, emailAt: at(from) })
            .where(sql<boolean>`contacts.email_at is null or contacts.email_at <= ${at(from)}`),
        )
        .execute()
    },

    async setProfile(
      accountId: AccountId,
      { name, locale, timeZone }: Pick<Addressee, 'name' | 'locale' | 'timeZone'>,
      from: Instant,
    ): Promise<void> {
      const profile = { name, locale, timeZone, profileAt: at(from) }
      await db
        .insertInto('contacts')
        .values({ accountId, ...profile })
        .onConflict((conflict) =>
          conflict
            .column('accountId')
            .doUpdateSet(profile)
            .where(sql<boolean>`contacts.profile_at is null or contacts.profile_at <= ${at(from)}`),
        )
        .execute()
    },

    /** Keeps that the person has gone, and forgets where they could be reached. */
    async deactivate(accountId: AccountId, now: Instant): Promise<void> {
      // News of before that comes late brings neither back.
      const forgotten = { email: null, emailAt: at(now), name: '', profileAt: at(now) }
      const gone = { ...forgotten, deactivatedAt: at(now) }
      await db
        .insertInto('contacts')
        .values({ accountId, ...gone })
        .onConflict((conflict) => conflict.column('accountId').doUpdateSet(gone))
        .execute()
    },

    /** What departs from the default, which is to be told. */
    async preferences(accountId: AccountId): Promise<Preference[]> {
      return db
        .selectFrom('preferences')
        .select(['category', 'channel', 'isEnabled'])
        .where('accountId', '=', accountId)
        .execute()
    },

    async wants(
      accountId: AccountId,
      { category, channel }: { category: Category; channel: Channel },
    ): Promise<boolean> {
      const row = await db
        .selectFrom('preferences')
        .select('isEnabled')
        .where('accountId', '=', accountId)
        .where('category', '=', category)
        .where('channel', '=', channel)
        .executeTakeFirst()
      return row?.isEnabled ?? true
    },

    async prefer(accountId: AccountId, preference: Preference): Promise<void> {
      const { isEnabled } = preference
      await db
        .insertInto('preferences')
        .values({ accountId, ...preference })
        .onConflict((conflict) =>
          conflict.columns(['accountId', 'category', 'channel']).doUpdateSet({ isEnabled }),
        )
        .execute()
    },

    async suppressions(addressHash: string, now: Instant): Promise<Suppression[]> {
      return db
        .selectFrom('suppressions')
        .select(['reason', 'category'])
        .where('addressHash', '=', addressHash)
        .where(sql<boolean>`(expires_at is null or expires_at > ${at(now)})`)
        .execute()
    },

    /** @param expiresAt null for ever. */
    async suppress(
      addressHash: string,
      { reason, category }: Suppression,
      { now, expiresAt }: { now: Instant; expiresAt: Instant | null },
    ): Promise<void> {
      const until = expiresAt === null ? null : at(expiresAt)
      await db
        .insertInto('suppressions')
        .values({ addressHash, reason, category, createdAt: at(now), expiresAt: until })
        .onConflict((conflict) =>
          conflict.columns(['addressHash', 'reason', 'category']).doUpdateSet({ expiresAt: until }),
        )
        .execute()
    },

    /** The world has changed: somebody has read a mail there, or wants the category again. */
    async lift(addressHash: string, { reason, category }: Suppression): Promise<void> {
      await db
        .deleteFrom('suppressions')
        .where('addressHash', '=', addressHash)
        .where('reason', '=', reason)
        .where('category', '=', category)
        .execute()
    },
  }
}

type Tables = {
  contacts: {
    accountId: AccountId
    email: string | null
    emailAt: NullableInstantColumn
    name: Generated<string>
    locale: Generated<string>
    timeZone: Generated<string>
    profileAt: NullableInstantColumn
    deactivatedAt: NullableInstantColumn
  }
  preferences: { accountId: AccountId; category: Category; channel: Channel; isEnabled: boolean }
  suppressions: {
    addressHash: string
    reason: Suppression['reason']
    category: string
    createdAt: InstantColumn
    expiresAt: NullableInstantColumn
  }
}
