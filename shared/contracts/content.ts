import * as z from 'zod'
import { itemCompletionSchema } from '../events/course-outline.ts'
import { idSchema } from '../kernel/id.ts'
import { pageOf, pageQuery } from '../kernel/page.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineContract } from './define.ts'

export const LESSONS_PER_COURSE_MAX = 500
export const BLOCKS_PER_LESSON_MAX = 200
/** One revision as JSON, so that a lesson fits into an answer (1 MB) with room to spare. */
export const LESSON_BYTES_MAX = 500_000
const HTML_LENGTH_MAX = 100_000
const CODE_LENGTH_MAX = 50_000

const titleSchema = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .meta({ examples: ['The invisible cut'] })

const captionSchema = z.string().trim().max(200)

/** Left out, the block is new. */
const blockId = idSchema('block').optional()

const blockInputSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('rich_text'),
    blockId,
    html: z
      .string()
      .max(HTML_LENGTH_MAX)
      .meta({ examples: ['<p>Cut on <em>movement</em>.</p>'] }),
  }),
  z.strictObject({
    kind: z.literal('video'),
    blockId,
    mediaId: idSchema('media'),
    title: captionSchema.default(''),
  }),
  z.strictObject({
    kind: z.literal('file'),
    blockId,
    mediaId: idSchema('media'),
    title: captionSchema.default(''),
  }),
  z.strictObject({
    kind: z.literal('embed'),
    blockId,
    url: z
      .url({ protocol: /^https$/ })
      .max(2_000)
      .meta({ examples: ['https://player.vimeo.com/video/76979871'] }),
    title: captionSchema.default(''),
  }),
  z.strictObject({
    kind: z.literal('code'),
    blockId,
    language: z
      .string()
      .regex(/^[a-z0-9][a-z0-9+#.-]{0,29}$/, { error: 'must be the lower-case name of a language' })
      .meta({ examples: ['typescript'] }),
    text: z.string().max(CODE_LENGTH_MAX),
  }),
  z.strictObject({ kind: z.literal('quiz'), blockId, assessmentId: idSchema('assessment') }),
])

const shown = { blockId: idSchema('block') }

const blockSchema = z.discriminatedUnion('kind', [
  /** Sanitised when it was saved: safe to put into a page as it is. */
  z.object({ kind: z.literal('rich_text'), ...shown, html: z.string() }),
  /** Play it through a grant of `POST /v1/playback`. */
  z.object({
    kind: z.literal('video'),
    ...shown,
    mediaId: idSchema('media'),
    title: z.string(),
  }),
  z.object({ kind: z.literal('file'), ...shown, mediaId: idSchema('media'), title: z.string() }),
  /** Data, not HTML: the page makes the frame, sandboxed. The host is one of the allow-list. */
  z.object({ kind: z.literal('embed'), ...shown, url: z.url(), title: z.string() }),
  z.object({ kind: z.literal('code'), ...shown, language: z.string(), text: z.string() }),
  z.object({ kind: z.literal('quiz'), ...shown, assessmentId: idSchema('assessment') }),
])

/** What a learner sees. */
export const lessonSchema = z.object({
  lessonId: idSchema('lesson'),
  courseId: idSchema('course'),
  revision: z.int().positive(),
  title: z.string(),
  completion: itemCompletionSchema,
  blocks: z.array(blockSchema),
})

/** Why it cannot be published yet, in one sentence; null when it can. */
const notReady = z.string().nullable()

const draftSchema = lessonSchema.extend({ createdAt: isoSchema, notReady })

const revisionSchema = lessonSchema.extend({
  authorId: idSchema('account'),
  createdAt: isoSchema,
  /** The revision that it repeats, if it came by restoring. */
  restoredFrom: z.int().positive().nullable(),
})

/** What a course must know of a lesson to publish it. */
export const lessonReadinessSchema = z.object({
  lessonId: idSchema('lesson'),
  revision: z.int().positive(),
  title: z.string(),
  completion: itemCompletionSchema,
  notReady,
})

const lessonParams = z.strictObject({ lessonId: idSchema('lesson') })
const revisionParams = z.strictObject({
  lessonId: idSchema('lesson'),
  revision: z.coerce.number().int().min(1).max(999_999_999),
})

const read = { scope: 'course', permission: 'content:read' } as const
const update = { scope: 'course', permission: 'content:update' } as const

const refusedContent = [
  'content.blocks_invalid',
  'content.completion_invalid',
  'content.embed_refused',
  'content.lesson_too_large',
] as const

const changing = [
  'content.lesson_not_found',
  'content.course_archived',
  'content.revision_stale',
] as const

export const contentContract = defineContract({
  service: 'content',
  prefix: '/v1/lessons',
  title: 'Content',
  operations: {
    listLessonReadiness: {
      method: 'GET',
      path: '/readiness',
      summary: 'Newest revision of every lesson of a course, and whether it can be published',
      ...read,
      query: z.strictObject({ courseId: idSchema('course') }),
      status: 200,
      answer: z.object({ items: z.array(lessonReadinessSchema).max(LESSONS_PER_COURSE_MAX) }),
      errors: ['course.not_found', 'course.unavailable'],
    },
    listLessons: {
      method: 'GET',
      path: '/',
      summary: 'The lessons of a course, for those who build it, oldest first',
      ...read,
      query: z.strictObject({ ...pageQuery, courseId: idSchema('course') }),
      status: 200,
      answer: pageOf(lessonSchema.omit({ blocks: true })),
      errors: ['course.not_found', 'course.unavailable', 'request.cursor'],
    },
    createLesson: {
      method: 'POST',
      path: '/',
      summary: 'Add a lesson to a course',
      description: 'The outline of the course says where it stands.',
      ...update,
      body: z.strictObject({
        courseId: idSchema('course'),
        title: titleSchema,
        blocks: z.array(blockInputSchema).max(BLOCKS_PER_LESSON_MAX).default([]),
        completion: itemCompletionSchema.default({ kind: 'viewed' }),
      }),
      status: 201,
      answer: draftSchema,
      errors: [
        'course.not_found',
        'course.unavailable',
        'content.course_archived',
        'content.lessons_full',
        ...refusedContent,
      ],
      idempotency: 'optional',
      etag: 'revision',
    },
    getLesson: {
      method: 'GET',
      path: '/{lessonId}',
      summary: 'A lesson as the caller learns it: in the revision of the version they are on',
      scope: 'organization',
      permission: 'course:read',
      params: lessonParams,
      status: 200,
      answer: lessonSchema,
      errors: ['content.lesson_not_found', 'enrollment.unavailable', 'course.unavailable'],
    },
    getDraft: {
      method: 'GET',
      path: '/{lessonId}/draft',
      summary: 'The newest revision, with its ETag and what stands in the way of publishing',
      ...read,
      params: lessonParams,
      status: 200,
      answer: draftSchema,
      errors: ['content.lesson_not_found', 'course.unavailable'],
      etag: 'revision',
    },
    saveDraft: {
      method: 'PATCH',
      path: '/{lessonId}/draft',
      summary: 'Save a new revision; absent fields stay as they are',
      description: 'What changes nothing makes no revision. Blocks without an id are new.',
      ...update,
      params: lessonParams,
      body: z
        .strictObject({
          title: titleSchema,
          blocks: z.array(blockInputSchema).max(BLOCKS_PER_LESSON_MAX),
          completion: itemCompletionSchema,
        })
        .partial(),
      status: 200,
      answer: draftSchema,
      errors: [...changing, ...refusedContent, 'course.unavailable'],
      ifMatch: true,
      etag: 'revision',
    },
    reorderBlocks: {
      method: 'PUT',
      path: '/{lessonId}/order',
      summary: 'Put the blocks into another order, as a new revision',
      ...update,
      params: lessonParams,
      body: z.strictObject({ blockIds: z.array(idSchema('block')).max(BLOCKS_PER_LESSON_MAX) }),
      status: 200,
      answer: draftSchema,
      errors: [...changing, 'content.blocks_invalid', 'course.unavailable'],
      ifMatch: true,
      etag: 'revision',
    },
    previewLesson: {
      method: 'GET',
      path: '/{lessonId}/preview',
      summary: 'The newest revision as a learner would see it',
      ...read,
      params: lessonParams,
      status: 200,
      answer: lessonSchema,
      errors: ['content.lesson_not_found', 'course.unavailable'],
    },
    copyLesson: {
      method: 'POST',
      path: '/{lessonId}/copy',
      summary: 'Copy the newest revision into a new lesson, of this or of another course',
      ...update,
      params: lessonParams,
      body: z.strictObject({ courseId: idSchema('course'), title: titleSchema.optional() }),
      status: 201,
      answer: draftSchema,
      errors: [
        'content.lesson_not_found',
        'course.not_found',
        'course.unavailable',
        'content.course_archived',
        'content.lessons_full',
      ],
      idempotency: 'optional',
      etag: 'revision',
    },
    deleteLesson: {
      method: 'DELETE',
      path: '/{lessonId}',
      summary: 'Delete a lesson; those whose published version shows it keep it',
      ...update,
      params: lessonParams,
      status: 204,
      errors: ['content.lesson_not_found', 'content.course_archived', 'course.unavailable'],
    },
    listRevisions: {
      method: 'GET',
      path: '/{lessonId}/revisions',
      summary: 'Every save of a lesson, newest first',
      ...read,
      params: lessonParams,
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(revisionSchema.omit({ blocks: true, completion: true })),
      errors: ['content.lesson_not_found', 'course.unavailable', 'request.cursor'],
    },
    getRevision: {
      method: 'GET',
      path: '/{lessonId}/revisions/{revision}',
      summary: 'One save of a lesson; it never changes',
      ...read,
      params: revisionParams,
      status: 200,
      answer: revisionSchema,
      errors: ['content.lesson_not_found', 'content.revision_not_found', 'course.unavailable'],
    },
    restoreRevision: {
      method: 'POST',
      path: '/{lessonId}/revisions/{revision}/restore',
      summary: 'Save what an earlier revision held as a new one',
      ...update,
      params: revisionParams,
      status: 200,
      answer: draftSchema,
      errors: [...changing, 'content.revision_not_found', 'course.unavailable'],
      ifMatch: true,
      etag: 'revision',
    },
  },
})
