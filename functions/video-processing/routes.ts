import {
  CAPTION_LANGUAGES_MAX,
  CAPTIONS_BYTES_MAX,
  type videoProcessingContract,
} from '../../shared/contracts/video-processing.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import type { Caller } from '../../shared/http/caller.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { assert } from '../../shared/kernel/assert.ts'
import type { VideoId } from '../../shared/kernel/id.ts'
import { type Page, toPage } from '../../shared/kernel/page.ts'
import { toIso, toIsoOrNull } from '../../shared/kernel/time.ts'
import {
  putObject,
  readObjectHead,
  readObjectText,
  storageUnavailable,
} from '../../shared/storage/objects.ts'
import type { Storage } from '../../shared/storage/open.ts'
import { ENCODED_MASTER, isWebVtt, packagePlaylists } from './domain/playlists.ts'
import {
  cancel,
  folderOf,
  type Processing,
  reprocess,
  type Video,
  versionOf,
} from './domain/processing.ts'
import { captionsFull, captionsInvalid, captionsUnknown, videoNotFound } from './errors.ts'
import { type Executions, startOrLeave, stopOrLeave } from './settings.ts'
import { captionsStore, processings, videos } from './store.ts'

export type Deps = { readonly storage: Storage; readonly executions: Executions }

/** A master playlist of a handful of renditions is a hundredth of this, in bytes. */
const MASTER_BYTES_MAX = 64 * 1_024

export const routes: Handlers<typeof videoProcessingContract, Deps> = {
  async listVideos({ query, tx }) {
    const listed = await videos(tx).list(query)
    const page: Page<Video> = toPage(listed, query.limit, {
      keyOf: ({ videoId }) => [videoId],
      itemOf: (video) => video,
    })
    return { ...page, items: await showVideos(page.items, tx) }
  },

  async getVideo({ params, tx }) {
    const video = await videos(tx).find(params.videoId)
    if (!video) throw videoNotFound(params.videoId)
    return showVideo(video, tx)
  },

  async reprocessVideo({ params, caller, now, tx }, { executions }) {
    const video = await findOwn({ ...params, caller, tx })
    const begun = reprocess(video, await newestOf(video, tx), { now, traceparent: tx.traceparent })
    await processings(tx).insert(begun.processing)
    await videos(tx).save(begun.video)
    await videos(tx).emit(begun.events)
    await startOrLeave(begun.processing, executions)
    return showVideo(begun.video, tx)
  },

  async cancelVideo({ params, caller, now, tx }, { executions }) {
    const video = await findOwn({ ...params, caller, tx })
    const decision = cancel(video, await newestOf(video, tx), now)
    if (decision.events.length > 0) {
      await processings(tx).save(decision.processing)
      await videos(tx).emit(decision.events)
      await stopOrLeave(decision.processing, executions)
    }
    return showVideo(video, tx)
  },

  async putCaptions({ params, body, caller, tx }, { storage }) {
    const video = await findOwn({ ...params, caller, tx })
    const { videoId, organizationId } = video
    const file = await captionsStore(tx).findFile(body.mediaId)
    const isTheirs = file?.ownerId === caller.accountId || caller.can('media:manage')
    if (!file || !isTheirs) throw captionsUnknown()
    const present = await captionsStore(tx).named([videoId])
    const isNew = present.every(({ language }) => language !== params.language)
    if (isNew && present.length >= CAPTION_LANGUAGES_MAX) throw captionsFull(CAPTION_LANGUAGES_MAX)
    const webVtt = await readCaptions(storage, file.key)
    await captionsStore(tx).put({ ...params, ...body, organizationId, webVtt })
    return showVideo(await captionsChanged(video, { tx, storage }), tx)
  },

  async removeCaptions({ params, caller, tx }, { storage }) {
    const video = await findOwn({ ...params, caller, tx })
    if (!(await captionsStore(tx).remove(params))) return showVideo(video, tx)
    return showVideo(await captionsChanged(video, { tx, storage }), tx)
  },
}

/**
 * The video, locked, if it is the caller's or they manage the organisation's videos; else it does
 * not exist.
 */
const findOwn = async ({
  videoId,
  caller,
  tx,
}: {
  videoId: VideoId
  caller: Caller
  tx: Tx
}): Promise<Video> => {
  const video = await videos(tx).findForUpdate(videoId)
  const isTheirs = video?.ownerId === caller.accountId || caller.can('video:manage')
  if (!video || !isTheirs) throw videoNotFound(videoId)
  return video
}

const newestOf = async ({ videoId, lastVersion: version }: Video, tx: Tx): Promise<Processing> => {
  const newest = await processings(tx).findForUpdate({ videoId, version })
  assert(newest, 'a video has its newest run')
  return newest
}

const readCaptions = async (storage: Storage, key: string): Promise<string> => {
  const bytes = await readObjectHead(storage, key, CAPTIONS_BYTES_MAX + 1).catch((error) => {
    throw storageUnavailable(error)
  })
  if (bytes.length > CAPTIONS_BYTES_MAX)
    throw captionsInvalid(`Captions have ${CAPTIONS_BYTES_MAX} bytes at most.`)
  const text = bytes.toString('utf8')
  if (!isWebVtt(text) || text.includes('\0')) throw captionsInvalid('This is not a WebVTT file.')
  return text
}

/**
 * Writes the live version's playlists anew, under new names, and switches to them; a run in
 * progress takes them up.
 */
const captionsChanged = async (
  before: Video,
  { tx, storage }: { tx: Tx; storage: Storage },
): Promise<Video> => {
  const { videoId } = before
  const video = { ...before, captionsRevision: before.captionsRevision + 1 }
  await videos(tx).save(video)
  if (video.liveVersion === null) return video
  const live = await processings(tx).findForUpdate({ videoId, version: video.liveVersion })
  assert(live?.output && live.source, 'what is live has its files')
  const folder = folderOf(live)
  const { masterPlaylist, files } = await answered(async () =>
    packagePlaylists({
      encodedMaster: await readObjectText(storage, folder + ENCODED_MASTER, MASTER_BYTES_MAX),
      captions: await captionsStore(tx).of(videoId),
      revision: video.captionsRevision,
      durationMs: live.output?.durationMs ?? 0,
      startTicks: live.output?.startTicks ?? 0,
    }),
  )
  for (const { name, ...file } of files)
    await answered(() => putObject(storage, folder + name, file))
  const { captionsRevision } = video
  const changed = { ...live, output: { ...live.output, masterPlaylist, captionsRevision } }
  await processings(tx).save(changed)
  const version = versionOf(video, { ...changed, source: live.source })
  await videos(tx).emit([{ type: 'video.captions_changed', ...version }])
  return video
}

const answered = async <Result>(call: () => Promise<Result>): Promise<Result> => {
  try {
    return await call()
  } catch (error) {
    throw storageUnavailable(error)
  }
}

const showVideo = async (video: Video, tx: Tx) => {
  const [shown] = await showVideos([video], tx)
  assert(shown, 'one video was asked for')
  return shown
}

const showVideos = async (shown: readonly Video[], tx: Tx) => {
  const runs = await processings(tx).ofVideos(shown)
  const captions = await captionsStore(tx).named(shown.map(({ videoId }) => videoId))
  return shown.map((video) => {
    const own = runs.filter(({ videoId }) => videoId === video.videoId)
    const newest = own.find(({ version }) => version === video.lastVersion)
    assert(newest, 'a video has its newest run')
    const live = own.find(({ version }) => version === video.liveVersion)
    return {
      ...video,
      createdAt: toIso(video.createdAt),
      processing: showProcessing(newest),
      live: live ? showLive(live) : null,
      captions: captions.filter(({ videoId }) => videoId === video.videoId),
    }
  })
}

const showProcessing = (processing: Processing) => ({
  ...processing,
  startedAt: toIso(processing.startedAt),
  finishedAt: toIsoOrNull(processing.finishedAt),
})

const showLive = ({ version, source, rungs, output }: Processing) => {
  assert(source && rungs && output, 'what is live has its files')
  const [best] = rungs
  return {
    version,
    durationMs: output.durationMs,
    widthPx: best?.widthPx ?? source.widthPx,
    heightPx: best?.heightPx ?? source.heightPx,
    sizes: rungs,
  }
}
