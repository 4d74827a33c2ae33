import * as z from 'zod'
import { itemCompletionSchema } from '../events/course-outline.ts'
import { idSchema } from '../kernel/id.ts'
import { defineContract } from './define.ts'

export const LESSONS_PER_COURSE_MAX = 500

/** What a course must know of a lesson to publish it. */
export const lessonReadinessSchema = z.object({
  lessonId: idSchema('lesson'),
  revision: z.int().positive(),
  title: z.string(),
  completion: itemCompletionSchema,
  /** Why it cannot be published yet, in one sentence; null when it can. */
  notReady: z.string().nullable(),
})

export const contentContract = defineContract({
  service: 'content',
  prefix: '/v1/lessons',
  title: 'Content',
  operations: {
    listLessonReadiness: {
      method: 'GET',
      path: '/readiness',
      summary: 'Newest revision of every lesson of a course, and whether it can be published',
      scope: 'course',
      permission: 'content:read',
      query: z.strictObject({ courseId: idSchema('course') }),
      status: 200,
      answer: z.object({ items: z.array(lessonReadinessSchema).max(LESSONS_PER_COURSE_MAX) }),
      errors: ['course.not_found'],
    },
  },
})
