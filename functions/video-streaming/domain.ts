import { PLAYBACK_RATE_MAX } from '../../shared/contracts/video-streaming.ts'
import type { VideoStreamingEvent } from '../../shared/events/video-streaming.ts'
import { assert } from '../../shared/kernel/assert.ts'
import type {
  AccountId,
  CourseId,
  EnrollmentId,
  Id,
  LessonId,
  MediaId,
  OrganizationId,
} from '../../shared/kernel/id.ts'
import { addMs, HOUR_MS, type Instant, MINUTE_MS, SECOND_MS } from '../../shared/kernel/time.ts'
import { intervalInvalid, playbackOver, tooFast } from './errors.ts'
import { clamp, coverageOf, type Interval, lengthOf, longest, unite } from './intervals.ts'

/** Playbacks of one person in one organisation that run at a time. */
export const PLAYBACKS_PER_ACCOUNT_MAX = 3

/** How long a grant and everything signed for it lasts. */
export const GRANT_MS = 4 * HOUR_MS

/** Media time that the network's whims may lend, once per learner and video. */
export const SLACK_MS = 5 * SECOND_MS

/** A silence longer than this earns nothing more: no buffer of a player holds it. */
export const SILENCE_MS_MAX = 5 * MINUTE_MS

/** Said to others whenever coverage passes a multiple of this, in 1/10,000. */
export const COVERAGE_STEP_BASIS_POINTS = 100

/** A player's own idea of the duration may exceed ours by so much. */
export const OVERRUN_MS = 5 * SECOND_MS

/** One processing of a video: everything that a player needs lies below `prefix`. */
export type Rendition = {
  readonly version: number
  readonly durationMs: number
  readonly bucket: string
  readonly prefix: string
  readonly masterPlaylist: string
  readonly poster: string
  readonly sprite: string
  readonly thumbnails: string
}

export type EndReason = 'closed' | 'device_limit' | 'access_ended' | 'media_deleted'

/** Leave to watch one rendition of one video for a while. */
export type Grant = {
  readonly playbackId: Id<'playback'>
  readonly accountId: AccountId
  readonly organizationId: OrganizationId
  readonly mediaId: MediaId
  /** What it is watched for; null for a preview, which counts nowhere. */
  readonly lesson: WatchedLesson | null
  /** As it was when the grant began: a newer one plays in newer grants. */
  readonly rendition: Rendition
  readonly createdAt: Instant
  readonly expiresAt: Instant
  readonly lastSeenAt: Instant
  readonly endedAt: Instant | null
  readonly endReason: EndReason | null
  readonly beats: BeatWindow
}

export type WatchedLesson = {
  readonly enrollmentId: EnrollmentId
  readonly courseId: CourseId
  readonly lessonId: LessonId
}

/** What a learner has watched of a video in a lesson. */
export type Watched = {
  readonly accountId: AccountId
  readonly organizationId: OrganizationId
  readonly courseId: CourseId
  readonly lessonId: LessonId
  readonly mediaId: MediaId
  readonly intervals: readonly Interval[]
  readonly coverageBasisPoints: number
  readonly positionMs: number
  /** Media time that could have been played by `creditedAt` and has not been claimed. */
  readonly creditMs: number
  readonly creditedAt: Instant
  /** The coverage and position that others were told last. */
  readonly toldBasisPoints: number
  readonly toldPositionMs: number
}

export type Beat = {
  readonly sequence: number
  readonly positionMs: number
  readonly playbackRate: number
  readonly intervals: readonly { readonly startMs: number; readonly endMs: number }[]
  readonly isLast: boolean
}

/** A grant never outlives the access that it stands on. */
export const grantExpiry = (now: Instant, accessEndsAt: Instant | null): Instant => {
  const expiresAt = addMs(now, GRANT_MS)
  return accessEndsAt !== null && accessEndsAt < expiresAt ? accessEndsAt : expiresAt
}

/** @throws `playback.over` with the reason. */
export const refuseUnlessLive = (
  grant: Pick<Grant, 'endedAt' | 'endReason' | 'expiresAt'>,
  now: Instant,
): void => {
  if (grant.endedAt !== null) throw playbackOver(grant.endReason ?? 'closed')
  if (grant.expiresAt <= now) throw playbackOver('expired')
}

/** The grants that must end so that one more may begin: a closed tab must not lock its owner out for hours. */
export const surplusOf = <Live extends Pick<Grant, 'lastSeenAt'>>(live: readonly Live[]): Live[] =>
  live
    .toSorted((one, other) => other.lastSeenAt - one.lastSeenAt)
    .slice(PLAYBACKS_PER_ACCOUNT_MAX - 1)

/** Nothing watched yet, with the slack as the first credit. */
export const nothingWatched = (
  key: Pick<Watched, 'accountId' | 'organizationId' | 'courseId' | 'lessonId' | 'mediaId'>,
  now: Instant,
): Watched => ({
  ...key,
  intervals: [],
  coverageBasisPoints: 0,
  positionMs: 0,
  creditMs: SLACK_MS,
  creditedAt: now,
  toldBasisPoints: 0,
  toldPositionMs: 0,
})

/** A new grant begins: time in which nothing played earns nothing, and no grant brings slack of its own. */
export const beginWatching = (
  watched: Watched,
  { isPlayingElsewhere }: { isPlayingElsewhere: boolean },
  now: Instant,
): Watched =>
  isPlayingElsewhere
    ? watched
    : { ...watched, creditMs: Math.min(watched.creditMs, SLACK_MS), creditedAt: now }

/**
 * Merges what was played. The credit is shared by all devices of the learner: together they claim no more media
 * time than wall clock x speed, and one slack.
 *
 * @throws `playback.interval_invalid`, `playback.too_fast`; then nothing counts, and the beat may be sent again later.
 */
export const recordBeat = (
  watched: Watched,
  { beat, durationMs, isNewest }: { beat: Beat; durationMs: number; isNewest: boolean },
  now: Instant,
): { readonly watched: Watched; readonly events: readonly VideoStreamingEvent[] } => {
  if (beat.intervals.some(({ endMs }) => endMs > durationMs + OVERRUN_MS))
    throw intervalInvalid(durationMs)
  const played = unite(
    clamp(
      beat.intervals.map(({ startMs, endMs }): Interval => [startMs, endMs]),
      durationMs,
    ),
  )
  const playedMs = lengthOf(played)
  const possibleMs = creditAt(watched, beat.playbackRate, now)
  if (playedMs > possibleMs) throw tooFast({ playedMs, possibleMs, since: watched.creditedAt })
  const intervals = longest(unite([...clamp(watched.intervals, durationMs), ...played]))
  // Sticky: a reprocessed video of another length takes nothing away.
  const coverage = Math.max(watched.coverageBasisPoints, coverageOf(intervals, durationMs))
  assert(coverage <= 10_000, 'nobody watches more than everything')
  const merged: Watched = {
    ...watched,
    intervals,
    coverageBasisPoints: coverage,
    positionMs: isNewest ? Math.min(beat.positionMs, durationMs) : watched.positionMs,
    creditMs: possibleMs - playedMs,
    creditedAt: now,
  }
  return isWorthTelling(merged, beat) ? told(merged) : { watched: merged, events: [] }
}

const creditAt = (
  { creditMs, creditedAt }: Pick<Watched, 'creditMs' | 'creditedAt'>,
  playbackRate: number,
  now: Instant,
): number => {
  const elapsedMs = Math.min(Math.max(0, now - creditedAt), SILENCE_MS_MAX)
  const creditMsMax = SILENCE_MS_MAX * PLAYBACK_RATE_MAX + SLACK_MS
  return Math.min(creditMsMax, Math.floor(creditMs + elapsedMs * playbackRate))
}

const isWorthTelling = (watched: Watched, { isLast }: Beat): boolean => {
  const stepOf = (basisPoints: number) => Math.floor(basisPoints / COVERAGE_STEP_BASIS_POINTS)
  const isNews =
    watched.coverageBasisPoints !== watched.toldBasisPoints ||
    watched.positionMs !== watched.toldPositionMs
  return stepOf(watched.coverageBasisPoints) > stepOf(watched.toldBasisPoints) || (isLast && isNews)
}

const told = (watched: Watched) => {
  const { accountId, organizationId, courseId, lessonId, mediaId } = watched
  const { coverageBasisPoints, positionMs } = watched
  return {
    watched: { ...watched, toldBasisPoints: coverageBasisPoints, toldPositionMs: positionMs },
    events: [
      {
        type: 'playback.progressed' as const,
        ...{ accountId, organizationId, courseId, lessonId, mediaId },
        coverageBasisPoints,
        positionMs,
      },
    ],
  }
}

/** Which heartbeats have counted: the highest number, and one bit for each of the `BEAT_WINDOW` before it. */
export type BeatWindow = { readonly highest: number; readonly seen: number }

/** Heartbeats overtake each other by less than this; an older one counts as repeated. */
export const BEAT_WINDOW = 30

/** The window with this heartbeat counted; undefined when it has counted before (RFC 4303 section 3.4.3 does the same). */
export const countBeat = (window: BeatWindow, sequence: number): BeatWindow | undefined => {
  const ahead = sequence - window.highest
  const mask = 2 ** BEAT_WINDOW - 1
  if (ahead > 0)
    return {
      highest: sequence,
      // The former highest moves into the window, unless the step leaves all of it behind.
      seen: ahead > BEAT_WINDOW ? 0 : ((window.seen * 2 + 1) * 2 ** (ahead - 1)) & mask,
    }
  const bit = 2 ** (-ahead - 1)
  const isRepeated = ahead === 0 || -ahead > BEAT_WINDOW || (window.seen & bit) !== 0
  return isRepeated ? undefined : { ...window, seen: window.seen | bit }
}
