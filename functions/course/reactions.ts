import type { Reactions } from '../../shared/bus/reaction.ts'
import { learnerAccessReactions } from '../../shared/projection/learner-access.ts'
import { dismissInstructor } from './domain.ts'
import type { Deps } from './routes.ts'
import { courses } from './store.ts'

const PAGE_COURSES_MAX = 100
/** Pages that one event goes through, more than anybody teaches; on what were left, rbac gives who has left nothing. */
const PAGES_MAX = 10

/** Who learns in a private course may know of it; who leaves the organisation teaches none of its courses. */
export const reactions: Reactions<Deps> = {
  ...learnerAccessReactions,

  async 'enrollment.ended'(received) {
    await learnerAccessReactions['enrollment.ended'](received)
    const { data, tx } = received
    await courses(tx).forgetLearner(data)
  },

  async 'member.added'({ data, event, tx }) {
    await courses(tx).putMembership({ ...data, isMember: true }, event.sequence)
  },

  async 'member.removed'({ data, event, tx }) {
    const store = courses(tx)
    if (!(await store.putMembership({ ...data, isMember: false }, event.sequence))) return
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const taught = await store.lockTaughtWithOthers({ ...data, limit: PAGE_COURSES_MAX })
      for (const course of taught) {
        const decision = dismissInstructor(course, data.accountId)
        await store.save(decision.course)
        await store.emit(decision.events)
      }
      if (taught.length < PAGE_COURSES_MAX) return
    }
  },
}
