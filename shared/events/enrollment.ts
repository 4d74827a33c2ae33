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

const access = z.object({
  ...enrollment,
  /** The version the learner stays on until migrated. */
  versionId: idSchema('courseVersion'),
  startsAt: isoSchema,
  endsAt: isoSchema.nullable(),
})

export const enrollmentEvents = defineEvents({
  /** An enrolment has begun: once for each. */
  'enrollment.activated': { key: 'enrollmentId', data: access },
  /** Its access begins or ends at another time than was said before; the last one counts. */
  'enrollment.window_changed': { key: 'enrollmentId', data: access },
  /** A learner who stays in the course by something else holds this licence seat no more: it is free again. */
  'enrollment.seat_left': {
    key: 'enrollmentId',
    data: z.object({ ...enrollment, seatId: idSchema('seat') }),
  },
  'enrollment.ended': {
    key: 'enrollmentId',
    data: z.object({
      ...enrollment,
      reason: z.enum(['unenrolled', 'removed', 'expired', 'revoked']),
      endedAt: isoSchema,
      /** Licence seats that its learner held: they are free again. Absent from what was told before seats came back. */
      seatIds: z.array(idSchema('seat')).optional(),
    }),
  },
})

export type EnrollmentEvent = EventOf<typeof enrollmentEvents>
