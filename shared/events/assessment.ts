import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineEvents, type EventOf } from './envelope.ts'

const attempt = {
  attemptId: idSchema('attempt'),
  assessmentId: idSchema('assessment'),
  courseId: idSchema('course'),
  organizationId: idSchema('organization'),
  accountId: idSchema('account'),
}

export const assessmentEvents = defineEvents({
  'assessment.updated': {
    key: 'assessmentId',
    data: z.object({
      assessmentId: idSchema('assessment'),
      courseId: idSchema('course'),
      organizationId: idSchema('organization'),
      title: z.string(),
      revision: z.int().positive(),
      /** Final. Absent from what was told before archiving was. */
      isArchived: z.boolean().optional(),
    }),
  },
  'attempt.submitted': {
    key: 'attemptId',
    data: z.object({
      ...attempt,
      submittedAt: isoSchema,
      /** `deadline` when the sweeper closed it. */
      by: z.enum(['learner', 'deadline']),
    }),
  },
  /** A grade stands; under the attempt policy (best or last) it is the learner's for the assessment. */
  'attempt.graded': {
    key: 'attemptId',
    data: z.object({
      ...attempt,
      /** The learner's standing result for the assessment, in 1/10,000. */
      gradeBasisPoints: z.int().min(0).max(10_000),
      passed: z.boolean(),
      gradedAt: isoSchema,
      /** Grows with every result of this learner in this assessment, over all attempts: the greatest one counts. */
      resultNumber: z.int().positive().optional(),
    }),
  },
})

export type AssessmentEvent = EventOf<typeof assessmentEvents>
