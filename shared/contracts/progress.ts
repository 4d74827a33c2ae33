import * as z from 'zod'
import { itemCompletionSchema } from '../events/course-outline.ts'
import { idSchema } from '../kernel/id.ts'
import { pageOf, pageQuery } from '../kernel/page.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineContract } from './define.ts'

const stateSchema = z.enum(['not_started', 'in_progress', 'completed'])

/** How far one enrolment has come. */
const summarySchema = z.object({
  enrollmentId: idSchema('enrollment'),
  accountId: idSchema('account'),
  courseId: idSchema('course'),
  /** The version that the learner is pinned to: its required items are what counts. */
  versionId: idSchema('courseVersion').nullable(),
  isActive: z.boolean(),
  state: stateSchema,
  /** Of the required items, rounded down: 100 means all of them. */
  percent: z.int().min(0).max(100),
  requiredDone: z.int().nonnegative(),
  /** Null until the news of the version has arrived here. */
  requiredTotal: z.int().nonnegative().nullable(),
  /** Never moves, and is never taken back. */
  completedAt: isoSchema.nullable(),
  lastActivityAt: isoSchema.nullable(),
})

const progressSchema = summarySchema.extend({
  /** Where to go on. */
  resume: z
    .object({
      lessonId: idSchema('lesson'),
      positionMs: z.int().nonnegative().nullable(),
      at: isoSchema,
    })
    .nullable(),
  items: z.array(
    z.object({
      lessonId: idSchema('lesson'),
      title: z.string(),
      moduleId: idSchema('module'),
      moduleTitle: z.string(),
      required: z.boolean(),
      completion: itemCompletionSchema,
      state: stateSchema,
      /** The watched part of the item's video, in 1/10,000; null for other items. */
      coverageBasisPoints: z.int().min(0).max(10_000).nullable(),
      completedAt: isoSchema.nullable(),
    }),
  ),
})

const factSchema = z.object({
  factId: z.string(),
  kind: z.enum([
    'viewed',
    'confirmed',
    'watched',
    'graded',
    'overridden',
    'enrolled',
    'ended',
    'item_completed',
    'course_completed',
  ]),
  at: isoSchema,
  recordedAt: isoSchema,
  lessonId: idSchema('lesson').nullable(),
  /** Who overrode, and why. */
  actorId: idSchema('account').nullable(),
  reason: z.string().nullable(),
})

const courseParams = z.strictObject({ courseId: idSchema('course') })
const enrollmentParams = z.strictObject({ enrollmentId: idSchema('enrollment') })

const own = { scope: 'organization', permission: 'progress:self' } as const
const read = { scope: 'course', permission: 'progress:read' } as const
const override = { scope: 'course', permission: 'progress:override' } as const

export const progressContract = defineContract({
  service: 'progress',
  prefix: '/v1/progress',
  title: 'Progress',
  operations: {
    listOwnProgress: {
      method: 'GET',
      path: '/',
      summary: 'How far the caller has come, newest enrolment first',
      ...own,
      query: z.strictObject({ ...pageQuery, state: stateSchema.optional() }),
      status: 200,
      answer: pageOf(summarySchema),
      errors: ['request.cursor'],
    },
    getOwnProgress: {
      method: 'GET',
      path: '/courses/{courseId}',
      summary: 'The caller’s newest enrolment in a course: every item, and where to go on',
      ...own,
      params: courseParams,
      status: 200,
      answer: progressSchema,
      errors: ['enrollment.no_access', 'enrollment.unavailable', 'progress.version_pending'],
    },
    recordItem: {
      method: 'POST',
      path: '/courses/{courseId}/items/{lessonId}/events',
      summary: 'Say that the caller has viewed or confirmed an item; once per clientEventId',
      description:
        'Videos and quizzes complete by what was watched and graded, whatever is said here.',
      ...own,
      params: courseParams.extend({ lessonId: idSchema('lesson') }),
      body: z.strictObject({
        /** Made by the client, and sent again with a repetition. */
        clientEventId: z.uuid().meta({ examples: ['0198c1f2-a4b8-7c3d-9e0f-1a2b3c4d5e6f'] }),
        kind: z.enum(['viewed', 'confirmed']),
        positionMs: z.int().nonnegative().max(Number.MAX_SAFE_INTEGER).optional(),
      }),
      status: 200,
      answer: progressSchema,
      errors: [
        'enrollment.no_access',
        'enrollment.unavailable',
        'progress.version_pending',
        'progress.item_not_found',
        'progress.not_confirmable',
      ],
    },
    listLearners: {
      method: 'GET',
      path: '/courses/{courseId}/learners',
      summary: 'The cohort: how far everybody in a course has come, newest enrolment first',
      ...read,
      params: courseParams,
      query: z.strictObject({ ...pageQuery, state: stateSchema.optional() }),
      status: 200,
      answer: pageOf(summarySchema),
      errors: ['course.not_found', 'request.cursor'],
    },
    getProgress: {
      method: 'GET',
      path: '/enrollments/{enrollmentId}',
      summary: 'One enrolment’s progress, for its learner and the staff of its course',
      ...own,
      params: enrollmentParams,
      status: 200,
      answer: progressSchema,
      errors: ['progress.not_found'],
    },
    listFacts: {
      method: 'GET',
      path: '/enrollments/{enrollmentId}/facts',
      summary: 'All that moved a learner’s state in this course, newest first: overrides and why',
      ...read,
      params: enrollmentParams,
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(factSchema),
      errors: ['progress.not_found', 'request.cursor'],
    },
    overrideItem: {
      method: 'POST',
      path: '/enrollments/{enrollmentId}/items/{lessonId}/override',
      summary: 'Count an item as completed, with a reason that is kept; harmless to repeat',
      ...override,
      params: enrollmentParams.extend({ lessonId: idSchema('lesson') }),
      body: z.strictObject({
        reason: z
          .string()
          .trim()
          .min(3)
          .max(500)
          .meta({ examples: ['Passed the same test on paper'] }),
      }),
      status: 200,
      answer: progressSchema,
      errors: ['progress.not_found', 'progress.item_not_found', 'progress.version_pending'],
    },
    rebuildProgress: {
      method: 'POST',
      path: '/enrollments/{enrollmentId}/rebuild',
      summary: 'Compute a learner’s state in this course again, from the log of facts',
      ...override,
      params: enrollmentParams,
      status: 200,
      answer: progressSchema,
      errors: ['progress.not_found'],
    },
  },
})
