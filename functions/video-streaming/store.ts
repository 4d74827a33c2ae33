import { type Selectable, sql } from 'kysely'
import {
  at,
  type InstantColumn,
  type JsonColumn,
  json,
  type NullableInstantColumn,
} from '../../shared/db/columns.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import {
  type VideoStreamingEvent,
  videoStreamingEvents,
} from '../../shared/events/video-streaming.ts'
import type {
  AccountId,
  CourseId,
  EnrollmentId,
  Id,
  LessonId,
  MediaId,
  OrganizationId,
} from '../../shared/kernel/id.ts'
import type { Instant } from '../../shared/kernel/time.ts'
import { writeOutbox } from '../../shared/outbox/write.ts'
import type { EndReason, Grant, Rendition, WatchedLesson } from './domain/grant.ts'
import type { BeatWindow } from './domain/heartbeat.ts'
import type { Interval } from './domain/intervals.ts'
import type { Watched } from './domain/watched.ts'

/** More running grants than this one person never has; the device limit keeps them to a few. */
const RUNNING_GRANTS_MAX = 100

export type Video = {
  readonly mediaId: MediaId
  readonly organizationId: OrganizationId
  readonly ownerId: AccountId
  readonly rendition: Rendition
}

/** Videos that can be watched. */
export const videos = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /**
     * Shared lock: the video is not deleted before this transaction ends, and then its new grant
     * ends with the others.
     */
    async findForGrant(mediaId: MediaId): Promise<Video | undefined> {
      const row = await db
        .selectFrom('videos')
        .selectAll()
        .where('mediaId', '=', mediaId)
        .where('isDeleted', '=', false)
        .forShare()
        .executeTakeFirst()
      if (!row?.rendition || !row.ownerId) return undefined
      const { organizationId, ownerId, rendition } = row
      return { mediaId, organizationId, ownerId, rendition }
    },

    /** Older news than what is known changes nothing, and nothing brings a deleted video back. */
    async put(
      { mediaId, organizationId, ownerId, rendition }: Video,
      sequence: number,
    ): Promise<void> {
      const { version } = rendition
      const news = { ownerId, rendition: json(rendition), version, sequence }
      await db
        .insertInto('videos')
        .values({ mediaId, organizationId, ...news, isDeleted: false })
        .onConflict((conflict) =>
          conflict
            .column('mediaId')
            .doUpdateSet(news)
            .where('videos.version', '<=', version)
            .where('videos.sequence', '<', sequence)
            .where('videos.isDeleted', '=', false),
        )
        .execute()
    },

    async markDeleted(key: Pick<Video, 'mediaId' | 'organizationId'>): Promise<void> {
      const { mediaId, organizationId } = key
      const gone = { ownerId: null, rendition: null, isDeleted: true }
      await db
        .insertInto('videos')
        .values({ mediaId, organizationId, ...gone, version: 0, sequence: 0 })
        .onConflict((conflict) => conflict.column('mediaId').doUpdateSet(gone))
        .execute()
    },
  }
}

/** Grants and what was watched through them: with `videos` the only SQL of this service. */
export const grants = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** Makes every other grant of the same person wait until this transaction ends. */
    async lockViewer(viewer: ViewerRow): Promise<void> {
      await db
        .insertInto('viewers')
        .values(viewer)
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      await db
        .selectFrom('viewers')
        .select('accountId')
        .where('accountId', '=', viewer.accountId)
        .where('organizationId', '=', viewer.organizationId)
        .forUpdate()
        .execute()
    },

    /** The access that still stands; it does, as it is, until this transaction ends. */
    async holdAccess(
      enrollmentId: EnrollmentId,
    ): Promise<{ readonly endsAt: Instant | null } | undefined> {
      return db
        .selectFrom('learnerAccess')
        .select('endsAt')
        .where('enrollmentId', '=', enrollmentId)
        .where('isActive', '=', true)
        .forShare()
        .executeTakeFirst()
    },

    /** Lets no running grant outlive the window of its enrolment as it is known now. */
    async fitToAccess(enrollmentId: EnrollmentId): Promise<void> {
      await db
        .updateTable('grants')
        .from('learnerAccess as access')
        .set({ expiresAt: sql<Instant>`access.ends_at` })
        .whereRef('access.enrollmentId', '=', 'grants.enrollmentId')
        .whereRef('access.endsAt', '<', 'grants.expiresAt')
        .where('grants.enrollmentId', '=', enrollmentId)
        .where('grants.endedAt', 'is', null)
        .execute()
    },

    async insert(grant: Grant): Promise<void> {
      const { lesson, rendition, createdAt, expiresAt, lastSeenAt, beats, ...fields } = grant
      await db
        .insertInto('grants')
        .values({
          ...fields,
          enrollmentId: lesson?.enrollmentId ?? null,
          lesson: lesson && json(lesson),
          rendition: json(rendition),
          createdAt: at(createdAt),
          expiresAt: at(expiresAt),
          lastSeenAt: at(lastSeenAt),
          endedAt: null,
          beats: json(beats),
        })
        .execute()
    },

    async find(playbackId: Id<'playback'>): Promise<Grant | undefined> {
      const row = await byId(playbackId).executeTakeFirst()
      return row && toGrant(row)
    },

    /** As `find`, and nobody else changes the grant until this transaction ends. */
    async findForUpdate(playbackId: Id<'playback'>): Promise<Grant | undefined> {
      const row = await byId(playbackId).forUpdate().executeTakeFirst()
      return row && toGrant(row)
    },

    /** What the person watches now. */
    async running(viewer: ViewerRow, now: Instant): Promise<Grant[]> {
      const rows = await db
        .selectFrom('grants')
        .selectAll()
        .where('accountId', '=', viewer.accountId)
        .where('organizationId', '=', viewer.organizationId)
        .where('endedAt', 'is', null)
        .where('expiresAt', '>', at(now))
        .orderBy('lastSeenAt', 'desc')
        .orderBy('playbackId', 'desc')
        .limit(RUNNING_GRANTS_MAX)
        .execute()
      return rows.map(toGrant)
    },

    async noteBeat({ playbackId, lastSeenAt, beats }: Grant): Promise<void> {
      await db
        .updateTable('grants')
        .set({ lastSeenAt: at(lastSeenAt), beats: json(beats) })
        .where('playbackId', '=', playbackId)
        .execute()
    },

    /** Ends every running grant that fits; what has ended keeps its reason. */
    async end(
      which:
        | { readonly playbackId: Id<'playback'> }
        | { readonly enrollmentId: EnrollmentId }
        | { readonly mediaId: MediaId },
      reason: EndReason,
    ): Promise<void> {
      const [column, value] =
        'playbackId' in which
          ? (['playbackId', which.playbackId] as const)
          : 'enrollmentId' in which
            ? (['enrollmentId', which.enrollmentId] as const)
            : (['mediaId', which.mediaId] as const)
      await db
        .updateTable('grants')
        .set({ endedAt: at(tx.now), endReason: reason })
        .where(column, '=', value)
        .where('endedAt', 'is', null)
        .execute()
    },

    /** What was watched so far, or `otherwise`; locked until this transaction ends. */
    async watchedForUpdate(otherwise: Watched): Promise<Watched> {
      await db
        .insertInto('watched')
        .values(toWatchedRow(otherwise))
        .onConflict((conflict) => conflict.doNothing())
        .execute()
      return db
        .selectFrom('watched')
        .selectAll()
        .where('accountId', '=', otherwise.accountId)
        .where('lessonId', '=', otherwise.lessonId)
        .where('mediaId', '=', otherwise.mediaId)
        .forUpdate()
        .executeTakeFirstOrThrow()
    },

    async saveWatched(watched: Watched): Promise<void> {
      const { accountId, lessonId, mediaId, ...changes } = toWatchedRow(watched)
      await db
        .updateTable('watched')
        .set(changes)
        .where('accountId', '=', accountId)
        .where('lessonId', '=', lessonId)
        .where('mediaId', '=', mediaId)
        .execute()
    },

    emit: (events: readonly VideoStreamingEvent[]) => writeOutbox(tx, videoStreamingEvents, events),
  }

  function byId(playbackId: Id<'playback'>) {
    return db.selectFrom('grants').selectAll().where('playbackId', '=', playbackId)
  }
}

type ViewerRow = { readonly accountId: AccountId; readonly organizationId: OrganizationId }

type Tables = {
  videos: {
    mediaId: MediaId
    organizationId: OrganizationId
    ownerId: AccountId | null
    rendition: JsonColumn<Rendition> | null
    version: number
    sequence: number
    isDeleted: boolean
  }
  viewers: ViewerRow
  /** Of `shared/projection/learner-access.ts`. */
  learnerAccess: { enrollmentId: EnrollmentId; isActive: boolean; endsAt: NullableInstantColumn }
  grants: GrantRow
  watched: WatchedRow
}

type GrantRow = {
  playbackId: Id<'playback'>
  accountId: AccountId
  organizationId: OrganizationId
  mediaId: MediaId
  enrollmentId: EnrollmentId | null
  lesson: JsonColumn<WatchedLesson> | null
  rendition: JsonColumn<Rendition>
  createdAt: InstantColumn
  expiresAt: InstantColumn
  lastSeenAt: InstantColumn
  endedAt: NullableInstantColumn
  endReason: EndReason | null
  beats: JsonColumn<BeatWindow>
}

type WatchedRow = {
  accountId: AccountId
  lessonId: LessonId
  mediaId: MediaId
  courseId: CourseId
  organizationId: OrganizationId
  intervals: JsonColumn<readonly Interval[]>
  coverageBasisPoints: number
  positionMs: number
  creditMs: number
  creditedAt: InstantColumn
  toldBasisPoints: number
  toldPositionMs: number
}

const toGrant = ({ enrollmentId: _, ...grant }: Selectable<GrantRow>): Grant => grant

const toWatchedRow = (watched: Watched) => ({
  ...watched,
  intervals: json(watched.intervals),
  creditedAt: at(watched.creditedAt),
})
