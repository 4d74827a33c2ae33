import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { pageOf, pageQuery } from '../kernel/page.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineContract } from './define.ts'

/** The longest video that is taken, in seconds. */
export const VIDEO_SECONDS_MAX = 4 * 60 * 60
export const CAPTION_LANGUAGES_MAX = 20
/** A captions file of a long lecture is a tenth of this, in bytes. */
export const CAPTIONS_BYTES_MAX = 1_024 ** 2

const videoParams = z.strictObject({ videoId: idSchema('video') })

const languageSchema = z
  .string()
  .regex(/^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$/, { error: 'must be a BCP 47 language tag' })
  .meta({ examples: ['en', 'pt-BR'] })

const captionParams = z.strictObject({ videoId: idSchema('video'), language: languageSchema })

/** One run of the pipeline over a video. */
const processingSchema = z.object({
  version: z.int().positive(),
  state: z.enum(['queued', 'processing', 'ready', 'failed', 'cancelled', 'superseded']),
  stage: z.enum([
    'waiting',
    'probing',
    'transcoding',
    'illustrating',
    'packaging',
    'verifying',
    'done',
  ]),
  percent: z.int().min(0).max(100),
  /**
   * Stable, for programs: `not_a_video`, `no_video_stream`, `truncated`, …; null unless it failed.
   */
  reasonCode: z.string().nullable(),
  /** The same in one sentence. */
  reason: z.string().nullable(),
  startedAt: isoSchema,
  finishedAt: isoSchema.nullable(),
})

/** What viewers see now. */
const renditionSchema = z.object({
  version: z.int().positive(),
  durationMs: z.int().positive(),
  widthPx: z.int().positive(),
  heightPx: z.int().positive(),
  sizes: z.array(z.object({ widthPx: z.int().positive(), heightPx: z.int().positive() })),
})

const videoSchema = z.object({
  videoId: idSchema('video'),
  mediaId: idSchema('media'),
  ownerId: idSchema('account'),
  /** The newest run. */
  processing: processingSchema,
  /**
   * Stays as it is while a newer run works, fails or is cancelled; null until the first one is
   * ready.
   */
  live: renditionSchema.nullable(),
  captions: z.array(
    z.object({ language: z.string(), label: z.string(), mediaId: idSchema('media') }),
  ),
  createdAt: isoSchema,
})

const manage = { scope: 'course', permission: 'video:manage' } as const
const read = { scope: 'organization', permission: 'video:read' } as const

export const videoProcessingContract = defineContract({
  service: 'video-processing',
  prefix: '/v1/videos',
  title: 'Video processing',
  operations: {
    listVideos: {
      method: 'GET',
      path: '/',
      summary:
        'Videos of the organisation, newest first; with `mediaId`, the one made of that file',
      ...read,
      query: z.strictObject({ ...pageQuery, mediaId: idSchema('media').optional() }),
      status: 200,
      answer: pageOf(videoSchema),
      errors: ['request.cursor'],
    },
    getVideo: {
      method: 'GET',
      path: '/{videoId}',
      summary: 'A video: how far its processing is, why it failed, and what is live',
      ...read,
      params: videoParams,
      status: 200,
      answer: videoSchema,
      errors: ['video.not_found'],
    },
    reprocessVideo: {
      method: 'POST',
      path: '/{videoId}/reprocess',
      summary: 'Process the source anew; what is live stays live until the new version is ready',
      scope: 'organization',
      permission: 'video:create',
      params: videoParams,
      status: 202,
      answer: videoSchema,
      errors: ['video.not_found', 'video.in_progress'],
      idempotency: 'optional',
    },
    cancelVideo: {
      method: 'POST',
      path: '/{videoId}/cancel',
      summary: 'Stop the processing; what is live stays live',
      ...manage,
      params: videoParams,
      status: 200,
      answer: videoSchema,
      errors: ['video.not_found', 'video.not_in_progress'],
    },
    putCaptions: {
      method: 'PUT',
      path: '/{videoId}/captions/{language}',
      summary: 'Show an uploaded WebVTT file as the captions of one language',
      ...manage,
      params: captionParams,
      body: z.strictObject({
        mediaId: idSchema('media'),
        label: z
          .string()
          .trim()
          .min(1)
          .max(60)
          // biome-ignore lint/suspicious/noControlCharactersInRegex: \p{Cc} written out, since not every reader of the API description knows the names of Unicode.
          .regex(/^[^"\u0000-\u001f\u007f-\u009f]*$/u, {
            error: 'must not hold quotation marks or control characters',
          })
          .meta({ examples: ['English', 'Português (Brasil)'] }),
      }),
      status: 200,
      answer: videoSchema,
      errors: [
        'video.not_found',
        'video.captions_unknown',
        'video.captions_invalid',
        'video.captions_full',
        'storage.unavailable',
      ],
    },
    removeCaptions: {
      method: 'DELETE',
      path: '/{videoId}/captions/{language}',
      summary: 'Take the captions of one language away; repeating it is harmless',
      ...manage,
      params: captionParams,
      status: 200,
      answer: videoSchema,
      errors: ['video.not_found', 'storage.unavailable'],
    },
  },
})
