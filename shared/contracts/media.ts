import * as z from 'zod'
import { mediaKindSchema } from '../events/media.ts'
import { idSchema } from '../kernel/id.ts'
import { PAGE_LIMIT_MAX, pageOf, pageQuery } from '../kernel/page.ts'
import { oneLine } from '../kernel/text.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineContract } from './define.ts'

const MEBIBYTE = 1_024 ** 2
const GIBIBYTE = 1_024 ** 3

/** The largest file of each kind, in bytes. */
export const FILE_BYTES_MAX = {
  // A probe downloads the whole file to the 10 GB disk of its Lambda.
  video: 8 * GIBIBYTE,
  audio: 500 * MEBIBYTE,
  document: 100 * MEBIBYTE,
  image: 20 * MEBIBYTE,
  captions: 2 * MEBIBYTE,
} as const satisfies Record<z.infer<typeof mediaKindSchema>, number>

/** S3's own bound on the parts of one upload. */
export const PARTS_MAX = 10_000

/** Up to this size the server reads the whole file and compares its SHA-256 itself, in bytes. */
export const CHECKSUM_READ_BYTES_MAX = 256 * MEBIBYTE

const sha256Schema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, { error: 'must be a SHA-256 in lower-case hex' })
  .meta({ examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'] })

const nameSchema = oneLine(z.string().trim().min(1).max(200)).meta({
  examples: ['Lesson 1, take 3.mp4'],
})

const mediaParams = z.strictObject({ mediaId: idSchema('media') })

const mediaSchema = z.object({
  mediaId: idSchema('media'),
  ownerId: idSchema('account'),
  /** As stated for the upload, and proven by the bytes once the state is `ready`. */
  kind: mediaKindSchema,
  /** What the uploader called the file; nothing is concluded from it. */
  name: z.string(),
  state: z.enum(['uploading', 'ready', 'refused', 'aborted', 'expired', 'deleted']),
  sizeBytes: z.int().positive(),
  /** Taken from the bytes; null until the upload is complete. */
  contentType: z.string().nullable(),
  sha256: z.string().nullable(),
  /** Whether the server read the whole file and found that SHA-256. */
  checksumVerified: z.boolean(),
  /** Why the file was refused, in one sentence. */
  refusal: z.string().nullable(),
  createdAt: isoSchema,
})

const uploadSchema = mediaSchema.extend({
  /** Every part but the last has this size. */
  partSizeBytes: z.int().positive(),
  partCount: z.int().min(1).max(PARTS_MAX),
  /** The upload is given up unless it is complete by then. */
  expiresAt: isoSchema,
})

const partSchema = z.object({
  partNumber: z.int().min(1).max(PARTS_MAX),
  sizeBytes: z.int().positive(),
  isUploaded: z.boolean(),
  /**
   * `PUT` exactly the bytes of this part here, without further headers; null for a part that is
   * there.
   */
  url: z.url().nullable(),
})

const self = { scope: 'organization', permission: 'media:create' } as const

export const mediaContract = defineContract({
  service: 'media',
  prefix: '/v1/media',
  title: 'Media',
  operations: {
    listMedia: {
      method: 'GET',
      path: '/',
      summary: 'Own files, newest first',
      description: 'With `owner=all`, those of the whole organisation; needs `media:manage`.',
      ...self,
      query: z.strictObject({
        ...pageQuery,
        kind: mediaKindSchema.optional(),
        owner: z.enum(['me', 'all']).default('me'),
      }),
      status: 200,
      answer: pageOf(mediaSchema),
      errors: ['request.cursor'],
    },
    createUpload: {
      method: 'POST',
      path: '/',
      summary: 'Begin an upload: its size is set aside in the quota',
      description: 'A video, which costs an encoding, also needs `video:create`.',
      ...self,
      body: z.strictObject({
        kind: mediaKindSchema,
        name: nameSchema,
        sizeBytes: z
          .int()
          .positive()
          .meta({ examples: [1_055_736] }),
      }),
      status: 201,
      answer: uploadSchema,
      errors: [
        'media.too_large',
        'media.quota_exceeded',
        'media.uploads_full',
        'media.own_uploads_full',
      ],
      idempotency: 'optional',
      rateClass: 'media',
    },
    getUsage: {
      method: 'GET',
      path: '/usage',
      summary: 'How much of the quota the organisation uses',
      scope: 'organization',
      permission: 'media:manage',
      status: 200,
      answer: z.object({
        quotaBytes: z.int().nonnegative(),
        usedBytes: z.int().nonnegative(),
        reservedBytes: z.int().nonnegative(),
      }),
      errors: [],
    },
    getMedia: {
      method: 'GET',
      path: '/{mediaId}',
      summary: 'One file',
      ...self,
      params: mediaParams,
      status: 200,
      answer: mediaSchema,
      errors: ['media.not_found'],
    },
    deleteMedia: {
      method: 'DELETE',
      path: '/{mediaId}',
      summary: 'Delete a file that nothing shows any more; repeating it is harmless',
      ...self,
      params: mediaParams,
      status: 204,
      errors: ['media.not_found', 'media.in_use', 'media.not_ready'],
    },
    getUpload: {
      method: 'GET',
      path: '/{mediaId}/upload',
      summary: 'An upload as it stands: enough to go on with it after a reload',
      ...self,
      params: mediaParams,
      status: 200,
      answer: uploadSchema,
      errors: ['media.not_found'],
    },
    listParts: {
      method: 'GET',
      path: '/{mediaId}/parts',
      summary: 'Parts in their order: which are there, and where to send those that are not',
      ...self,
      params: mediaParams,
      query: z.strictObject({
        ...pageQuery,
        limit: z.coerce.number().int().min(1).max(PAGE_LIMIT_MAX).default(PAGE_LIMIT_MAX),
      }),
      status: 200,
      answer: pageOf(partSchema),
      errors: ['media.not_found', 'media.upload_over', 'request.cursor'],
      rateClass: 'media',
    },
    completeUpload: {
      method: 'POST',
      path: '/{mediaId}/complete',
      summary: 'Join the parts, look at the bytes, and settle the quota; repeating it is harmless',
      ...self,
      params: mediaParams,
      body: z.strictObject({ sha256: sha256Schema }),
      status: 200,
      answer: mediaSchema,
      errors: [
        'media.not_found',
        'media.upload_over',
        'media.parts_missing',
        'media.type_refused',
        'media.checksum_mismatch',
        'storage.unavailable',
      ],
      rateClass: 'media',
    },
    abortUpload: {
      method: 'POST',
      path: '/{mediaId}/abort',
      summary: 'Give an upload up and free what was set aside for it',
      ...self,
      params: mediaParams,
      status: 200,
      answer: mediaSchema,
      errors: ['media.not_found', 'media.upload_over'],
    },
    signDownload: {
      method: 'GET',
      path: '/{mediaId}/download',
      summary: 'An address that gives the file to whoever holds it, for some minutes',
      description:
        'For the owner, for those who run the organisation or teach a course that shows the file, ' +
        'and for learners of such a course. An avatar is for every member.',
      scope: 'organization',
      permission: 'course:read',
      params: mediaParams,
      query: z.strictObject({
        disposition: z.enum(['attachment', 'inline']).default('attachment'),
      }),
      status: 200,
      answer: z.object({ url: z.url(), contentType: z.string(), expiresAt: isoSchema }),
      errors: ['media.not_found'],
      rateClass: 'media',
    },
  },
})
