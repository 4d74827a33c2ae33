import { createHash } from 'node:crypto'
import { ANSWERS_BYTES_MAX, COMMENTS_BYTES_MAX } from '../../../shared/contracts/assessment.ts'
import type { AssessmentEvent } from '../../../shared/events/assessment.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import type {
  AccountId,
  AssessmentId,
  CourseId,
  Id,
  OrganizationId,
} from '../../../shared/kernel/id.ts'
import { addMs, type Instant, notBefore, SECOND_MS, toIso } from '../../../shared/kernel/time.ts'
import {
  answerInvalid,
  answersTooLarge,
  assessmentArchived,
  assessmentEmpty,
  attemptClosed,
  attemptNotFound,
  attemptOpen,
  attemptsUsedUp,
  closed,
  commentsTooLarge,
  deadlinePassed,
  notGraded,
  notOpen,
  pointsInvalid,
  revisionStale,
} from '../errors.ts'
import { type Answer, type Credit, gradeAnswer, refuseInvalidAnswer } from './answer.ts'
import { type Assessment, drawQuestions, type Policy } from './assessment.ts'
import { drawOrder, type Order } from './draw.ts'
import type { Content, QuestionId } from './question.ts'

export const BASIS_POINTS = 10_000

/** One question of an attempt: the version that the attempt began with, and what became of it. */
export type Item = {
  readonly questionId: QuestionId
  readonly version: number
  readonly content: Content
  readonly points: number
  readonly order: Order
  readonly answer: Answer | null
  /** Null until it is graded. */
  readonly credit: Credit | null
  readonly comment: string | null
  readonly gradedById: AccountId | null
  /** Counts the grades that were given by hand. */
  readonly gradeRevision: number
}

export type Override = {
  readonly gradeBasisPoints: number
  readonly reason: string
  readonly byId: AccountId
  readonly at: Instant
}

/**
 * `in_progress` -> `submitted` (waits for graders) -> `graded` -> `released` (the grade stands). Where nothing
 * waits for a person, one step leads to the end.
 */
export type Attempt = {
  readonly attemptId: Id<'attempt'>
  readonly assessmentId: AssessmentId
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly accountId: AccountId
  readonly number: number
  readonly state: 'in_progress' | 'submitted' | 'graded' | 'released'
  /** Makes the draw and every order; never shown. */
  readonly seed: string
  /** As they were when it began. */
  readonly passMarkBasisPoints: number
  readonly release: 'automatic' | 'manual'
  readonly startedAt: Instant
  /** From this instant on nothing is taken any more; null without an end. */
  readonly deadline: Instant | null
  readonly submittedAt: Instant | null
  readonly submittedBy: 'learner' | 'deadline' | null
  readonly releasedAt: Instant | null
  /** Grows with every save. */
  readonly revision: number
  /** Of the save that made this revision: its repetition is no conflict. */
  readonly saveFingerprint: string | null
  /** What was graded, in 1/10,000 rounded down; null until all is. */
  readonly gradeBasisPoints: number | null
  readonly override: Override | null
  /** Grows with every override, and with its removal. */
  readonly overrideRevision: number
  readonly items: readonly Item[]
}

/** @property isResult whether the learner's result must be worked out anew. */
export type Decision = {
  readonly attempt: Attempt
  readonly events: readonly AssessmentEvent[]
  readonly isResult: boolean
}

export type Grade = { readonly gradeBasisPoints: number; readonly isPassed: boolean }

/** What an attempt pins of a question. */
export type Pinned = { readonly version: number; readonly content: Content }

const unchanged = (attempt: Attempt): Decision => ({ attempt, events: [], isResult: false })

/** @throws when the assessment takes nobody now, or this learner no more. */
export const startAttempt = (
  assessment: Assessment,
  command: {
    readonly attemptId: Id<'attempt'>
    readonly accountId: AccountId
    readonly attemptsUsed: number
    readonly timeFactorBasisPoints: number
    readonly seed: string
    readonly questions: ReadonlyMap<QuestionId, Pinned>
  },
  now: Instant,
): Decision => {
  refuseUnlessOpen(assessment, now)
  if (command.attemptsUsed >= assessment.attemptsMax) throw attemptsUsedUp(assessment.attemptsMax)
  const { attemptId, accountId, seed, questions } = command
  const { assessmentId, courseId, organizationId, passMarkBasisPoints, release } = assessment
  return unchanged({
    ...{ attemptId, assessmentId, courseId, organizationId, accountId, seed },
    ...{ passMarkBasisPoints, release },
    number: command.attemptsUsed + 1,
    state: 'in_progress',
    startedAt: now,
    deadline: deadlineOf(assessment, command.timeFactorBasisPoints, now),
    submittedAt: null,
    submittedBy: null,
    releasedAt: null,
    revision: 1,
    saveFingerprint: null,
    gradeBasisPoints: null,
    override: null,
    overrideRevision: 0,
    items: drawItems(assessment, { seed, questions }),
  })
}

/** What an attempt with this seed asks. @throws `assessment.empty` */
export const drawItems = (
  assessment: Assessment,
  { seed, questions }: { seed: string; questions: ReadonlyMap<QuestionId, Pinned> },
): readonly Item[] => {
  const items = drawQuestions(assessment, seed).map(({ questionId, points }): Item => {
    const pinned = questions.get(questionId)
    assert(pinned, 'an assessment asks only what is in the bank')
    const { content } = pinned
    const shuffles = assessment.shufflesOptions
    return {
      questionId,
      points,
      ...pinned,
      order: drawOrder(content, { seed, label: questionId, shuffles }),
      answer: null,
      credit: null,
      comment: null,
      gradedById: null,
      gradeRevision: 0,
    }
  })
  if (items.length === 0) throw assessmentEmpty()
  return items
}

/** min(start + limit x accommodation, close): decided once, by the server. */
export const deadlineOf = (
  { timeLimitSeconds, closesAt }: Pick<Assessment, 'timeLimitSeconds' | 'closesAt'>,
  timeFactorBasisPoints: number,
  now: Instant,
): Instant | null => {
  if (timeLimitSeconds === null) return closesAt
  const timedOutAt = addMs(now, secondsFor(timeLimitSeconds, timeFactorBasisPoints) * SECOND_MS)
  return closesAt !== null && closesAt < timedOutAt ? closesAt : timedOutAt
}

/** A time limit with somebody's extra time, rounded up to whole seconds. */
export const secondsFor = (timeLimitSeconds: number, timeFactorBasisPoints: number): number =>
  Math.ceil((timeLimitSeconds * timeFactorBasisPoints) / BASIS_POINTS)

export const isOverdue = ({ state, deadline }: Attempt, now: Instant): boolean =>
  state === 'in_progress' && deadline !== null && now >= deadline

type SavedAnswer = { readonly questionId: QuestionId; readonly answer: Answer | null }

/** @param now when the server received it: that alone decides what is late. */
export const saveAnswers = (
  attempt: Attempt,
  command: { readonly answers: readonly SavedAnswer[]; readonly expectedRevision: number },
  now: Instant,
): Decision => {
  const saveFingerprint = fingerprintOf(command.answers)
  const isRepeated =
    attempt.revision === command.expectedRevision + 1 && attempt.saveFingerprint === saveFingerprint
  if (isRepeated) return unchanged(attempt)
  const { deadline } = attempt
  if (deadline !== null && now >= deadline && attempt.submittedBy !== 'learner')
    throw deadlinePassed(toIso(deadline))
  if (attempt.state !== 'in_progress') throw attemptClosed()
  if (attempt.revision !== command.expectedRevision) throw revisionStale(attempt.revision)
  const items = withAnswers(attempt.items, command.answers)
  if (bytesOf(items.map(({ answer }) => answer)) > ANSWERS_BYTES_MAX) throw answersTooLarge()
  return unchanged({ ...attempt, items, revision: attempt.revision + 1, saveFingerprint })
}

/**
 * Hands in what is saved, for the learner or because the time is over, and grades what needs no person. Repeating
 * it changes nothing, whoever comes second.
 */
export const submitAttempt = (attempt: Attempt, now: Instant): Decision => {
  if (attempt.state !== 'in_progress') return unchanged(attempt)
  const by = isOverdue(attempt, now) ? 'deadline' : 'learner'
  const submittedAt =
    by === 'deadline' && attempt.deadline !== null
      ? attempt.deadline
      : notBefore(attempt.startedAt, now)
  const items = attempt.items.map((item) => ({
    ...item,
    credit: gradeAnswer(item.content, item.answer),
  }))
  const submitted: Attempt = { ...attempt, state: 'submitted', items, submittedAt, submittedBy: by }
  const { attemptId, assessmentId, courseId, organizationId, accountId } = attempt
  return settle(submitted, now, [
    {
      type: 'attempt.submitted',
      ...{ attemptId, assessmentId, courseId, organizationId, accountId, by },
      submittedAt: toIso(submittedAt),
    },
  ])
}

export const gradeByHand = (
  attempt: Attempt,
  command: {
    readonly questionId: QuestionId
    readonly points: number
    readonly comment: string
    readonly graderId: AccountId
    readonly expectedRevision: number
  },
  now: Instant,
): Decision => {
  const item = attempt.items.find(({ questionId }) => questionId === command.questionId)
  if (!item) throw attemptNotFound()
  if (attempt.state === 'in_progress') throw attemptOpen()
  if (item.gradeRevision !== command.expectedRevision) throw revisionStale(item.gradeRevision)
  if (command.points > item.points) throw pointsInvalid(item.points)
  const graded: Item = {
    ...item,
    credit: { earned: command.points, of: item.points },
    comment: command.comment,
    gradedById: command.graderId,
    gradeRevision: item.gradeRevision + 1,
  }
  const items = attempt.items.map((one) => (one === item ? graded : one))
  if (bytesOf(items.map(({ comment }) => comment)) > COMMENTS_BYTES_MAX) throw commentsTooLarge()
  return settle({ ...attempt, items }, now, [])
}

/** Lets the grade stand. Harmless to repeat. */
export const releaseAttempt = (attempt: Attempt, now: Instant): Decision => {
  if (attempt.state === 'released') return unchanged(attempt)
  if (attempt.state !== 'graded') throw notGraded()
  return { attempt: { ...attempt, state: 'released', releasedAt: now }, events: [], isResult: true }
}

/** @param override null lets what was graded count again. */
export const overrideGrade = (
  attempt: Attempt,
  { override, expectedRevision }: { override: Override | null; expectedRevision: number },
): Decision => {
  if (override === null && attempt.override === null) return unchanged(attempt)
  if (attempt.gradeBasisPoints === null) throw notGraded()
  if (attempt.overrideRevision !== expectedRevision) throw revisionStale(attempt.overrideRevision)
  return {
    attempt: { ...attempt, override, overrideRevision: attempt.overrideRevision + 1 },
    ...{ events: [], isResult: attempt.state === 'released' },
  }
}

/** What counts of an attempt: an override outranks what was graded. Null until it is graded. */
export const gradeOf = ({
  override,
  gradeBasisPoints,
  passMarkBasisPoints,
}: Pick<Attempt, 'override' | 'gradeBasisPoints' | 'passMarkBasisPoints'>): Grade | null => {
  const counted = override?.gradeBasisPoints ?? gradeBasisPoints
  return counted === null
    ? null
    : { gradeBasisPoints: counted, isPassed: counted >= passMarkBasisPoints }
}

/**
 * A learner's result of an assessment.
 *
 * @param grades of the released attempts, in the order of their numbers. Who passed once has passed under `best`,
 * whatever the pass mark was later.
 */
export const standingOf = (policy: Policy, grades: readonly Grade[]): Grade | null => {
  const last = grades.at(-1)
  if (policy === 'last' || !last) return last ?? null
  return {
    gradeBasisPoints: Math.max(...grades.map(({ gradeBasisPoints }) => gradeBasisPoints)),
    isPassed: grades.some(({ isPassed }) => isPassed),
  }
}

/** The event that tells the world of a result. */
export const gradedEvent = (
  { attemptId, assessmentId, courseId, organizationId, accountId }: Attempt,
  { standing, resultNumber }: { standing: Grade; resultNumber: number },
  now: Instant,
): AssessmentEvent => ({
  type: 'attempt.graded',
  ...{ attemptId, assessmentId, courseId, organizationId, accountId, resultNumber },
  gradeBasisPoints: standing.gradeBasisPoints,
  passed: standing.isPassed,
  gradedAt: toIso(now),
})

/** The points earned of all points, in 1/10,000, summed exactly and rounded down once; null while one is not graded. */
export const totalBasisPoints = (
  items: readonly Pick<Item, 'points' | 'credit'>[],
): number | null => {
  let earned = 0n
  let of = 1n
  let points = 0n
  for (const item of items) {
    if (item.credit === null) return null
    const part = BigInt(item.credit.of)
    earned = earned * part + BigInt(item.points) * BigInt(item.credit.earned) * of
    of *= part
    points += BigInt(item.points)
  }
  assert(points > 0n, 'an attempt has points')
  return Number((earned * BigInt(BASIS_POINTS)) / (of * points))
}

/** Moves on as far as the credits allow; a grade that stood and changed is a result again. */
const settle = (attempt: Attempt, now: Instant, events: readonly AssessmentEvent[]): Decision => {
  const gradeBasisPoints = totalBasisPoints(attempt.items)
  if (gradeBasisPoints === null) return { attempt, events, isResult: false }
  const graded = { ...attempt, gradeBasisPoints }
  if (attempt.state === 'released') return { attempt: graded, events, isResult: true }
  if (attempt.release === 'manual')
    return { attempt: { ...graded, state: 'graded' }, events, isResult: false }
  return { attempt: { ...graded, state: 'released', releasedAt: now }, events, isResult: true }
}

const refuseUnlessOpen = (assessment: Assessment, now: Instant): void => {
  const { archivedAt, opensAt, closesAt } = assessment
  if (archivedAt !== null) throw assessmentArchived()
  if (opensAt !== null && now < opensAt) throw notOpen(toIso(opensAt))
  if (closesAt !== null && now >= closesAt) throw closed()
}

const withAnswers = (items: readonly Item[], answers: readonly SavedAnswer[]): readonly Item[] => {
  const saved = new Map(answers.map((one) => [one.questionId, one]))
  for (const { questionId, answer } of answers) {
    const item = items.find((one) => one.questionId === questionId)
    if (!item) throw answerInvalid(questionId, 'This attempt does not ask this question.')
    if (answer) refuseInvalidAnswer(questionId, item.content, answer)
  }
  return items.map((item) => {
    const change = saved.get(item.questionId)
    return change ? { ...item, answer: change.answer } : item
  })
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

const fingerprintOf = (answers: readonly SavedAnswer[]): string =>
  createHash('sha256').update(JSON.stringify(answers)).digest('hex')
