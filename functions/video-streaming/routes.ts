import type { contentContract } from '../../shared/contracts/content.ts'
import type { videoStreamingContract } from '../../shared/contracts/video-streaming.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import type { Caller } from '../../shared/http/caller.ts'
import type { Client } from '../../shared/http/client.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import { type MediaId, newId } from '../../shared/kernel/id.ts'
import { type Instant, toIso } from '../../shared/kernel/time.ts'
import { type EnrollmentClient, learnerAccess } from '../../shared/projection/learner-access.ts'
import type { Storage } from '../../shared/storage/open.ts'
import { deliver, signedFile } from './commands/deliver.ts'
import type { PlaybackTokens } from './commands/token.ts'
import {
  type Grant,
  grantExpiry,
  refuseUnlessLive,
  surplusOf,
  type WatchedLesson,
} from './domain/grant.ts'
import { countBeat } from './domain/heartbeat.ts'
import { rewritePlaylist, rewriteThumbnails } from './domain/playlists.ts'
import {
  type Beat,
  beginWatching,
  nothingWatched,
  recordBeat,
  type Watched,
} from './domain/watched.ts'
import { playbackNotFound, playbackNotReady, tokenInvalid } from './errors.ts'
import { grants, type Video, videos } from './store.ts'

export type Deps = {
  readonly storage: Storage
  readonly tokens: PlaybackTokens
  readonly content: Pick<Client<typeof contentContract>, 'getLesson' | 'previewLesson'>
  readonly enrollment: EnrollmentClient
  /** Where players reach the hub. */
  readonly publicUrl: string
}

export const routes: Handlers<typeof videoStreamingContract, Deps> = {
  async startPlayback(request, deps) {
    const { body, caller, headers, now, tx } = request
    const { courseId, lessonId, mediaId } = body
    const { accountId, organizationId } = caller
    const as = { headers, traceparent: tx.traceparent }
    const access = await hidden(() =>
      learnerAccess(tx).findOrAsk(
        { courseId, accountId, organizationId },
        { client: deps.enrollment, as, now },
      ),
    )
    // Content answers with the lesson in the revision of the version that the learner is on, or not
    // at all.
    const lesson = await hidden(() => deps.content.getLesson({ params: { lessonId } }, as))
    if (lesson.courseId !== courseId || !showsVideo(lesson, mediaId)) throw playbackNotFound()
    const video = await videos(tx).findForGrant(mediaId)
    if (!video) throw playbackNotReady()
    const { enrollmentId } = access
    // Read again under the lock: the window may have changed while content was asked.
    const held = await grants(tx).holdAccess(enrollmentId)
    if (!held) throw playbackNotFound()
    const expiresAt = grantExpiry(now, held.endsAt)
    return begin(request, { video, lesson: { enrollmentId, courseId, lessonId }, expiresAt }, deps)
  },

  async startPreview(request, deps) {
    const { body, caller, headers, now, tx } = request
    const video = await videos(tx).findForGrant(body.mediaId)
    if (!video) throw playbackNotFound()
    const isTheirs = video.ownerId === caller.accountId || caller.can('video:manage')
    if (!isTheirs) {
      const { lessonId } = body
      if (!lessonId) throw playbackNotFound()
      const as = { headers, traceparent: tx.traceparent }
      const lesson = await hidden(() => deps.content.previewLesson({ params: { lessonId } }, as))
      if (!showsVideo(lesson, body.mediaId)) throw playbackNotFound()
    }
    return begin(request, { video, lesson: null, expiresAt: grantExpiry(now, null) }, deps)
  },

  async sendHeartbeat({ params, body, caller, now, tx }) {
    const grant = await grants(tx).findForUpdate(params.playbackId)
    if (grant?.accountId !== caller.accountId) throw playbackNotFound()
    return takeBeat(tx, { grant, beat: body, now })
  },

  async endPlayback({ params, caller, tx }) {
    const grant = await grants(tx).findForUpdate(params.playbackId)
    if (grant?.accountId !== caller.accountId) throw playbackNotFound()
    await grants(tx).end(params, 'closed')
    return undefined
  },

  async sendBeacon({ params, body, now, tx }, { tokens }) {
    const { playbackId } = await tokens.read(params.token, now)
    const grant = await grants(tx).findForUpdate(playbackId)
    if (!grant) throw tokenInvalid()
    return takeBeat(tx, { grant, beat: body, now })
  },

  async getMasterPlaylist(request, deps) {
    const grant = await enterStream(request, deps)
    const path = grant.rendition.masterPlaylist
    return deliver(deps.storage, { grant, path, rewrite: rewritePlaylist, now: request.now })
  },

  async getMediaPlaylist(request, deps) {
    const grant = await enterStream(request, deps)
    const { path } = request.query
    return deliver(deps.storage, { grant, path, rewrite: rewritePlaylist, now: request.now })
  },

  async getThumbnails(request, deps) {
    const grant = await enterStream(request, deps)
    const path = grant.rendition.thumbnails
    return deliver(deps.storage, { grant, path, rewrite: rewriteThumbnails, now: request.now })
  },

  async getFile(request, deps) {
    const grant = await enterStream(request, deps)
    const { path } = request.query
    return { location: await signedFile(deps.storage, { grant, path, now: request.now }) }
  },
}

type Asked = { readonly caller: Caller; readonly now: Instant; readonly tx: Tx }

/** One more grant of this person; the surplus, least recently heard of, ends. */
const begin = async (
  { caller, now, tx }: Asked,
  { video, lesson, expiresAt }: { video: Video; lesson: WatchedLesson | null; expiresAt: Instant },
  deps: Deps,
) => {
  const { accountId, organizationId } = caller
  const { mediaId, rendition } = video
  const viewer = { accountId, organizationId }
  const store = grants(tx)
  await store.lockViewer(viewer)
  const running = await store.running(viewer, now)
  const surplus = surplusOf(running)
  for (const { playbackId } of surplus) await store.end({ playbackId }, 'device_limit')
  const grant: Grant = {
    ...{ ...viewer, mediaId, lesson, rendition, expiresAt },
    playbackId: newId('playback'),
    createdAt: now,
    lastSeenAt: now,
    endedAt: null,
    endReason: null,
    beats: { highest: 0, seen: 0 },
  }
  await store.insert(grant)
  const isPlayingElsewhere = running.some(
    (other) => other.mediaId === mediaId && other.lesson?.lessonId === lesson?.lessonId,
  )
  const watched = await watchedOf(tx, grant, now)
  const begun = watched && beginWatching(watched, { isPlayingElsewhere }, now)
  if (begun) await store.saveWatched(begun)
  return showGrant(grant, begun, deps)
}

const takeBeat = async (
  tx: Tx,
  { grant, beat, now }: { grant: Grant; beat: Beat; now: Instant },
) => {
  refuseUnlessLive(grant, now)
  const standing = await watchedOf(tx, grant, now)
  const beats = countBeat(grant.beats, beat.sequence)
  if (!beats) return showBeat(grant, standing)
  await grants(tx).noteBeat({ ...grant, beats, lastSeenAt: now })
  if (!standing) return showBeat(grant, undefined)
  const { durationMs } = grant.rendition
  const isNewest = beat.sequence === beats.highest
  const { watched, events } = recordBeat(standing, { beat, durationMs, isNewest }, now)
  await grants(tx).saveWatched(watched)
  await grants(tx).emit(events)
  return showBeat(grant, watched)
}

/** What counts so far, locked; a preview counts nowhere. */
const watchedOf = async (
  tx: Tx,
  { accountId, organizationId, mediaId, lesson }: Grant,
  now: Instant,
): Promise<Watched | undefined> => {
  if (!lesson) return undefined
  const { courseId, lessonId } = lesson
  const key = { accountId, organizationId, courseId, lessonId, mediaId }
  return grants(tx).watchedForUpdate(nothingWatched(key, now))
}

/**
 * The live grant behind a token; the answer is this viewer's alone, so nothing on the way keeps it.
 */
const enterStream = async (
  { params, reply, now, tx }: { params: { token: string }; reply: Headers; now: Instant; tx: Tx },
  { tokens }: Deps,
): Promise<Grant> => {
  const claims = await tokens.read(params.token, now)
  const grant = await grants(tx).find(claims.playbackId)
  if (grant?.mediaId !== claims.mediaId || grant.rendition.prefix !== claims.prefix)
    throw tokenInvalid()
  refuseUnlessLive(grant, now)
  reply.set('cache-control', 'private, no-store')
  reply.set('referrer-policy', 'no-referrer')
  return grant
}

/** Whatever is not there underneath, the caller hears the same of it. */
const hidden = async <Result>(work: () => Promise<Result>): Promise<Result> => {
  try {
    return await work()
  } catch (error) {
    const isHidden =
      error instanceof DomainError && (error.kind === 'not_found' || error.kind === 'forbidden')
    throw isHidden ? playbackNotFound() : error
  }
}

const showsVideo = (
  lesson: { blocks: readonly { kind: string; mediaId?: MediaId }[] },
  mediaId: MediaId,
): boolean => lesson.blocks.some((block) => block.kind === 'video' && block.mediaId === mediaId)

const showGrant = async (
  grant: Grant,
  watched: Watched | undefined,
  { storage, tokens, publicUrl }: Deps,
) => {
  const { playbackId, mediaId, rendition, expiresAt, createdAt: now } = grant
  const token = await tokens.sign(grant)
  const stream = `${publicUrl}/v1/playback/streams/${token}`
  return {
    playbackId,
    mediaId,
    token,
    playlistUrl: `${stream}/master.m3u8`,
    thumbnailsUrl: `${stream}/thumbnails.vtt`,
    beaconUrl: `${stream}/heartbeats`,
    posterUrl: await signedFile(storage, { grant, path: rendition.poster, now }),
    spriteUrl: await signedFile(storage, { grant, path: rendition.sprite, now }),
    expiresAt: toIso(expiresAt),
    durationMs: rendition.durationMs,
    resumePositionMs: watched?.positionMs ?? 0,
    coverageBasisPoints: watched?.coverageBasisPoints ?? 0,
  }
}

const showBeat = ({ expiresAt }: Grant, watched: Watched | undefined) => ({
  positionMs: watched?.positionMs ?? 0,
  coverageBasisPoints: watched?.coverageBasisPoints ?? 0,
  expiresAt: toIso(expiresAt),
})
