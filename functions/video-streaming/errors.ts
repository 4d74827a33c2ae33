import { DomainError } from '../../shared/kernel/errors.ts'
import { type Instant, toIso } from '../../shared/kernel/time.ts'

/**
 * Absent, or none of the caller's business: which of both, and which part was missing, is not told.
 */
export const playbackNotFound = () =>
  new DomainError('not_found', 'playback.not_found', 'There is no such video to watch.')

export const playbackNotReady = () =>
  new DomainError('conflict', 'playback.not_ready', 'The video is not ready to be watched yet.', {
    retryAfterSeconds: 5,
  })

export const tokenInvalid = (cause?: unknown) =>
  new DomainError('unauthenticated', 'playback.token_invalid', 'This is no playback of the hub.', {
    cause,
  })

/** @param reason `expired`, or why the grant was ended. */
export const playbackOver = (reason: string) =>
  new DomainError('gone', 'playback.over', 'This playback is over; begin a new one.', {
    extensions: { reason },
  })

export const fileNotFound = () =>
  new DomainError('not_found', 'playback.file_not_found', 'The video has no such file.')

export const intervalInvalid = (durationMs: number) =>
  new DomainError(
    'unprocessable',
    'playback.interval_invalid',
    'An interval lies outside the video.',
    { extensions: { durationMs } },
  )

export const tooFast = (facts: { playedMs: number; possibleMs: number; since: Instant }) =>
  new DomainError(
    'unprocessable',
    'playback.too_fast',
    'More was played than the time since the last heartbeat can hold.',
    {
      extensions: {
        playedMs: facts.playedMs,
        possibleMs: facts.possibleMs,
        since: toIso(facts.since),
      },
    },
  )
