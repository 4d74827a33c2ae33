import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { defineEvents, type EventOf } from './envelope.ts'

export const videoStreamingEvents = defineEvents({
  /** A learner's watched part has grown; the newest per learner and media counts. */
  'playback.progressed': {
    key: 'accountId',
    data: z.object({
      accountId: idSchema('account'),
      organizationId: idSchema('organization'),
      courseId: idSchema('course'),
      lessonId: idSchema('lesson'),
      mediaId: idSchema('media'),
      /** Union of the watched intervals over the duration, in 1/10,000, rounded down. */
      coverageBasisPoints: z.int().min(0).max(10_000),
      positionMs: z.int().nonnegative(),
    }),
  },
})

export type VideoStreamingEvent = EventOf<typeof videoStreamingEvents>
