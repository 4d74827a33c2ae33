import { type Selectable, sql } from 'kysely'
import {
  at,
  atOrNull,
  type InstantColumn,
  type JsonColumn,
  json,
  type NullableInstantColumn,
} from '../../shared/db/columns.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import {
  type VideoProcessingEvent,
  videoProcessingEvents,
} from '../../shared/events/video-processing.ts'
import type { AccountId, MediaId, OrganizationId, VideoId } from '../../shared/kernel/id.ts'
import { decodeCursor } from '../../shared/kernel/page.ts'
import { addMs, type Instant } from '../../shared/kernel/time.ts'
import { writeOutbox } from '../../shared/outbox/write.ts'
import type { Captions } from './domain/playlists.ts'
import {
  LEASE_MS,
  type Output,
  type Processing,
  type Rung,
  type Source,
  type Stage,
  type Video,
} from './domain/processing.ts'

/** Who holds a run: the writes of any other execution change nothing. */
export type Holder = Pick<Processing, 'videoId' | 'version' | 'executionName'>

export type RunKey = Pick<Processing, 'videoId' | 'version'>

/** What an execution may change of its own run while it works. */
export type Work = {
  readonly stage?: Stage
  readonly percent?: number
  readonly jobId?: string
  readonly encodings?: number
  readonly source?: Source
  readonly rungs?: readonly Rung[]
  readonly output?: Output
}

export type CaptionsOf = Captions & { readonly mediaId: MediaId }

/** Videos, their runs and captions: the only SQL of this service. */
export const videos = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** @returns false when there is one of this file already. */
    async insert(video: Video): Promise<boolean> {
      const row = await db
        .insertInto('videos')
        .values(toVideoRow(video))
        .onConflict((conflict) => conflict.doNothing())
        .returning('videoId')
        .executeTakeFirst()
      return row !== undefined
    },

    async find(videoId: VideoId): Promise<Video | undefined> {
      return db
        .selectFrom('videos')
        .selectAll()
        .where('videoId', '=', videoId)
        .where('deletedAt', 'is', null)
        .executeTakeFirst()
    },

    /** As `find`, and nobody else changes the video until this transaction ends. */
    async findForUpdate(videoId: VideoId): Promise<Video | undefined> {
      return db
        .selectFrom('videos')
        .selectAll()
        .where('videoId', '=', videoId)
        .where('deletedAt', 'is', null)
        .forUpdate()
        .executeTakeFirst()
    },

    async save(video: Video): Promise<void> {
      const { videoId, lastVersion, liveVersion, captionsRevision, deletedAt } = video
      await db
        .updateTable('videos')
        .set({ lastVersion, liveVersion, captionsRevision, deletedAt: atOrNull(deletedAt) })
        .where('videoId', '=', videoId)
        .execute()
    },

    /** One row more than `limit`, newest first. */
    async list(filter: {
      readonly mediaId?: MediaId | undefined
      readonly cursor?: string | undefined
      readonly limit: number
    }): Promise<Video[]> {
      const after = decodeCursor(filter.cursor, 1)
      return db
        .selectFrom('videos')
        .selectAll()
        .where('deletedAt', 'is', null)
        .$if(filter.mediaId !== undefined, (query) =>
          query.where('mediaId', '=', filter.mediaId as MediaId),
        )
        .$if(after !== undefined, (query) => query.where('videoId', '<', after?.[0] as VideoId))
        .orderBy('videoId', 'desc')
        .limit(filter.limit + 1)
        .execute()
    },

    emit: (events: readonly VideoProcessingEvent[]) =>
      writeOutbox(tx, videoProcessingEvents, events),
  }
}

export const processings = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async insert(processing: Processing): Promise<void> {
      await db.insertInto('processings').values(toProcessingRow(processing)).execute()
    },

    async find(key: RunKey): Promise<Processing | undefined> {
      return db
        .selectFrom('processings')
        .selectAll()
        .where('videoId', '=', key.videoId)
        .where('version', '=', key.version)
        .executeTakeFirst()
    },

    async findForUpdate(key: RunKey): Promise<Processing | undefined> {
      return db
        .selectFrom('processings')
        .selectAll()
        .where('videoId', '=', key.videoId)
        .where('version', '=', key.version)
        .forUpdate()
        .executeTakeFirst()
    },

    /** The runs of these videos that are the newest or live. */
    async ofVideos(shown: readonly Video[]): Promise<Processing[]> {
      if (shown.length === 0) return []
      return db
        .selectFrom('processings as run')
        .innerJoin('videos as video', 'video.videoId', 'run.videoId')
        .selectAll('run')
        .where(sql<boolean>`run.video_id = any(${shown.map(({ videoId }) => videoId)})`)
        .where(sql<boolean>`run.version in (video.last_version, video.live_version)`)
        .execute()
    },

    async save(processing: Processing): Promise<void> {
      const { videoId, version, organizationId: _, ...changes } = toProcessingRow(processing)
      await db
        .updateTable('processings')
        .set(changes)
        .where('videoId', '=', videoId)
        .where('version', '=', version)
        .execute()
    },

    /**
     * Extends the lease and keeps what the holder has done; progress never goes back.
     *
     * @returns undefined when the run is not the holder's (any more): it was cancelled, failed or
     * taken over.
     */
    async hold(holder: Holder, work: Work, now: Instant): Promise<Processing | undefined> {
      const { percent, source, rungs, output, ...plain } = work
      return db
        .updateTable('processings')
        .set({
          ...plain,
          state: 'processing',
          leaseExpiresAt: at(addMs(now, LEASE_MS)),
          ...(percent !== undefined && { percent: sql<number>`greatest(percent, ${percent})` }),
          ...(source && { source: json(source) }),
          ...(rungs && { rungs: json(rungs) }),
          ...(output && { output: json(output) }),
        })
        .where('videoId', '=', holder.videoId)
        .where('version', '=', holder.version)
        .where('executionName', '=', holder.executionName)
        .where('state', 'in', ['queued', 'processing'])
        .returningAll()
        .executeTakeFirst()
    },

    /** Runs whose lease is over, longest first. */
    async listExpired(now: Instant, limit: number): Promise<RunKey[]> {
      return db
        .selectFrom('processings')
        .select(['videoId', 'version'])
        .where('leaseExpiresAt', '<=', at(now))
        .orderBy('leaseExpiresAt')
        .limit(limit)
        .execute()
    },

    /** Runs whose files are due to go, longest first. */
    async listUnswept(now: Instant, limit: number): Promise<RunKey[]> {
      return db
        .selectFrom('processings')
        .select(['videoId', 'version'])
        .where('sweepAt', '<=', at(now))
        .orderBy('sweepAt')
        .limit(limit)
        .execute()
    },

    /** Every run of a deleted video is due to go. */
    async sweepAll(videoId: VideoId, now: Instant): Promise<void> {
      await db
        .updateTable('processings')
        .set({ sweepAt: at(now), sweeps: 0 })
        .where('videoId', '=', videoId)
        .execute()
    },
  }
}

/** Which uploaded files are gone, so that news of their upload that comes later begins nothing. */
export const files = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** Whether it was not deleted. Until this transaction ends nobody deletes it. */
    async isThere(file: FileKey): Promise<boolean> {
      const { deletedAt } = await db
        .insertInto('files')
        .values({ ...fileKey(file), deletedAt: null })
        .onConflict((conflict) =>
          conflict.column('mediaId').doUpdateSet((eb) => ({ mediaId: eb.ref('excluded.mediaId') })),
        )
        .returning('deletedAt')
        .executeTakeFirstOrThrow()
      return deletedAt === null
    },

    /** Waits for whoever begins something with the file: what they began is seen after it. */
    async remove(file: FileKey, now: Instant): Promise<void> {
      await db
        .insertInto('files')
        .values({ ...fileKey(file), deletedAt: at(now) })
        .onConflict((conflict) => conflict.column('mediaId').doUpdateSet({ deletedAt: at(now) }))
        .execute()
    },
  }
}

type FileKey = { readonly mediaId: MediaId; readonly organizationId: OrganizationId }

const fileKey = ({ mediaId, organizationId }: FileKey): FileKey => ({ mediaId, organizationId })

export const captionsStore = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    async rememberFile(file: Tables['captionFiles']): Promise<void> {
      await db
        .insertInto('captionFiles')
        .values(file)
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    },

    async forgetFile(mediaId: MediaId): Promise<void> {
      await db.deleteFrom('captionFiles').where('mediaId', '=', mediaId).execute()
    },

    async findFile(mediaId: MediaId): Promise<Tables['captionFiles'] | undefined> {
      return db
        .selectFrom('captionFiles')
        .selectAll()
        .where('mediaId', '=', mediaId)
        .executeTakeFirst()
    },

    /** By language. */
    async of(videoId: VideoId): Promise<CaptionsOf[]> {
      return db
        .selectFrom('captions')
        .select(['language', 'label', 'webVtt', 'mediaId'])
        .where('videoId', '=', videoId)
        .orderBy('language')
        .execute()
    },

    /** The same without the texts, for lists. */
    async named(videoIds: readonly VideoId[]) {
      return db
        .selectFrom('captions')
        .select(['videoId', 'language', 'label', 'mediaId'])
        .where(sql<boolean>`video_id = any(${[...videoIds]})`)
        .orderBy('language')
        .execute()
    },

    async put(captions: Tables['captions']): Promise<void> {
      const { mediaId, label, webVtt } = captions
      await db
        .insertInto('captions')
        .values(captions)
        .onConflict((conflict) =>
          conflict.columns(['videoId', 'language']).doUpdateSet({ mediaId, label, webVtt }),
        )
        .execute()
    },

    /** @returns whether there were any. */
    async remove(key: { videoId: VideoId; language: string }): Promise<boolean> {
      const row = await db
        .deleteFrom('captions')
        .where('videoId', '=', key.videoId)
        .where('language', '=', key.language)
        .returning('language')
        .executeTakeFirst()
      return row !== undefined
    },
  }
}

type Tables = {
  videos: VideoRow
  processings: ProcessingRow
  files: FileKey & { deletedAt: NullableInstantColumn }
  captionFiles: {
    mediaId: MediaId
    organizationId: OrganizationId
    ownerId: AccountId
    key: string
  }
  captions: {
    videoId: VideoId
    language: string
    organizationId: OrganizationId
    mediaId: MediaId
    label: string
    webVtt: string
  }
}

type VideoRow = Omit<Video, 'createdAt' | 'deletedAt'> & {
  createdAt: InstantColumn
  deletedAt: NullableInstantColumn
}

type ProcessingRow = Omit<
  Processing,
  'leaseExpiresAt' | 'startedAt' | 'finishedAt' | 'sweepAt' | 'source' | 'rungs' | 'output'
> & {
  leaseExpiresAt: NullableInstantColumn
  startedAt: InstantColumn
  finishedAt: NullableInstantColumn
  sweepAt: NullableInstantColumn
  source: JsonColumn<Source | null>
  rungs: JsonColumn<readonly Rung[] | null>
  output: JsonColumn<Output | null>
}

const toVideoRow = (video: Selectable<VideoRow>) => ({
  ...video,
  createdAt: at(video.createdAt),
  deletedAt: atOrNull(video.deletedAt),
})

const toProcessingRow = (processing: Selectable<ProcessingRow>) => ({
  ...processing,
  leaseExpiresAt: atOrNull(processing.leaseExpiresAt),
  startedAt: at(processing.startedAt),
  finishedAt: atOrNull(processing.finishedAt),
  sweepAt: atOrNull(processing.sweepAt),
  source: jsonOrNull(processing.source),
  rungs: jsonOrNull(processing.rungs),
  output: jsonOrNull(processing.output),
})

/** SQL's null, not JSON's. */
const jsonOrNull = <Value>(value: Value) => (value === null ? sql<Value>`null` : json<Value>(value))
