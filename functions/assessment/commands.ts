import { randomBytes } from 'node:crypto'
import type { Tx } from '../../shared/db/transaction.ts'
import { assert } from '../../shared/kernel/assert.ts'
import { type AccountId, type Id, newId } from '../../shared/kernel/id.ts'
import type { Instant } from '../../shared/kernel/time.ts'
import { type Assessment, questionIdsOf } from './domain/assessment.ts'
import {
  type Attempt,
  type Decision,
  gradedEvent,
  gradeOf,
  isOverdue,
  standingOf,
  startAttempt,
  submitAttempt,
} from './domain/attempt.ts'
import { assessments } from './store/assessments.ts'
import { attempts } from './store/attempts.ts'
import { bank } from './store/bank.ts'

/**
 * The attempt with its learner's row locked, read after the lock: what is decided on it is decided on what is
 * true. Undefined when there is none.
 */
export const lockAttempt = async (
  tx: Tx,
  attemptId: Id<'attempt'>,
): Promise<Attempt | undefined> =>
  (await attempts(tx).lockFor(attemptId)) ? attempts(tx).find(attemptId) : undefined

/** Keeps what was decided on a locked attempt; a result that changed is worked out anew and told. */
export const keepAttempt = async (
  tx: Tx,
  before: Attempt,
  { attempt, events, isResult }: Decision,
): Promise<Attempt> => {
  if (attempt !== before) await attempts(tx).save(attempt, before)
  await assessments(tx).emit(events)
  if (isResult) await tellResult(tx, attempt)
  return attempt
}

/** Hands in what is saved, unless somebody has: the same for the learner, the sweeper and the next start. */
export const closeAttempt = async (tx: Tx, attempt: Attempt, now: Instant): Promise<Attempt> =>
  keepAttempt(tx, attempt, submitAttempt(attempt, now))

/** One attempt at a time: however many start at once, the first one begins it and the others go on with it. */
export const beginOrGoOn = async (
  tx: Tx,
  assessment: Assessment,
  accountId: AccountId,
): Promise<Attempt> => {
  const { now } = tx
  const { assessmentId, organizationId, courseId } = assessment
  const learner = { assessmentId, organizationId, accountId }
  const { attemptsUsed } = await attempts(tx).lock(learner)
  const standing = await attempts(tx).findInProgress(learner)
  if (standing && !isOverdue(standing, now)) return standing
  if (standing) await closeAttempt(tx, standing, now)
  const { attempt } = startAttempt(
    assessment,
    {
      attemptId: newId('attempt'),
      accountId,
      attemptsUsed,
      timeFactorBasisPoints: await assessments(tx).timeFactorOf({ courseId, accountId }),
      seed: newSeed(),
      questions: await bank(tx).newestOf(questionIdsOf(assessment)),
    },
    now,
  )
  await attempts(tx).insert(attempt)
  return attempt
}

/** Makes one draw: 128 bits that nobody can guess. */
export const newSeed = (): string => randomBytes(16).toString('hex')

const tellResult = async (tx: Tx, attempt: Attempt): Promise<void> => {
  const [assessment, all] = await Promise.all([
    assessments(tx).find(attempt.assessmentId),
    attempts(tx).ofLearner(attempt),
  ])
  assert(assessment, 'an attempt has an assessment')
  const released = all.filter(({ state }) => state === 'released')
  const standing = standingOf(
    assessment.policy,
    released.flatMap((one) => gradeOf(one) ?? []),
  )
  assert(standing, 'a released attempt has a grade')
  const resultNumber = await attempts(tx).saveResult(attempt, standing)
  await assessments(tx).emit([gradedEvent(attempt, { standing, resultNumber }, tx.now)])
}
