import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { itemCompletionSchema } from './course-outline.ts'
import { defineEvents, type EventOf } from './envelope.ts'

export const contentEvents = defineEvents({
  'lesson.revised': {
    key: 'lessonId',
    data: z.object({
      lessonId: idSchema('lesson'),
      courseId: idSchema('course'),
      organizationId: idSchema('organization'),
      revision: z.int().positive(),
      title: z.string(),
      completion: itemCompletionSchema,
      /** Everything that this revision shows; media counts references by it. */
      mediaIds: z.array(idSchema('media')),
      assessmentIds: z.array(idSchema('assessment')),
    }),
  },
  'lesson.deleted': {
    key: 'lessonId',
    data: z.object({
      lessonId: idSchema('lesson'),
      courseId: idSchema('course'),
      organizationId: idSchema('organization'),
    }),
  },
})

export type ContentEvent = EventOf<typeof contentEvents>
