import * as z from 'zod'
import { visibilitySchema } from '../events/course-outline.ts'
import { idSchema } from '../kernel/id.ts'
import { pageOf, pageQuery } from '../kernel/page.ts'
import { isoSchema, timeZoneSchema } from '../kernel/time.ts'
import { defineContract } from './define.ts'

export const CAPACITY_MAX = 1_000_000
export const ACCESS_DAYS_MAX = 3_650
export const CODE_USES_MAX = 100_000
export const BATCH_ROWS_MAX = 100
/** Entitlements of an enrolment at most, revoked ones included. */
export const ENTITLEMENTS_MAX = 50

/** Where an entitlement came from; each is given and revoked on its own. */
export const entitlementSourceSchema = z.enum([
  'self',
  'staff',
  'code',
  'licence',
  'order',
  'subscription',
])

/** A live access: inside its window, with at least one entitlement. */
export const accessSchema = z.object({
  enrollmentId: idSchema('enrollment'),
  courseId: idSchema('course'),
  versionId: idSchema('courseVersion'),
  startsAt: isoSchema,
  endsAt: isoSchema.nullable(),
})

const entitlementSchema = z.object({
  entitlementId: idSchema('entitlement'),
  source: entitlementSourceSchema,
  startsAt: isoSchema,
  /** Null for ever. */
  endsAt: isoSchema.nullable(),
  revokedAt: isoSchema.nullable(),
})

const enrollmentSchema = accessSchema.extend({
  accountId: idSchema('account'),
  enrolledAt: isoSchema,
  endedAt: isoSchema.nullable(),
  endReason: z.enum(['unenrolled', 'removed', 'expired', 'revoked']).nullable(),
  entitlements: z.array(entitlementSchema).max(ENTITLEMENTS_MAX),
})

const stateFilter = z.enum(['active', 'ended']).optional()

const settingsFields = {
  /** How many may learn at a time; null for any number. Lowering it removes nobody. */
  capacity: z
    .int()
    .min(0)
    .max(CAPACITY_MAX)
    .nullable()
    .meta({ examples: [50] }),
  /** Before and after this nobody enrols by themselves or by code; null leaves that side open. */
  opensAt: isoSchema.nullable(),
  closesAt: isoSchema.nullable(),
  /** Calendar days in `timeZone` that access lasts; null for ever. */
  accessDays: z
    .int()
    .min(1)
    .max(ACCESS_DAYS_MAX)
    .nullable()
    .meta({ examples: [90] }),
  timeZone: timeZoneSchema,
  enforcesPrerequisites: z.boolean(),
}

const settingsSchema = z.object({
  courseId: idSchema('course'),
  ...settingsFields,
  activeCount: z.int().nonnegative(),
})

const codeSchema = z.object({
  codeId: idSchema('enrollmentCode'),
  code: z.string().meta({ examples: ['7K3MQ-X9F2T'] }),
  courseId: idSchema('course'),
  usesMax: z.int(),
  uses: z.int(),
  expiresAt: isoSchema.nullable(),
  disabledAt: isoSchema.nullable(),
  createdAt: isoSchema,
})

const courseParams = z.strictObject({ courseId: idSchema('course') })
const enrollmentParams = z.strictObject({ enrollmentId: idSchema('enrollment') })
const entitlementParams = enrollmentParams.extend({ entitlementId: idSchema('entitlement') })

const self = { scope: 'organization', permission: 'enrollment:self' } as const
const manage = { scope: 'course', permission: 'enrollment:manage' } as const

const refusals = [
  'enrollment.course_closed',
  'enrollment.full',
  'enrollment.prerequisites_missing',
  'enrollment.entitlements_full',
  'enrollment.not_a_member',
] as const
/** Who enrols by id asks course first; a code was made for a course that is known here. */
const unknown = ['course.not_found', 'course.unavailable'] as const

export const enrollmentContract = defineContract({
  service: 'enrollment',
  prefix: '/v1/enrollments',
  title: 'Enrolment',
  operations: {
    listOwnEnrollments: {
      method: 'GET',
      path: '/',
      summary: 'Where the caller learns or has learnt, newest first',
      ...self,
      query: z.strictObject({ ...pageQuery, state: stateFilter }),
      status: 200,
      answer: pageOf(
        enrollmentSchema.extend({
          /** Null until the news of the course has arrived here. */
          courseTitle: z.string().nullable(),
          courseVisibility: visibilitySchema.nullable(),
        }),
      ),
      errors: ['request.cursor'],
    },
    enrolSelf: {
      method: 'POST',
      path: '/',
      summary: 'Enrol in a public or unlisted course; harmless to repeat',
      ...self,
      body: courseParams,
      status: 200,
      answer: enrollmentSchema,
      errors: [...unknown, ...refusals, 'enrollment.invitation_only', 'enrollment.not_open'],
    },
    redeemCode: {
      method: 'POST',
      path: '/redeem',
      summary: 'Enrol with an invitation code, in a private course too; harmless to repeat',
      ...self,
      body: z.strictObject({ code: z.string().trim().min(1).max(40) }),
      status: 200,
      answer: enrollmentSchema,
      errors: [
        ...refusals,
        'enrollment.not_open',
        'enrollment.code_not_found',
        'enrollment.code_over',
        'enrollment.code_used_up',
      ],
      rateClass: 'sensitive',
    },
    getOwnAccess: {
      method: 'GET',
      path: '/access',
      summary: 'Whether the caller may learn in a course now, and on which version',
      ...self,
      query: z.strictObject({ courseId: idSchema('course') }),
      status: 200,
      answer: accessSchema,
      errors: ['enrollment.no_access'],
    },
    getEnrollment: {
      method: 'GET',
      path: '/{enrollmentId}',
      summary: 'One enrolment, for its learner and the staff of its course',
      ...self,
      params: enrollmentParams,
      status: 200,
      answer: enrollmentSchema,
      errors: ['enrollment.not_found'],
    },
    leaveCourse: {
      method: 'POST',
      path: '/{enrollmentId}/leave',
      summary: 'Leave the course and give every entitlement in it back; harmless to repeat',
      ...self,
      params: enrollmentParams,
      status: 200,
      answer: enrollmentSchema,
      errors: ['enrollment.not_found'],
    },
    removeLearner: {
      method: 'POST',
      path: '/{enrollmentId}/remove',
      summary: 'Take a learner off the course, whatever entitles them; harmless to repeat',
      ...manage,
      params: enrollmentParams,
      status: 200,
      answer: enrollmentSchema,
      errors: ['enrollment.not_found'],
    },
    changeEntitlement: {
      method: 'PATCH',
      path: '/{enrollmentId}/entitlements/{entitlementId}',
      summary: 'Move the window of one entitlement',
      ...manage,
      params: entitlementParams,
      body: z.strictObject({ startsAt: isoSchema, endsAt: isoSchema.nullable() }).partial(),
      status: 200,
      answer: enrollmentSchema,
      errors: ['enrollment.not_found', 'enrollment.ended', 'enrollment.window_invalid'],
    },
    revokeEntitlement: {
      method: 'DELETE',
      path: '/{enrollmentId}/entitlements/{entitlementId}',
      summary: 'Revoke one entitlement; access stays while another lives',
      ...manage,
      params: entitlementParams,
      status: 200,
      answer: enrollmentSchema,
      errors: ['enrollment.not_found'],
    },
    listLearners: {
      method: 'GET',
      path: '/courses/{courseId}/learners',
      summary: 'The enrolments of a course, newest first',
      ...manage,
      params: courseParams,
      query: z.strictObject({
        ...pageQuery,
        state: stateFilter,
        source: entitlementSourceSchema.optional(),
        accountId: idSchema('account').optional(),
      }),
      status: 200,
      answer: pageOf(enrollmentSchema),
      errors: ['course.not_found', 'request.cursor'],
    },
    enrolLearner: {
      method: 'POST',
      path: '/courses/{courseId}/learners',
      summary: 'Enrol a member, outside the enrolment window too; harmless to repeat',
      ...manage,
      params: courseParams,
      body: z.strictObject({
        accountId: idSchema('account'),
        startsAt: isoSchema.optional(),
        endsAt: isoSchema.nullable().optional(),
        waivePrerequisites: z.boolean().default(false),
      }),
      status: 200,
      answer: enrollmentSchema,
      errors: [...unknown, ...refusals, 'enrollment.window_invalid'],
    },
    enrolLearners: {
      method: 'POST',
      path: '/courses/{courseId}/learners/batch',
      summary: 'Enrol many members, with a report per row; one refused row leaves the others',
      ...manage,
      params: courseParams,
      body: z.strictObject({
        accountIds: z.array(idSchema('account')).min(1).max(BATCH_ROWS_MAX),
        startsAt: isoSchema.optional(),
        endsAt: isoSchema.nullable().optional(),
        waivePrerequisites: z.boolean().default(false),
      }),
      status: 200,
      answer: z.object({
        rows: z.array(
          z.object({
            accountId: idSchema('account'),
            outcome: z.enum(['enrolled', 'already_enrolled', 'refused']),
            enrollmentId: idSchema('enrollment').nullable(),
            /** Why it was refused. */
            code: z.string().nullable(),
          }),
        ),
      }),
      errors: [...unknown, 'enrollment.window_invalid'],
      idempotency: 'optional',
    },
    getSettings: {
      method: 'GET',
      path: '/courses/{courseId}/settings',
      summary: 'Capacity, window, access and prerequisites of a course, and how many learn in it',
      ...manage,
      params: courseParams,
      status: 200,
      answer: settingsSchema,
      errors: ['course.not_found'],
    },
    putSettings: {
      method: 'PUT',
      path: '/courses/{courseId}/settings',
      summary: 'Set them; those who are in keep what they have',
      ...manage,
      params: courseParams,
      body: z.strictObject(settingsFields),
      status: 200,
      answer: settingsSchema,
      errors: ['course.not_found', 'enrollment.window_invalid'],
    },
    createCode: {
      method: 'POST',
      path: '/courses/{courseId}/codes',
      summary: 'Make an invitation code',
      ...manage,
      params: courseParams,
      body: z.strictObject({
        usesMax: z
          .int()
          .min(1)
          .max(CODE_USES_MAX)
          .meta({ examples: [30] }),
        expiresAt: isoSchema.nullable().default(null),
      }),
      status: 201,
      answer: codeSchema,
      errors: ['course.not_found'],
      idempotency: 'optional',
    },
    listCodes: {
      method: 'GET',
      path: '/courses/{courseId}/codes',
      summary: 'The invitation codes of a course, newest first',
      ...manage,
      params: courseParams,
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(codeSchema),
      errors: ['course.not_found', 'request.cursor'],
    },
    disableCode: {
      method: 'POST',
      path: '/courses/{courseId}/codes/{codeId}/disable',
      summary: 'Let nobody else in with it; those who are in stay',
      ...manage,
      params: courseParams.extend({ codeId: idSchema('enrollmentCode') }),
      status: 200,
      answer: codeSchema,
      errors: ['course.not_found', 'enrollment.code_not_found'],
    },
  },
})
