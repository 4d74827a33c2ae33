import type { Reactions } from '../../shared/bus/reaction.ts'
import { courseRefReactions } from '../../shared/projection/course-refs.ts'
import { learnerAccessReactions } from '../../shared/projection/learner-access.ts'

/** Only remembers: whose a course is, and who learns there. */
export const reactions: Reactions<unknown> = { ...courseRefReactions, ...learnerAccessReactions }
