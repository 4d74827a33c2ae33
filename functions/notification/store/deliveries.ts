import { sql } from 'kysely'
import type { Category } from '../../../shared/contracts/notification.ts'
import {
  at,
  atOrNull,
  type InstantColumn,
  type JsonColumn,
  json,
  type NullableInstantColumn,
} from '../../../shared/db/columns.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import type { AccountId, Id, OrganizationId } from '../../../shared/kernel/id.ts'
import { addMs, type Instant } from '../../../shared/kernel/time.ts'
import type { Delivery, Outcome } from '../domain/delivery.ts'
import type { Content, TemplateName } from '../domain/message.ts'

export type NewDelivery = Omit<Delivery, 'attempts'> & {
  /** The account, or the hash of the address that the mail is bound to. */
  readonly recipient: string
  readonly dedupeKey: string
}

/** What a sender holds while it sends: its word counts only as long as nobody else has taken over. */
export type Lease = { readonly token: string; readonly durationMs: number }

/** Mails on their way. */
export const deliveries = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** @returns false when this recipient is being told of this already. */
    async insert(delivery: NewDelivery, now: Instant): Promise<boolean> {
      const row = await db
        .insertInto('deliveries')
        .values({
          ...delivery,
          content: json(delivery.content),
          expiresAt: atOrNull(delivery.expiresAt),
          state: 'waiting',
          reason: null,
          attempts: 0,
          dueAt: at(now),
          lease: null,
          leasedUntil: null,
          createdAt: at(now),
          endedAt: null,
        })
        .onConflict((conflict) => conflict.columns(['recipient', 'dedupeKey']).doNothing())
        .returning('deliveryId')
        .executeTakeFirst()
      return row !== undefined
    },

    /** Takes what is due, longest due first; another sender takes other rows. Counts the attempt at once. */
    async claim(
      { token, durationMs }: Lease,
      { now, limit }: { now: Instant; limit: number },
    ): Promise<Delivery[]> {
      const rows = await db
        .with('due', (eb) =>
          eb
            .selectFrom('deliveries')
            .select('deliveryId as dueId')
            .where('state', '=', 'waiting')
            .where(sql<boolean>`due_at <= ${at(now)}`)
            .where(sql<boolean>`(leased_until is null or leased_until <= ${at(now)})`)
            .orderBy('dueAt')
            .limit(limit)
            .forUpdate()
            .skipLocked(),
        )
        .updateTable('deliveries')
        .from('due')
        .whereRef('deliveryId', '=', 'dueId')
        .set((eb) => ({
          lease: token,
          leasedUntil: at(addMs(now, durationMs)),
          attempts: eb('attempts', '+', 1),
        }))
        .returning([
          'deliveryId',
          'accountId',
          'organizationId',
          'category',
          'template',
          'content',
          'address',
          'locale',
          'attempts',
          'expiresAt',
          'traceId',
        ])
        .execute()
      // A waiting delivery has its content: only `settle` takes it away.
      return rows.map((row) => ({ ...row, content: row.content ?? { facts: {} } }))
    },

    /** Writes down what became of it; what has ended keeps neither address nor content. @returns false after losing the lease. */
    async settle(
      deliveryId: Id<'delivery'>,
      { token }: Pick<Lease, 'token'>,
      outcome: Outcome,
      now: Instant,
    ): Promise<boolean> {
      const row = await db
        .updateTable('deliveries')
        .set({
          state: outcome.state,
          reason: outcome.state === 'sent' ? null : outcome.reason,
          lease: null,
          leasedUntil: null,
          ...(outcome.state === 'waiting' ? { dueAt: at(outcome.dueAt) } : ended(now)),
        })
        .where('deliveryId', '=', deliveryId)
        .where('lease', '=', token)
        .returning('deliveryId')
        .executeTakeFirst()
      return row !== undefined
    },

    /** The provider has these: not to be sent again, even if their sender died before it could say so. */
    async confirm(deliveryIds: readonly Id<'delivery'>[], now: Instant): Promise<void> {
      if (deliveryIds.length === 0) return
      await db
        .updateTable('deliveries')
        .set({ state: 'sent', reason: null, lease: null, leasedUntil: null, ...ended(now) })
        .where('deliveryId', 'in', deliveryIds)
        .where('state', '=', 'waiting')
        .execute()
    },

    /** Nothing more is sent to this account. */
    async stop(accountId: AccountId, reason: string, now: Instant): Promise<void> {
      await db
        .updateTable('deliveries')
        .set({ state: 'skipped', reason, lease: null, leasedUntil: null, ...ended(now) })
        .where('accountId', '=', accountId)
        .where('state', '=', 'waiting')
        .execute()
    },

    /** Deletes what ended before `before`. @returns how many, `limit` at the most. */
    async sweep(before: Instant, limit: number): Promise<number> {
      const rows = await db
        .deleteFrom('deliveries')
        .where('deliveryId', 'in', (eb) =>
          eb
            .selectFrom('deliveries')
            .select('deliveryId')
            .where(sql<boolean>`ended_at < ${at(before)}`)
            .limit(limit),
        )
        .returning('deliveryId')
        .execute()
      return rows.length
    },
  }
}

const ended = (now: Instant) => ({ endedAt: at(now), content: null, address: null })

type Tables = {
  deliveries: {
    deliveryId: Id<'delivery'>
    recipient: string
    accountId: AccountId | null
    organizationId: OrganizationId | null
    dedupeKey: string
    category: Category
    template: TemplateName
    content: JsonColumn<Content> | null
    address: string | null
    locale: string | null
    state: Outcome['state']
    reason: string | null
    attempts: number
    dueAt: InstantColumn
    expiresAt: NullableInstantColumn
    lease: string | null
    leasedUntil: NullableInstantColumn
    createdAt: InstantColumn
    endedAt: NullableInstantColumn
    traceId: string | null
  }
}
