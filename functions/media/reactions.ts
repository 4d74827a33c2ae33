import type { Reactions } from '../../shared/bus/reaction.ts'
import { courseRefReactions } from '../../shared/projection/course-refs.ts'
import { learnerAccessReactions } from '../../shared/projection/learner-access.ts'
import type { Deps } from './routes.ts'
import { references } from './store.ts'

/** What shows a file keeps it; who learns where decides who may fetch it. */
export const reactions: Reactions<Deps> = {
  ...courseRefReactions,
  ...learnerAccessReactions,

  async 'lesson.revised'({ data, tx }) {
    const { lessonId, revision, courseId, organizationId, mediaIds } = data
    await references(tx).addRevision({ lessonId, revision, courseId, organizationId, mediaIds })
  },

  async 'lesson.deleted'({ data, tx }) {
    const { lessonId, courseId, organizationId } = data
    await references(tx).endLesson({ lessonId, courseId, organizationId })
  },

  async 'course.published'(received) {
    await courseRefReactions['course.published'](received)
    const { data, tx } = received
    await references(tx).pin(data.organizationId, data.items)
  },

  async 'user.profile_updated'({ data, event, tx }) {
    const { accountId, avatarMediaId } = data
    await references(tx).setAvatar({
      accountId,
      mediaId: avatarMediaId,
      sequence: event.sequence,
    })
  },
}
