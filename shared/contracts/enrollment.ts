import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineContract } from './define.ts'

/** A live access: inside its window, with at least one entitlement. */
export const accessSchema = z.object({
  enrollmentId: idSchema('enrollment'),
  courseId: idSchema('course'),
  versionId: idSchema('courseVersion'),
  startsAt: isoSchema,
  endsAt: isoSchema.nullable(),
})

export const enrollmentContract = defineContract({
  service: 'enrollment',
  prefix: '/v1/enrollments',
  title: 'Enrolment',
  operations: {
    getOwnAccess: {
      method: 'GET',
      path: '/access',
      summary: 'Whether the caller may learn in a course now, and on which version',
      scope: 'organization',
      permission: 'enrollment:self',
      query: z.strictObject({ courseId: idSchema('course') }),
      status: 200,
      answer: accessSchema,
      errors: ['enrollment.no_access'],
    },
  },
})
