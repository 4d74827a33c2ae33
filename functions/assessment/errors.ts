import { DomainError } from '../../shared/kernel/errors.ts'

export const courseNotFound = () =>
  new DomainError('not_found', 'course.not_found', 'There is no such course.')

/** Absent, or none of the caller's business. */
export const assessmentNotFound = () =>
  new DomainError('not_found', 'assessment.not_found', 'There is no such assessment.')

/** Absent, or somebody else's. */
export const attemptNotFound = () =>
  new DomainError('not_found', 'assessment.attempt_not_found', 'There is no such attempt.')

export const questionNotFound = () =>
  new DomainError('not_found', 'assessment.question_not_found', 'There is no such question.')

export const questionArchived = () =>
  new DomainError(
    'conflict',
    'assessment.question_archived',
    'An archived question stays as it is.',
  )

export const questionInvalid = (reason: string) =>
  new DomainError('unprocessable', 'assessment.question_invalid', reason)

export const questionInUse = () =>
  new DomainError(
    'conflict',
    'assessment.question_in_use',
    'An assessment asks this question: take it out there first.',
  )

export const questionUnknown = () =>
  new DomainError(
    'unprocessable',
    'assessment.question_unknown',
    'A question is not in the bank of this course.',
  )

export const assessmentArchived = () =>
  new DomainError('conflict', 'assessment.archived', 'This assessment is archived.')

export const assessmentInUse = () =>
  new DomainError(
    'conflict',
    'assessment.in_use',
    'Learners need this assessment: it is in the published version of the course, or in one that somebody learns on.',
  )

export const policyFixed = () =>
  new DomainError(
    'conflict',
    'assessment.policy_fixed',
    'Results have been told under this policy: it stays as it is.',
  )

export const assessmentInvalid = (reason: string) =>
  new DomainError('unprocessable', 'assessment.invalid', reason)

export const assessmentEmpty = () =>
  new DomainError('unprocessable', 'assessment.empty', 'This assessment asks nothing yet.')

export const revisionStale = (current: number) =>
  new DomainError(
    'precondition_failed',
    'assessment.revision_stale',
    'This has changed since you read it.',
    { extensions: { currentRevision: current } },
  )

export const notOpen = (opensAt: string) =>
  new DomainError('conflict', 'assessment.not_open', 'This assessment has not opened yet.', {
    extensions: { opensAt },
  })

export const closed = () =>
  new DomainError('conflict', 'assessment.closed', 'This assessment has closed.')

export const attemptsUsedUp = (max: number) =>
  new DomainError('conflict', 'assessment.attempts_used_up', `There are ${max} attempts at most.`)

export const attemptClosed = () =>
  new DomainError('conflict', 'assessment.attempt_closed', 'This attempt has been handed in.')

export const deadlinePassed = (deadline: string) =>
  new DomainError(
    'conflict',
    'assessment.deadline_passed',
    'The time for this attempt is over: what was saved before counts.',
    { extensions: { deadline } },
  )

export const answerInvalid = (questionId: string, reason: string) =>
  new DomainError('unprocessable', 'assessment.answer_invalid', reason, {
    extensions: { questionId },
  })

export const answersTooLarge = () =>
  new DomainError(
    'unprocessable',
    'assessment.answers_too_large',
    'The answers of this attempt are too long together.',
  )

export const commentsTooLarge = () =>
  new DomainError(
    'unprocessable',
    'assessment.comments_too_large',
    'The comments on this attempt are too long together.',
  )

export const attemptOpen = () =>
  new DomainError('conflict', 'assessment.attempt_open', 'This attempt has not been handed in yet.')

export const notGraded = () =>
  new DomainError('conflict', 'assessment.not_graded', 'Not every answer is graded yet.')

export const pointsInvalid = (max: number) =>
  new DomainError(
    'unprocessable',
    'assessment.points_invalid',
    `This question gives ${max} points.`,
  )
