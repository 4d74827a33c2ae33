import * as z from 'zod'
import {
  certificateRuleSchema,
  completionRuleSchema,
  itemSchema,
  visibilitySchema,
} from '../events/course-outline.ts'
import { idSchema } from '../kernel/id.ts'
import { pageOf, pageQuery } from '../kernel/page.ts'
import { isoSchema } from '../kernel/time.ts'
import { LESSONS_PER_COURSE_MAX } from './content.ts'
import { defineContract } from './define.ts'

export const MODULES_PER_COURSE_MAX = 100
export const INSTRUCTORS_PER_COURSE_MAX = 20
export const PREREQUISITES_PER_COURSE_MAX = 20
export const CATEGORIES_PER_COURSE_MAX = 5

const slugSchema = z
  .string()
  .max(80)
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, { error: 'must be lower-case words joined by hyphens' })
  .meta({ examples: ['film-editing-basics'] })

/** BCP 47, as much of it as a course's language needs. */
const languageSchema = z
  .string()
  .regex(/^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$/, { error: 'must be a BCP 47 language tag' })
  .meta({ examples: ['en', 'pt-BR'] })

const titleSchema = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .meta({ examples: ['Film editing, the basics'] })

const courseParams = z.strictObject({ courseId: idSchema('course') })

const outlineSchema = z
  .array(
    z.strictObject({
      moduleId: idSchema('module').optional(),
      title: titleSchema,
      items: z
        .array(
          z.strictObject({ lessonId: idSchema('lesson'), required: z.boolean().default(true) }),
        )
        .max(LESSONS_PER_COURSE_MAX),
    }),
  )
  .max(MODULES_PER_COURSE_MAX)

const shownOutlineSchema = z.array(
  z.object({
    moduleId: idSchema('module'),
    title: z.string(),
    items: z.array(z.object({ lessonId: idSchema('lesson'), required: z.boolean() })),
  }),
)

const categorySchema = z.object({
  categoryId: idSchema('category'),
  slug: z.string(),
  name: z.string(),
})

/** What everybody who may know of a course sees of it. */
const courseSchema = z.object({
  courseId: idSchema('course'),
  organizationId: idSchema('organization'),
  slug: z.string(),
  title: z.string(),
  summary: z.string(),
  language: z.string(),
  visibility: visibilitySchema,
  state: z.enum(['draft', 'published', 'archived']),
  categoryIds: z.array(idSchema('category')),
  instructorIds: z.array(idSchema('account')),
  prerequisiteIds: z.array(idSchema('course')),
  publishedVersionId: idSchema('courseVersion').nullable(),
  publishedAt: isoSchema.nullable(),
})

const draftSchema = courseSchema.extend({
  description: z.string(),
  outline: shownOutlineSchema,
  completionRule: completionRuleSchema,
  certificateRule: certificateRuleSchema,
  /** Grows with every change of the draft; it is the ETag. */
  revision: z.int().positive(),
})

const versionSchema = z.object({
  versionId: idSchema('courseVersion'),
  courseId: idSchema('course'),
  number: z.int().positive(),
  title: z.string(),
  summary: z.string(),
  description: z.string(),
  items: z.array(itemSchema),
  completionRule: completionRuleSchema,
  certificateRule: certificateRuleSchema,
  publishedAt: isoSchema,
})

const draftFields = {
  title: titleSchema,
  summary: z.string().trim().max(500),
  description: z.string().trim().max(20_000),
  language: languageSchema,
  visibility: visibilitySchema,
  slug: slugSchema,
  categoryIds: z.array(idSchema('category')).max(CATEGORIES_PER_COURSE_MAX),
  prerequisiteIds: z.array(idSchema('course')).max(PREREQUISITES_PER_COURSE_MAX),
  completionRule: completionRuleSchema,
  certificateRule: certificateRuleSchema,
}

const update = { scope: 'course', permission: 'course:update' } as const

export const courseContract = defineContract({
  service: 'course',
  prefix: '/v1/courses',
  title: 'Courses',
  operations: {
    listCourses: {
      method: 'GET',
      path: '/',
      summary: 'The catalogue: published courses, newest first',
      description: 'With `instructor=me`, every course that the caller teaches, drafts included.',
      scope: 'organization',
      permission: 'course:read',
      query: z.strictObject({
        ...pageQuery,
        q: z.string().trim().min(1).max(100).optional(),
        categoryId: idSchema('category').optional(),
        language: languageSchema.optional(),
        instructor: z.literal('me').optional(),
      }),
      status: 200,
      answer: pageOf(courseSchema),
      errors: ['request.cursor'],
    },
    createCourse: {
      method: 'POST',
      path: '/',
      summary: 'Begin a course as its first instructor',
      scope: 'organization',
      permission: 'course:create',
      body: z.strictObject({
        title: titleSchema,
        summary: draftFields.summary.default(''),
        description: draftFields.description.default(''),
        language: languageSchema.default('en'),
        visibility: visibilitySchema.default('public'),
        slug: slugSchema.optional(),
      }),
      status: 201,
      answer: draftSchema,
      errors: ['course.slug_taken'],
      idempotency: 'optional',
      etag: 'revision',
    },
    listCategories: {
      method: 'GET',
      path: '/categories',
      summary: 'The categories of the catalogue',
      scope: 'organization',
      permission: 'course:read',
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(categorySchema),
      errors: ['request.cursor'],
    },
    createCategory: {
      method: 'POST',
      path: '/categories',
      summary: 'Add a category to the catalogue',
      scope: 'organization',
      permission: 'course:categories',
      body: z.strictObject({ slug: slugSchema, name: z.string().trim().min(1).max(100) }),
      status: 201,
      answer: categorySchema,
      errors: ['course.category_exists'],
      idempotency: 'optional',
    },
    resolveSlug: {
      method: 'GET',
      path: '/by-slug/{slug}',
      summary: 'Redirect from a slug, present or former, to its course',
      scope: 'organization',
      permission: 'course:read',
      params: z.strictObject({ slug: slugSchema }),
      status: 302,
      errors: ['course.not_found'],
    },
    getCourse: {
      method: 'GET',
      path: '/{courseId}',
      summary: 'One course; drafts for those who build them',
      scope: 'organization',
      permission: 'course:read',
      params: courseParams,
      status: 200,
      answer: courseSchema,
      errors: ['course.not_found'],
    },
    getDraft: {
      method: 'GET',
      path: '/{courseId}/draft',
      summary: 'The draft with its outline, rules and ETag',
      ...update,
      params: courseParams,
      status: 200,
      answer: draftSchema,
      errors: ['course.not_found'],
      etag: 'revision',
    },
    updateDraft: {
      method: 'PATCH',
      path: '/{courseId}/draft',
      summary: 'Change the draft; absent fields stay',
      description:
        'Slug and visibility take effect at once, and a former slug keeps leading here; everything else waits for the next publish.',
      ...update,
      params: courseParams,
      body: z.strictObject(draftFields).partial(),
      status: 200,
      answer: draftSchema,
      errors: [
        'course.not_found',
        'course.archived',
        'course.revision_stale',
        'course.slug_taken',
        'course.prerequisite_invalid',
        'course.category_unknown',
      ],
      ifMatch: true,
      etag: 'revision',
    },
    replaceOutline: {
      method: 'PUT',
      path: '/{courseId}/outline',
      summary: 'Set the modules and the order of their lessons',
      ...update,
      params: courseParams,
      body: z.strictObject({ modules: outlineSchema }),
      status: 200,
      answer: draftSchema,
      errors: [
        'course.not_found',
        'course.archived',
        'course.revision_stale',
        'course.outline_invalid',
      ],
      ifMatch: true,
      etag: 'revision',
    },
    previewCourse: {
      method: 'GET',
      path: '/{courseId}/preview',
      summary: 'What publishing would make of the draft, and what still stands in its way',
      ...update,
      params: courseParams,
      status: 200,
      answer: z.object({
        items: z.array(itemSchema),
        obstacles: z.array(
          z.object({ lessonId: idSchema('lesson').nullable(), reason: z.string() }),
        ),
      }),
      errors: ['course.not_found', 'content.unavailable'],
    },
    publishCourse: {
      method: 'POST',
      path: '/{courseId}/publish',
      summary: 'Make the draft an immutable version that new learners get',
      description:
        'An unchanged draft is not published twice: the answer is the version that stands.',
      scope: 'course',
      permission: 'course:publish',
      params: courseParams,
      status: 200,
      answer: versionSchema,
      errors: [
        'course.not_found',
        'course.archived',
        'course.revision_stale',
        'course.empty',
        'course.not_ready',
        'content.unavailable',
      ],
      ifMatch: true,
      idempotency: 'optional',
    },
    archiveCourse: {
      method: 'POST',
      path: '/{courseId}/archive',
      summary: 'Take the course out of the catalogue; those who are in it finish it',
      scope: 'course',
      permission: 'course:archive',
      params: courseParams,
      status: 200,
      answer: courseSchema,
      errors: ['course.not_found'],
    },
    listVersions: {
      method: 'GET',
      path: '/{courseId}/versions',
      summary: 'Published versions, newest first',
      ...update,
      params: courseParams,
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(versionSchema.omit({ items: true, description: true })),
      errors: ['course.not_found', 'request.cursor'],
    },
    getVersion: {
      method: 'GET',
      path: '/{courseId}/versions/{versionId}',
      summary: 'One published version: its items, pinned for those who learn on it',
      scope: 'organization',
      permission: 'course:read',
      params: z.strictObject({
        courseId: idSchema('course'),
        versionId: idSchema('courseVersion'),
      }),
      status: 200,
      answer: versionSchema,
      errors: ['course.not_found'],
    },
    addInstructor: {
      method: 'POST',
      path: '/{courseId}/instructors',
      summary: 'Share the course with another instructor',
      ...update,
      params: courseParams,
      body: z.strictObject({ accountId: idSchema('account') }),
      status: 200,
      answer: courseSchema,
      errors: [
        'course.not_found',
        'course.archived',
        'course.not_a_member',
        'course.instructors_full',
      ],
    },
    removeInstructor: {
      method: 'DELETE',
      path: '/{courseId}/instructors/{accountId}',
      summary: 'Take an instructor off the course; one always stays',
      ...update,
      params: z.strictObject({ courseId: idSchema('course'), accountId: idSchema('account') }),
      status: 200,
      answer: courseSchema,
      errors: ['course.not_found', 'course.archived', 'course.last_instructor'],
    },
  },
})
