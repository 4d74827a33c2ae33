import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { isoSchema } from '../kernel/time.ts'
import {
  certificateRuleSchema,
  completionRuleSchema,
  itemSchema,
  visibilitySchema,
} from './course-outline.ts'
import { defineEvents, type EventOf } from './envelope.ts'

const course = {
  courseId: idSchema('course'),
  organizationId: idSchema('organization'),
  title: z.string(),
  slug: z.string(),
  visibility: visibilitySchema,
  instructorIds: z.array(idSchema('account')),
}

export const courseEvents = defineEvents({
  'course.created': { key: 'courseId', data: z.object(course) },
  /** Title, slug, visibility or instructors are other than they were; never the published outline. */
  'course.updated': { key: 'courseId', data: z.object(course) },
  /** An immutable version exists; new learners get it, present ones stay on theirs. */
  'course.published': {
    key: 'courseId',
    data: z.object({
      ...course,
      versionId: idSchema('courseVersion'),
      versionNumber: z.int().positive(),
      prerequisiteIds: z.array(idSchema('course')),
      items: z.array(itemSchema),
      completionRule: completionRuleSchema,
      certificateRule: certificateRuleSchema,
      publishedAt: isoSchema,
    }),
  },
  'course.archived': {
    key: 'courseId',
    data: z.object({
      courseId: idSchema('course'),
      organizationId: idSchema('organization'),
      archivedAt: isoSchema,
    }),
  },
})

export type CourseEvent = EventOf<typeof courseEvents>
