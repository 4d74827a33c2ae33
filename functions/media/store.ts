import { type Selectable, sql } from 'kysely'
import {
  at,
  atOrNull,
  type InstantColumn,
  type NullableInstantColumn,
} from '../../shared/db/columns.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import { type MediaEvent, mediaEvents } from '../../shared/events/media.ts'
import type {
  AccountId,
  CourseId,
  LessonId,
  MediaId,
  OrganizationId,
} from '../../shared/kernel/id.ts'
import { decodeCursor } from '../../shared/kernel/page.ts'
import type { Instant } from '../../shared/kernel/time.ts'
import { writeOutbox } from '../../shared/outbox/write.ts'
import {
  type Media,
  type MediaKind,
  type MediaState,
  OPEN_UPLOADS_MAX,
  OWN_OPEN_UPLOADS_MAX,
  QUOTA_BYTES_DEFAULT,
} from './domain/media.ts'

export type Usage = {
  readonly quotaBytes: number
  readonly usedBytes: number
  readonly reservedBytes: number
}

/** Files, quotas and references: the only SQL of this service. */
export const files = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async insert(media: Media): Promise<void> {
      await db.insertInto('media').values(toRow(media)).execute()
    },

    async find(mediaId: MediaId): Promise<Media | undefined> {
      return db.selectFrom('media').selectAll().where('mediaId', '=', mediaId).executeTakeFirst()
    },

    /** As `find`, and nobody else changes the file until this transaction ends. */
    async findForUpdate(mediaId: MediaId): Promise<Media | undefined> {
      return db
        .selectFrom('media')
        .selectAll()
        .where('mediaId', '=', mediaId)
        .forUpdate()
        .executeTakeFirst()
    },

    async save(media: Media): Promise<void> {
      const { mediaId, organizationId: _, createdAt: __, ...changes } = toRow(media)
      await db.updateTable('media').set(changes).where('mediaId', '=', mediaId).execute()
    },

    /** One row more than `limit`, newest first; files that are there or on their way. */
    async list(filter: {
      readonly ownerId?: AccountId | undefined
      readonly kind?: MediaKind | undefined
      readonly cursor?: string | undefined
      readonly limit: number
    }): Promise<Media[]> {
      const after = decodeCursor(filter.cursor, 1)
      return db
        .selectFrom('media')
        .selectAll()
        .where('state', 'in', ['uploading', 'ready', 'refused'])
        .$if(filter.ownerId !== undefined, (query) =>
          query.where('ownerId', '=', filter.ownerId as AccountId),
        )
        .$if(filter.kind !== undefined, (query) =>
          query.where('kind', '=', filter.kind as MediaKind),
        )
        .$if(after !== undefined, (query) => query.where('mediaId', '<', after?.[0] as MediaId))
        .orderBy('mediaId', 'desc')
        .limit(filter.limit + 1)
        .execute()
    },

    async usage(organizationId: OrganizationId): Promise<Usage> {
      const row = await db
        .selectFrom('usage')
        .select(['quotaBytes', 'usedBytes', 'reservedBytes'])
        .where('organizationId', '=', organizationId)
        .executeTakeFirst()
      return row ?? { quotaBytes: QUOTA_BYTES_DEFAULT, usedBytes: 0, reservedBytes: 0 }
    },

    /** Sets room aside in one guarded update: however many ask at once, the quota holds. */
    async reserve({
      organizationId,
      ownerId,
      sizeBytes,
    }: Pick<Media, 'organizationId' | 'ownerId' | 'sizeBytes'>): Promise<
      'reserved' | 'quota' | 'uploads' | 'own_uploads'
    > {
      await db
        .insertInto('usage')
        .values({
          organizationId,
          quotaBytes: QUOTA_BYTES_DEFAULT,
          usedBytes: 0,
          reservedBytes: 0,
          openUploads: 0,
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      const reserved = await db
        .updateTable('usage')
        .set((eb) => ({
          reservedBytes: eb('reservedBytes', '+', sizeBytes),
          openUploads: eb('openUploads', '+', 1),
        }))
        .where('organizationId', '=', organizationId)
        .where('openUploads', '<', OPEN_UPLOADS_MAX)
        .where(sql<boolean>`used_bytes + reserved_bytes + ${sizeBytes} <= quota_bytes`)
        .returning('organizationId')
        .executeTakeFirst()
      // The row above is locked by now: nobody else of the organisation begins one between this look and the insert.
      if (reserved)
        return (await openUploadsOf(ownerId)) < OWN_OPEN_UPLOADS_MAX ? 'reserved' : 'own_uploads'
      const { openUploads } = await db
        .selectFrom('usage')
        .select('openUploads')
        .where('organizationId', '=', organizationId)
        .executeTakeFirstOrThrow()
      return openUploads >= OPEN_UPLOADS_MAX ? 'uploads' : 'quota'
    },

    /** An upload is over: what was set aside is used, or free again. */
    async settle(media: Media, outcome: 'used' | 'free'): Promise<void> {
      await db
        .updateTable('usage')
        .set((eb) => ({
          reservedBytes: eb('reservedBytes', '-', media.sizeBytes),
          openUploads: eb('openUploads', '-', 1),
          ...(outcome === 'used' && { usedBytes: eb('usedBytes', '+', media.sizeBytes) }),
        }))
        .where('organizationId', '=', media.organizationId)
        .execute()
    },

    /** A file was deleted: its room is free at once, its bytes go later. */
    async release(media: Media): Promise<void> {
      await db
        .updateTable('usage')
        .set((eb) => ({ usedBytes: eb('usedBytes', '-', media.sizeBytes) }))
        .where('organizationId', '=', media.organizationId)
        .execute()
    },

    /** Files that the reaper is due to look at, longest first. */
    async listUnswept(now: Instant, limit: number): Promise<Pick<Media, 'mediaId'>[]> {
      return db
        .selectFrom('media')
        .select('mediaId')
        .where('sweepAt', '<=', at(now))
        .orderBy('sweepAt')
        .limit(limit)
        .execute()
    },

    /** The keys of those of these files that there are, whatever their state. */
    async knownKeys(mediaIds: readonly string[]): Promise<Set<string>> {
      const rows = await db
        .selectFrom('media')
        .select('key')
        .where(sql<boolean>`media_id = any(${[...mediaIds]})`)
        .execute()
      return new Set(rows.map(({ key }) => key))
    },

    /** The key behind which the search for orphans goes on; undefined at the beginning. */
    async orphanScan(bucket: string): Promise<string | undefined> {
      const row = await db
        .selectFrom('orphanScan')
        .select('afterKey')
        .where('bucket', '=', bucket)
        .executeTakeFirst()
      return row?.afterKey ?? undefined
    },

    /** @param afterKey null once the search has come to the end. */
    async saveOrphanScan(bucket: string, afterKey: string | null, now: Instant): Promise<void> {
      const changes = { afterKey, scannedAt: at(now) }
      await db
        .insertInto('orphanScan')
        .values({ bucket, ...changes })
        .onConflict((conflict) => conflict.column('bucket').doUpdateSet(changes))
        .execute()
    },

    emit: (events: readonly MediaEvent[]) => writeOutbox(tx, mediaEvents, events),
  }

  async function openUploadsOf(ownerId: AccountId): Promise<number> {
    const rows = await db
      .selectFrom('media')
      .select('mediaId')
      .where('ownerId', '=', ownerId)
      .where('state', '=', 'uploading')
      .limit(OWN_OPEN_UPLOADS_MAX)
      .execute()
    return rows.length
  }
}

/** Who shows which file: fed by the events of content, course and user. */
export const references = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** A revision that arrives late is kept, but is not the newest. */
    async addRevision(revision: Omit<LessonMedia, 'isNewest'>): Promise<void> {
      await db
        .insertInto('lessonMedia')
        .values({ ...revision, mediaIds: [...revision.mediaIds], isNewest: true })
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      await db
        .updateTable('lessonMedia as one')
        .set({ isNewest: false })
        .where('lessonId', '=', revision.lessonId)
        .where('isNewest', '=', true)
        .where(
          sql<boolean>`exists (select from media.lesson_media later
            where later.lesson_id = one.lesson_id and later.revision > one.revision)`,
        )
        .execute()
    },

    /** What published versions are pinned to stays. The end is a last revision, which shows nothing: none follows it. */
    endLesson(
      lesson: Pick<LessonMedia, 'lessonId' | 'courseId' | 'organizationId'>,
    ): Promise<void> {
      return this.addRevision({ ...lesson, revision: LAST_REVISION, mediaIds: [] })
    },

    async pin(
      organizationId: OrganizationId,
      items: readonly { readonly lessonId: LessonId; readonly revision: number }[],
    ): Promise<void> {
      if (items.length === 0) return
      await db
        .insertInto('pinnedRevisions')
        .values(items.map(({ lessonId, revision }) => ({ lessonId, revision, organizationId })))
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    /** Stale news loses: only a later event of the same person changes the picture. */
    async setAvatar(avatar: Tables['avatars']): Promise<void> {
      const { accountId: _, ...changes } = avatar
      await db
        .insertInto('avatars')
        .values(avatar)
        .onConflict((conflict) =>
          conflict
            .column('accountId')
            .doUpdateSet(changes)
            .where(sql<boolean>`avatars.sequence < ${avatar.sequence}`),
        )
        .execute()
    },

    async isAvatar(mediaId: MediaId): Promise<boolean> {
      const row = await db
        .selectFrom('avatars')
        .select('accountId')
        .where('mediaId', '=', mediaId)
        .limit(1)
        .executeTakeFirst()
      return row !== undefined
    },

    /**
     * The courses that show the file now, in their draft or in a published version; those where `viewerId` is known
     * to learn or to teach come first; `limit` at most.
     */
    async coursesShowing(
      mediaId: MediaId,
      { limit, viewerId = null }: { limit: number; viewerId?: AccountId | null },
    ): Promise<{ readonly courseId: CourseId; readonly isPublished: boolean }[]> {
      return db
        .selectFrom('lessonMedia as shown')
        .leftJoin('pinnedRevisions as pin', (join) =>
          join
            .onRef('pin.lessonId', '=', 'shown.lessonId')
            .onRef('pin.revision', '=', 'shown.revision'),
        )
        .select([
          'shown.courseId',
          sql<boolean>`bool_or(pin.revision is not null)`.as('isPublished'),
        ])
        .where(sql<boolean>`shown.media_ids @> array[${mediaId}]`)
        .where(sql<boolean>`(shown.is_newest or pin.revision is not null)`)
        .groupBy('shown.courseId')
        .orderBy(
          sql`exists (select from media.learner_access access where access.course_id = shown.course_id
              and access.account_id = ${viewerId} and access.is_active)
            or exists (select from media.course_refs ref where ref.course_id = shown.course_id
              and ${viewerId} = any(ref.instructor_ids))`,
          'desc',
        )
        .limit(limit)
        .execute()
    },
  }
}

/** PostgreSQL's largest `integer`. */
const LAST_REVISION = 2_147_483_647

type LessonMedia = {
  readonly lessonId: LessonId
  readonly revision: number
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly mediaIds: readonly MediaId[]
  readonly isNewest: boolean
}

type Tables = {
  media: MediaRow
  usage: Usage & { organizationId: OrganizationId; openUploads: number }
  lessonMedia: Omit<LessonMedia, 'mediaIds'> & { mediaIds: MediaId[] }
  pinnedRevisions: { lessonId: LessonId; revision: number; organizationId: OrganizationId }
  avatars: { accountId: AccountId; mediaId: MediaId | null; sequence: number }
  orphanScan: { bucket: string; afterKey: string | null; scannedAt: InstantColumn }
}

type MediaRow = {
  mediaId: MediaId
  organizationId: OrganizationId
  ownerId: AccountId
  kind: MediaKind
  name: string
  state: MediaState
  sizeBytes: number
  partSizeBytes: number
  bucket: string
  key: string
  uploadId: string
  contentType: string | null
  sha256: string | null
  checksumVerified: boolean
  refusal: string | null
  createdAt: InstantColumn
  expiresAt: InstantColumn
  sweepAt: NullableInstantColumn
  sweeps: number
}

// A row is a Media, column by column.
const toRow = (media: Selectable<MediaRow>) => ({
  ...media,
  createdAt: at(media.createdAt),
  expiresAt: at(media.expiresAt),
  sweepAt: atOrNull(media.sweepAt),
})
