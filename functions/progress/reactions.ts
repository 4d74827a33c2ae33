import type { Reactions, Received } from '../../shared/bus/reaction.ts'
import { instantOf } from '../../shared/kernel/time.ts'
import { courseRefReactions } from '../../shared/projection/course-refs.ts'
import { learnerAccessReactions } from '../../shared/projection/learner-access.ts'
import { rebuild, take, takeEnrollment } from './commands.ts'
import type { LearnerKey } from './domain.ts'
import { progress } from './store.ts'

/** Learners whom one `course.published` settles; the job settles the others. */
export const WAITING_LEARNERS_MAX = 100

export const reactions: Reactions<unknown> = {
  ...courseRefReactions,

  async 'course.published'(received) {
    await courseRefReactions['course.published'](received)
    const { data, tx } = received
    const { versionId } = data
    await progress(tx).addVersion(data)
    const waiting = await progress(tx).waiting({ versionId, limit: WAITING_LEARNERS_MAX })
    for (const { enrollmentId: _, ...learner } of waiting) await rebuild(tx, learner)
  },

  'enrollment.activated': takeAccess,
  'enrollment.window_changed': takeAccess,

  async 'enrollment.ended'(received) {
    await learnerAccessReactions['enrollment.ended'](received)
    const { data, event, tx } = received
    await takeEnrollment(tx, keyOf(data), {
      factId: event.id,
      kind: 'ended',
      at: instantOf(data.endedAt),
      ...{ enrollmentId: data.enrollmentId, sequence: event.sequence },
    })
  },

  async 'playback.progressed'({ data, event, tx }) {
    const { lessonId, mediaId, coverageBasisPoints, positionMs } = data
    await take(tx, keyOf(data), {
      factId: event.id,
      kind: 'watched',
      at: instantOf(event.time),
      ...{ lessonId, mediaId, coverageBasisPoints, positionMs },
    })
  },

  async 'attempt.graded'({ data, event, tx }) {
    await take(tx, keyOf(data), {
      factId: event.id,
      kind: 'graded',
      at: instantOf(data.gradedAt),
      ...{ assessmentId: data.assessmentId, passed: data.passed },
    })
  },
}

const keyOf = ({ accountId, courseId, organizationId }: LearnerKey): LearnerKey => ({
  accountId,
  courseId,
  organizationId,
})

async function takeAccess(
  received: Received<'enrollment.activated' | 'enrollment.window_changed'>,
): Promise<void> {
  await learnerAccessReactions['enrollment.activated'](received)
  const { data, event, tx } = received
  const { enrollmentId, versionId } = data
  await takeEnrollment(tx, keyOf(data), {
    factId: event.id,
    kind: 'enrolled',
    at: instantOf(event.time),
    ...{ enrollmentId, versionId, sequence: event.sequence },
  })
}
