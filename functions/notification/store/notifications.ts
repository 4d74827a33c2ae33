import { type Selectable, sql } from 'kysely'
import type { Category } from '../../../shared/contracts/notification.ts'
import {
  at,
  type InstantColumn,
  type JsonColumn,
  json,
  type NullableInstantColumn,
} from '../../../shared/db/columns.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import type { AccountId, Id, OrganizationId } from '../../../shared/kernel/id.ts'
import { decodeCursor } from '../../../shared/kernel/page.ts'
import type { Instant } from '../../../shared/kernel/time.ts'
import type { Content, TemplateName } from '../domain/message.ts'

/** The badge of a client says "99+"; nobody counts further. */
export const UNREAD_COUNT_MAX = 100

export type Notification = Selectable<Row>

type Key = { readonly notificationId: Id<'notification'>; readonly accountId: AccountId }

/** What people read in the application. */
export const notifications = (tx: Tx) => {
  const db = tx.tables<{ notifications: Row }>()
  return {
    async insert(
      notification: Omit<Notification, 'createdAt' | 'readAt'>,
      now: Instant,
    ): Promise<void> {
      await db
        .insertInto('notifications')
        .values({
          ...notification,
          content: json(notification.content),
          createdAt: at(now),
          readAt: null,
        })
        .onConflict((conflict) => conflict.columns(['accountId', 'dedupeKey']).doNothing())
        .execute()
    },

    /** One row more than `limit`, newest first. */
    async list(
      accountId: AccountId,
      {
        cursor,
        limit,
        unreadOnly,
      }: { cursor?: string | undefined; limit: number; unreadOnly: boolean },
    ): Promise<Notification[]> {
      const after = decodeCursor(cursor, 1)
      return db
        .selectFrom('notifications')
        .selectAll()
        .where('accountId', '=', accountId)
        .$if(unreadOnly, (query) => query.where('readAt', 'is', null))
        .$if(after !== undefined, (query) =>
          query.where('notificationId', '<', after?.[0] as Key['notificationId']),
        )
        .orderBy('notificationId', 'desc')
        .limit(limit + 1)
        .execute()
    },

    /** Up to `UNREAD_COUNT_MAX`. */
    async countUnread(accountId: AccountId): Promise<number> {
      const { count } = await db
        .selectFrom((eb) =>
          eb
            .selectFrom('notifications')
            .select('notificationId')
            .where('accountId', '=', accountId)
            .where('readAt', 'is', null)
            .limit(UNREAD_COUNT_MAX)
            .as('unread'),
        )
        .select(sql<number>`count(*)`.as('count'))
        .executeTakeFirstOrThrow()
      return count
    },

    /** The first time counts. */
    async markRead(
      { notificationId, accountId }: Key,
      now: Instant,
    ): Promise<Notification | undefined> {
      return db
        .updateTable('notifications')
        .set({ readAt: sql<Instant>`coalesce(read_at, ${at(now)})` })
        .where('notificationId', '=', notificationId)
        .where('accountId', '=', accountId)
        .returningAll()
        .executeTakeFirst()
    },

    async markReadUpTo({ notificationId, accountId }: Key, now: Instant): Promise<void> {
      await db
        .updateTable('notifications')
        .set({ readAt: at(now) })
        .where('accountId', '=', accountId)
        .where('readAt', 'is', null)
        .where('notificationId', '<=', notificationId)
        .execute()
    },

    /** Deletes what was created before `before`. @returns how many, `limit` at the most. */
    async sweep(before: Instant, limit: number): Promise<number> {
      const rows = await db
        .deleteFrom('notifications')
        .where('notificationId', 'in', (eb) =>
          eb
            .selectFrom('notifications')
            .select('notificationId')
            .where(sql<boolean>`created_at < ${at(before)}`)
            .limit(limit),
        )
        .returning('notificationId')
        .execute()
      return rows.length
    },
  }
}

type Row = {
  notificationId: Id<'notification'>
  accountId: AccountId
  organizationId: OrganizationId | null
  dedupeKey: string
  category: Category
  template: TemplateName
  content: JsonColumn<Content>
  createdAt: InstantColumn
  readAt: NullableInstantColumn
}
