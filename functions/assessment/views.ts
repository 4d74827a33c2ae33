import { type Instant, toIso, toIsoOrNull } from '../../shared/kernel/time.ts'
import { gradeAnswer, keyOf } from './domain/answer.ts'
import { type Assessment, type Shown, sizeOf } from './domain/assessment.ts'
import { type Attempt, gradeOf, type Item, secondsFor } from './domain/attempt.ts'
import { asked } from './domain/draw.ts'
import { shownOf } from './domain/feedback.ts'
import type { Question } from './domain/question.ts'
import type { AttemptSummary, Standing } from './store/attempts.ts'

export const showQuestion = (question: Question) => ({
  ...question,
  createdAt: toIso(question.createdAt),
  archivedAt: toIsoOrNull(question.archivedAt),
})

/** As its builders see it. */
export const showSettings = (assessment: Assessment) => ({
  ...assessment,
  opensAt: toIsoOrNull(assessment.opensAt),
  closesAt: toIsoOrNull(assessment.closesAt),
  createdAt: toIso(assessment.createdAt),
  archivedAt: toIsoOrNull(assessment.archivedAt),
})

/** As a learner sees it. */
export const showAssessment = (
  assessment: Assessment,
  learner: {
    readonly attempts: readonly AttemptSummary[]
    readonly standing: Standing | undefined
    readonly timeFactorBasisPoints: number
  },
  now: Instant,
) => {
  const { timeLimitSeconds } = assessment
  const isResultShown = shownOf({ state: 'released' }, assessment, now).score
  return {
    ...assessment,
    ...sizeOf(assessment),
    timeLimitSeconds:
      timeLimitSeconds === null
        ? null
        : secondsFor(timeLimitSeconds, learner.timeFactorBasisPoints),
    opensAt: toIsoOrNull(assessment.opensAt),
    closesAt: toIsoOrNull(assessment.closesAt),
    attemptsUsed: learner.standing?.attemptsUsed ?? 0,
    attempts: learner.attempts
      .map((attempt) => showOwnSummary(attempt, shownOf(attempt, assessment, now)))
      .reverse(),
    standing: isResultShown ? (learner.standing?.grade ?? null) : null,
  }
}

/** As the learner whose it is sees it, in the phase that it is in. */
export const showOwnAttempt = (attempt: Attempt, assessment: Assessment, now: Instant) => {
  const shown = shownOf(attempt, assessment, now)
  return {
    ...showOwnSummary(attempt, shown),
    revision: attempt.revision,
    items: attempt.items.map((item) => showOwnItem(item, attempt, shown)),
  }
}

export const showAsked = ({ questionId, points, content, order }: Item) => ({
  questionId,
  points,
  asked: asked(content, order),
})

/** As those who grade see it, without its questions. */
export const showForGraders = (attempt: AttemptSummary) => ({
  ...showTimes(attempt),
  accountId: attempt.accountId,
  submittedBy: attempt.submittedBy,
  releasedAt: toIsoOrNull(attempt.releasedAt),
  grade: gradeOf(attempt),
  override: attempt.override && { ...attempt.override, at: toIso(attempt.override.at) },
  overrideRevision: attempt.overrideRevision,
})

const showTimes = (attempt: AttemptSummary) => {
  const { attemptId, assessmentId, number, state } = attempt
  return {
    ...{ attemptId, assessmentId, number, state },
    startedAt: toIso(attempt.startedAt),
    deadline: toIsoOrNull(attempt.deadline),
    submittedAt: toIsoOrNull(attempt.submittedAt),
  }
}

const showOwnSummary = (attempt: AttemptSummary, shown: Shown) => ({
  ...showTimes(attempt),
  grade: shown.score ? gradeOf(attempt) : null,
})

const showOwnItem = (item: Item, { state }: AttemptSummary, shown: Shown) => {
  // What a person gave waits for the release; what the key gave needs no more than the phase.
  const mayShowCredit = shown.correctness && (item.gradeRevision === 0 || state === 'released')
  const { content, answer } = item
  return {
    ...showAsked(item),
    answer,
    credit: mayShowCredit ? creditSoFar(item, state) : null,
    comment: mayShowCredit ? item.comment : null,
    key: shown.key ? keyOf(content) : null,
    explanation: shown.explanations ? content.explanation : null,
    optionFeedback: shown.explanations ? optionFeedback(item) : null,
  }
}

/** While the attempt goes on, only what has been answered. */
const creditSoFar = ({ content, answer, credit }: Item, state: Attempt['state']) =>
  state !== 'in_progress' ? credit : answer && gradeAnswer(content, answer)

const optionFeedback = ({ content, order }: Item) => {
  if (content.kind !== 'single' && content.kind !== 'multiple') return null
  const { options } = content
  return order.options.flatMap((optionId) => {
    const feedback = options.find((option) => option.optionId === optionId)?.feedback
    return feedback ? [{ optionId, feedback }] : []
  })
}
