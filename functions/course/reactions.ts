import type { Reactions } from '../../shared/bus/reaction.ts'
import type { Deps } from './routes.ts'
import { courses } from './store.ts'

/** Who learns in a private course may know of it. */
export const reactions: Reactions<Deps> = {
  async 'enrollment.activated'({ data, tx }) {
    await courses(tx).addLearner({
      courseId: data.courseId,
      accountId: data.accountId,
      organizationId: data.organizationId,
    })
  },

  async 'enrollment.ended'({ data, tx }) {
    await courses(tx).removeLearner(data)
  },
}
