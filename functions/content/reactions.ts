import type { Reactions, Received } from '../../shared/bus/reaction.ts'
import { courseRefReactions } from '../../shared/projection/course-refs.ts'
import { learnerAccessReactions } from '../../shared/projection/learner-access.ts'
import { type VideoFacts, videoAfter } from './domain/readiness.ts'
import type { Deps } from './routes.ts'
import { pinsOf, remembered } from './store.ts'

/**
 * Keeps what readiness and the learner's view must know of courses, learners, uploads and quizzes.
 */
export const reactions: Reactions<Deps> = {
  ...courseRefReactions,
  ...learnerAccessReactions,

  async 'course.published'(received) {
    await courseRefReactions['course.published'](received)
    const { versionId, courseId, organizationId, items } = received.data
    const pins = pinsOf(items)
    await remembered(received.tx).addVersion({ versionId, courseId, organizationId, pins })
  },

  async 'media.uploaded'({ data, tx }) {
    const media = await remembered(tx).mediaForUpdate(data)
    await remembered(tx).saveMedia({ ...media, ownerId: data.ownerId, kind: data.kind })
  },

  async 'media.deleted'({ data, tx }) {
    const media = await remembered(tx).mediaForUpdate(data)
    await remembered(tx).saveMedia({ ...media, isDeleted: true })
  },

  'video.processing_started': (received) => noteVideo(received, { state: 'processing' }),
  'video.ready': (received) => noteVideo(received, { state: 'ready' }),
  'video.failed': (received) =>
    noteVideo(received, { state: 'failed', reason: received.data.reason }),
  'video.cancelled': (received) =>
    noteVideo(received, { state: 'failed', reason: 'Its processing was cancelled.' }),

  async 'assessment.updated'({ data, tx }) {
    const { assessmentId, courseId, organizationId, isArchived = false } = data
    await remembered(tx).addAssessment({ assessmentId, courseId, organizationId, isArchived })
  },
}

type VideoEvent = 'video.processing_started' | 'video.ready' | 'video.failed' | 'video.cancelled'

const noteVideo = async (
  { data, tx }: Received<VideoEvent>,
  { state, reason = null }: { state: VideoFacts['state']; reason?: string | null },
): Promise<void> => {
  const media = await remembered(tx).mediaForUpdate(data)
  const video = videoAfter(media.video, { state, version: data.version, reason })
  await remembered(tx).saveMedia({ ...media, video })
}
