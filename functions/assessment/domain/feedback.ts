import type { Instant } from '../../../shared/kernel/time.ts'
import type { Assessment, Shown } from './assessment.ts'
import type { Attempt } from './attempt.ts'

const NOTHING: Shown = { score: false, correctness: false, key: false, explanations: false }

/**
 * What a learner may see of an attempt now: all that the phases it has reached show. A grade and what was graded
 * by hand wait for the release besides, whatever the phase.
 */
export const shownOf = (
  { state }: Pick<Attempt, 'state'>,
  { feedback, closesAt }: Pick<Assessment, 'feedback' | 'closesAt'>,
  now: Instant,
): Shown => {
  if (state === 'in_progress') return { ...NOTHING, ...feedback.during }
  const reached = [
    feedback.afterSubmit,
    ...(closesAt !== null && now >= closesAt ? [feedback.afterClose] : []),
    ...(state === 'released' ? [feedback.afterRelease] : []),
  ]
  return {
    score: state === 'released' && reached.some(({ score }) => score),
    correctness: reached.some(({ correctness }) => correctness),
    key: reached.some(({ key }) => key),
    explanations: reached.some(({ explanations }) => explanations),
  }
}
