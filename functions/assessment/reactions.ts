import type { Reactions } from '../../shared/bus/reaction.ts'
import { courseRefReactions } from '../../shared/projection/course-refs.ts'
import { learnerAccessReactions } from '../../shared/projection/learner-access.ts'
import { assessments } from './store/assessments.ts'

/** Only remembers: whose a course is, which quizzes its versions have, and who learns there. */
export const reactions: Reactions<unknown> = {
  ...courseRefReactions,
  ...learnerAccessReactions,

  async 'course.published'(received) {
    await courseRefReactions['course.published'](received)
    const { data, tx } = received
    const quizzes = data.items.flatMap(({ completion }) =>
      completion.kind === 'quiz_passed' ? [completion.assessmentId] : [],
    )
    await assessments(tx).pin(data, quizzes)
  },
}
