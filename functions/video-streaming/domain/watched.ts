import { PLAYBACK_RATE_MAX } from '../../../shared/contracts/video-streaming.ts'
import type { VideoStreamingEvent } from '../../../shared/events/video-streaming.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import type {
  AccountId,
  CourseId,
  LessonId,
  MediaId,
  OrganizationId,
} from '../../../shared/kernel/id.ts'
import { type Instant, MINUTE_MS, SECOND_MS } from '../../../shared/kernel/time.ts'
import { intervalInvalid, tooFast } from '../errors.ts'
import {
  clamp,
  countedLengthOf,
  coverageOf,
  type Interval,
  lengthOf,
  longest,
  unite,
} from './intervals.ts'

/** Media time that the network's whims may lend, once per learner and video. */
export const SLACK_MS = 5 * SECOND_MS

/** A silence longer than this earns nothing more: no buffer of a player holds it. */
export const SILENCE_MS_MAX = 5 * MINUTE_MS

/** Said to others whenever coverage passes a multiple of this, in 1/10,000. */
export const COVERAGE_STEP_BASIS_POINTS = 100

/** A player's own idea of the duration may exceed ours by so much. */
export const OVERRUN_MS = 5 * SECOND_MS

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

/**
 * A new grant begins: time in which nothing played earns nothing, and no grant brings slack of its
 * own.
 */
export const beginWatching = (
  watched: Watched,
  { isPlayingElsewhere }: { isPlayingElsewhere: boolean },
  now: Instant,
): Watched =>
  isPlayingElsewhere
    ? watched
    : { ...watched, creditMs: Math.min(watched.creditMs, SLACK_MS), creditedAt: now }

/**
 * Merges what was played. The credit is shared by all devices of the learner: together they claim
 * no more media
 * time than wall clock x speed, and one slack.
 *
 * @throws `playback.interval_invalid`, `playback.too_fast`; then nothing counts, and the beat may
 * be sent again later.
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
  const known = clamp(watched.intervals, durationMs)
  const all = unite([...known, ...played])
  // Gaps that count as played are claimed like what was played: else crumbs, spread thin, would buy all of it.
  const playedMs = Math.max(lengthOf(played), countedLengthOf(all) - countedLengthOf(known))
  const possibleMs = creditAt(watched, beat.playbackRate, now)
  if (playedMs > possibleMs) throw tooFast({ playedMs, possibleMs, since: watched.creditedAt })
  const intervals = longest(all)
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
