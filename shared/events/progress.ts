import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineEvents, type EventOf } from './envelope.ts'

const learner = {
  enrollmentId: idSchema('enrollment'),
  accountId: idSchema('account'),
  courseId: idSchema('course'),
  organizationId: idSchema('organization'),
  versionId: idSchema('courseVersion'),
}

export const progressEvents = defineEvents({
  'progress.item_completed': {
    key: 'enrollmentId',
    data: z.object({ ...learner, lessonId: idSchema('lesson'), completedAt: isoSchema }),
  },
  /** Said once per enrolment: completion is sticky. */
  'progress.course_completed': {
    key: 'enrollmentId',
    data: z.object({ ...learner, completedAt: isoSchema }),
  },
})

export type ProgressEvent = EventOf<typeof progressEvents>
