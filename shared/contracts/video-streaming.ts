import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineContract } from './define.ts'

/**
 * The fastest that a player may play, and so the most media time that a second of wall clock can
 * hold.
 */
export const PLAYBACK_RATE_MAX = 2
const PLAYBACK_RATE_MIN = 0.25
export const INTERVALS_PER_BEAT_MAX = 50
/** Longer than any video of the hub. */
const POSITION_MS_MAX = 7 * 24 * 60 * 60 * 1_000

const positionSchema = z.int().min(0).max(POSITION_MS_MAX)

const playbackSchema = z.object({
  playbackId: idSchema('playback'),
  mediaId: idSchema('media'),
  /** Proof of this grant for the player's own requests; already part of the URLs. */
  token: z.string(),
  playlistUrl: z.url(),
  thumbnailsUrl: z.url(),
  posterUrl: z.url(),
  spriteUrl: z.url(),
  /** Takes heartbeats without any header, as a beacon of a closing tab sends them. */
  beaconUrl: z.url(),
  /** After this nothing of the above answers any more; ask for a new grant. */
  expiresAt: isoSchema,
  durationMs: z.int().positive(),
  resumePositionMs: z.int().nonnegative(),
  coverageBasisPoints: z.int().min(0).max(10_000),
})

const beatSchema = z.strictObject({
  /** Counts the heartbeats of this grant, from 1; one that is sent again counts once. */
  sequence: z.int().min(1).max(1_000_000_000),
  positionMs: positionSchema.meta({ examples: [61_500] }),
  playbackRate: z.number().min(PLAYBACK_RATE_MIN).max(PLAYBACK_RATE_MAX).default(1),
  /** What was played since the last heartbeat, in milliseconds of the video. */
  intervals: z
    .array(
      z
        .strictObject({ startMs: positionSchema, endMs: positionSchema })
        .refine(({ startMs, endMs }) => startMs < endMs, { error: 'must end after it starts' }),
    )
    .max(INTERVALS_PER_BEAT_MAX)
    .meta({ examples: [[{ startMs: 51_500, endMs: 61_500 }]] }),
  /** The player closes, pauses for long, or has reached the end. */
  isLast: z.boolean().default(false),
})

const beatAnswerSchema = z.object({
  positionMs: z.int().nonnegative(),
  /** The watched part of the video, in 1/10,000, rounded down. */
  coverageBasisPoints: z.int().min(0).max(10_000),
  expiresAt: isoSchema,
})

const playbackParams = z.strictObject({ playbackId: idSchema('playback') })
const streamParams = z.strictObject({ token: z.string().min(1).max(1_000) })
const pathQuery = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(500)
    .meta({ examples: ['video_720.m3u8'] }),
})

const stream = { scope: 'public', params: streamParams, rateClass: 'media' } as const
const refused = ['playback.token_invalid', 'playback.over', 'storage.unavailable'] as const
const beatRefused = ['playback.over', 'playback.interval_invalid', 'playback.too_fast'] as const

export const videoStreamingContract = defineContract({
  service: 'video-streaming',
  prefix: '/v1/playback',
  title: 'Video streaming',
  operations: {
    startPlayback: {
      method: 'POST',
      path: '/',
      summary: 'Begin to watch a video of a lesson, where the caller left off',
      description:
        'Three playbacks of one person run at a time: the one least recently heard of ends.',
      scope: 'organization',
      permission: 'course:read',
      body: z.strictObject({
        courseId: idSchema('course'),
        lessonId: idSchema('lesson'),
        mediaId: idSchema('media'),
      }),
      status: 201,
      answer: playbackSchema,
      errors: [
        'playback.not_found',
        'playback.not_ready',
        'enrollment.unavailable',
        'content.unavailable',
      ],
    },
    startPreview: {
      method: 'POST',
      path: '/previews',
      summary: 'Watch a video as its owner or as a builder of the lesson that shows it',
      scope: 'course',
      permission: 'video:read',
      body: z.strictObject({
        mediaId: idSchema('media'),
        /** The lesson that shows it, for who is not its owner. */
        lessonId: idSchema('lesson').optional(),
      }),
      status: 201,
      answer: playbackSchema,
      errors: ['playback.not_found', 'content.unavailable'],
    },
    sendHeartbeat: {
      method: 'POST',
      path: '/{playbackId}/heartbeats',
      summary: 'Say what was played since the last heartbeat',
      description:
        'Watched intervals are merged here, never more than wall clock, speed and slack allow.',
      scope: 'organization',
      permission: 'course:read',
      params: playbackParams,
      body: beatSchema,
      status: 200,
      answer: beatAnswerSchema,
      errors: ['playback.not_found', ...beatRefused],
      rateClass: 'media',
    },
    endPlayback: {
      method: 'DELETE',
      path: '/{playbackId}',
      summary: 'End a playback; harmless to repeat',
      scope: 'organization',
      permission: 'course:read',
      params: playbackParams,
      status: 204,
      errors: ['playback.not_found'],
    },
    sendBeacon: {
      method: 'POST',
      path: '/streams/{token}/heartbeats',
      summary: 'A heartbeat proven by its grant alone',
      ...stream,
      body: beatSchema,
      status: 200,
      answer: beatAnswerSchema,
      errors: ['playback.token_invalid', ...beatRefused],
    },
    getMasterPlaylist: {
      method: 'GET',
      path: '/streams/{token}/master.m3u8',
      summary: 'The renditions of the video (RFC 8216), each below the same grant',
      ...stream,
      status: 200,
      answer: z.string(),
      answerType: 'application/vnd.apple.mpegurl',
      errors: refused,
    },
    getMediaPlaylist: {
      method: 'GET',
      path: '/streams/{token}/media.m3u8',
      summary: 'The segments of one rendition, each at a signed address',
      ...stream,
      query: pathQuery,
      status: 200,
      answer: z.string(),
      answerType: 'application/vnd.apple.mpegurl',
      errors: [...refused, 'playback.file_not_found'],
    },
    getThumbnails: {
      method: 'GET',
      path: '/streams/{token}/thumbnails.vtt',
      summary: 'The pictures of the seek bar (WebVTT), at signed addresses',
      ...stream,
      status: 200,
      answer: z.string(),
      answerType: 'text/vtt; charset=utf-8',
      errors: refused,
    },
    getFile: {
      method: 'GET',
      path: '/streams/{token}/file',
      summary:
        'Redirect to one signed file, where a playlist is too long to sign every segment in it',
      ...stream,
      query: pathQuery,
      status: 302,
      errors: ['playback.token_invalid', 'playback.over', 'playback.file_not_found'],
    },
  },
})
