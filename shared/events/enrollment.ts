import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineEvents, type EventOf } from './envelope.ts'

const enrollment = {
  enrollmentId: idSchema('enrollment'),
  courseId: idSchema('course'),
  organizationId: idSchema('organization'),
  accountId: idSchema('account'),
}

export const enrollmentEvents = defineEvents({
  /** The learner has (or has again, or has a longer) access; the last one counts. */
  'enrollment.activated': {
    key: 'enrollmentId',
    data: z.object({
      ...enrollment,
      /** The version the learner stays on until migrated. */
      versionId: idSchema('courseVersion'),
      startsAt: isoSchema,
      endsAt: isoSchema.nullable(),
    }),
  },
  'enrollment.ended': {
    key: 'enrollmentId',
    data: z.object({
      ...enrollment,
      reason: z.enum(['unenrolled', 'removed', 'expired', 'revoked']),
      endedAt: isoSchema,
    }),
  },
})

export type EnrollmentEvent = EventOf<typeof enrollmentEvents>
