import {
  type assessmentContract,
  RELEASES_PER_CALL_MAX,
} from '../../shared/contracts/assessment.ts'
import type { InputOf } from '../../shared/contracts/define.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import type { Caller } from '../../shared/http/caller.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { assert } from '../../shared/kernel/assert.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import {
  type AssessmentId,
  type CourseId,
  type Id,
  newId,
  newOpaqueId,
} from '../../shared/kernel/id.ts'
import { toPage } from '../../shared/kernel/page.ts'
import { given } from '../../shared/kernel/readonly.ts'
import { type Instant, instantOf, notBefore } from '../../shared/kernel/time.ts'
import { type CourseClient, courseRefs } from '../../shared/projection/course-refs.ts'
import { type EnrollmentClient, learnerAccess } from '../../shared/projection/learner-access.ts'
import { beginOrGoOn, closeAttempt, keepAttempt, lockAttempt, newSeed } from './commands.ts'
import {
  type Assessment,
  archiveAssessment,
  changeSettings,
  createAssessment,
  questionIdsOf,
  type Settings,
} from './domain/assessment.ts'
import {
  type Attempt,
  drawItems,
  gradeByHand,
  overrideGrade,
  releaseAttempt,
  saveAnswers,
} from './domain/attempt.ts'
import {
  type Content,
  newQuestion,
  nextVersion,
  type Option,
  type OptionId,
  type Question,
  type QuestionId,
} from './domain/question.ts'
import {
  assessmentNotFound,
  attemptNotFound,
  courseNotFound,
  questionInUse,
  questionNotFound,
  questionUnknown,
} from './errors.ts'
import { assessments } from './store/assessments.ts'
import { type AttemptSummary, attempts } from './store/attempts.ts'
import { bank } from './store/bank.ts'
import {
  showAsked,
  showAssessment,
  showForGraders,
  showOwnAttempt,
  showQuestion,
  showSettings,
} from './views.ts'

export type Deps = { readonly course: CourseClient; readonly enrollment: EnrollmentClient }

export const routes: Handlers<typeof assessmentContract, Deps> = {
  async listQuestions(request, deps) {
    const { query, tx } = request
    await enterCourse('assessment:manage', { ...request, ...query }, deps)
    return toPage(await bank(tx).list(query.courseId, query), query.limit, {
      keyOf: ({ questionId }) => [questionId],
      itemOf: showQuestion,
    })
  },

  async createQuestion(request, deps) {
    const { body, caller, now, tx } = request
    const { courseId } = body
    await enterCourse('assessment:manage', { ...request, courseId }, deps)
    const { organizationId, accountId } = caller
    const questionId = newId('question')
    const content = withIds(body.content)
    const question = newQuestion({ questionId, courseId, organizationId, content }, now)
    await bank(tx).insert(question, accountId)
    return showQuestion(question)
  },

  async getQuestion(request, deps) {
    return showQuestion(await findQuestion(request, deps))
  },

  async replaceQuestion(request, deps) {
    const { body, ifMatch, caller, tx } = request
    const question = await findQuestion(request, deps, { isLocked: true })
    const content = withIds(body.content)
    const next = nextVersion(question, { content, expectedVersion: ifMatch })
    await bank(tx).addVersion(next, caller.accountId)
    return showQuestion(next)
  },

  async archiveQuestion(request, deps) {
    const { now, tx } = request
    const question = await findQuestion(request, deps, { isLocked: true })
    if (question.archivedAt !== null) return showQuestion(question)
    if (await bank(tx).isAsked(question.questionId)) throw questionInUse()
    await bank(tx).archive(question.questionId, now)
    return showQuestion({ ...question, archivedAt: now })
  },

  async listAccommodations(request, deps) {
    const { params, query, tx } = request
    await enterCourse('assessment:manage', { ...request, ...params }, deps)
    const listed = await assessments(tx).listAccommodations(params.courseId, query)
    return toPage(listed, query.limit, {
      keyOf: ({ accountId }) => [accountId],
      itemOf: (accommodation) => accommodation,
    })
  },

  async putAccommodation(request, deps) {
    const { params, body, caller, tx } = request
    await enterCourse('assessment:manage', { ...request, ...params }, deps)
    const { organizationId } = caller
    const accommodation = { ...params, ...body, organizationId }
    await assessments(tx).putAccommodation(accommodation)
    return accommodation
  },

  async listAssessments(request, deps) {
    const { query, tx } = request
    await enterCourse('assessment:manage', { ...request, ...query }, deps)
    return toPage(await assessments(tx).list(query.courseId, query), query.limit, {
      keyOf: ({ assessmentId }) => [assessmentId],
      itemOf: showSettings,
    })
  },

  async createAssessment(request, deps) {
    const { body, caller, now, tx } = request
    await enterCourse('assessment:manage', { ...request, ...body }, deps)
    const decision = createAssessment(
      {
        ...withInstants(body),
        courseId: body.courseId,
        assessmentId: newId('assessment'),
        organizationId: caller.organizationId,
      },
      now,
    )
    await refuseUnknownQuestions(tx, decision.assessment)
    await assessments(tx).insert(decision.assessment)
    await assessments(tx).emit(decision.events)
    return showSettings(decision.assessment)
  },

  async getOwnAttempt(request) {
    const { params, caller, now, tx } = request
    const attempt = await attempts(tx).find(params.attemptId)
    if (!attempt || attempt.accountId !== caller.accountId) throw attemptNotFound()
    return showOwnAttempt(attempt, await assessmentOf(tx, attempt), now)
  },

  async saveAnswers(request, deps) {
    const { params, body, ifMatch, now, tx } = request
    const { courseId } = await findOwnSummary(request)
    await findAccess({ ...request, courseId }, deps)
    const attempt = await lockOwnAttempt(request)
    const command = { ...body, expectedRevision: ifMatch }
    const { revision } = await keepAttempt(tx, attempt, saveAnswers(attempt, command, now))
    return { ...params, revision }
  },

  async submitAttempt(request) {
    const { now, tx } = request
    const attempt = await closeAttempt(tx, await lockOwnAttempt(request), now)
    return showOwnAttempt(attempt, await assessmentOf(tx, attempt), now)
  },

  async getAttemptForGrading(request, deps) {
    const { params, tx } = request
    await enterAttempt(request, deps)
    const attempt = await attempts(tx).find(params.attemptId)
    if (!attempt) throw attemptNotFound()
    return { ...showForGraders(attempt), items: attempt.items }
  },

  async gradeAnswer(request, deps) {
    const { params, body, ifMatch, caller, now, tx } = request
    const attempt = await lockForGrading(request, deps)
    const { questionId } = params
    const graderId = caller.accountId
    const command = { questionId, graderId, ...body, expectedRevision: ifMatch }
    const { items } = await keepAttempt(tx, attempt, gradeByHand(attempt, command, now))
    const graded = items.find((item) => item.questionId === questionId)
    assert(graded, 'what was graded is there')
    return graded
  },

  async releaseAttempt(request, deps) {
    const { now, tx } = request
    const attempt = await lockForGrading(request, deps)
    return showForGraders(await keepAttempt(tx, attempt, releaseAttempt(attempt, now)))
  },

  async overrideGrade(request, deps) {
    const { body, caller, ifMatch, now, tx } = request
    const attempt = await lockForGrading(request, deps)
    const override = { ...body, byId: caller.accountId, at: now }
    const decision = overrideGrade(attempt, { override, expectedRevision: ifMatch })
    return showForGraders(await keepAttempt(tx, attempt, decision))
  },

  async removeOverride(request, deps) {
    const { ifMatch, tx } = request
    const attempt = await lockForGrading(request, deps)
    const decision = overrideGrade(attempt, { override: null, expectedRevision: ifMatch })
    return showForGraders(await keepAttempt(tx, attempt, decision))
  },

  async getAssessment(request, deps) {
    const { params, caller, now, tx } = request
    const assessment = await assessments(tx).find(params.assessmentId)
    if (!assessment) throw assessmentNotFound()
    const { courseId, assessmentId } = assessment
    await hidingAs(assessmentNotFound(), () => findAccess({ ...request, courseId }, deps))
    const learner = { assessmentId, courseId, accountId: caller.accountId }
    return showAssessment(
      assessment,
      {
        attempts: await attempts(tx).ofLearner(learner),
        standing: await attempts(tx).findStanding(learner),
        timeFactorBasisPoints: await assessments(tx).timeFactorOf(learner),
      },
      now,
    )
  },

  async getSettings(request, deps) {
    return showSettings(await findAssessment('assessment:manage', request, deps))
  },

  async updateSettings(request, deps) {
    const { body, ifMatch, now, tx } = request
    const assessment = await findAssessment('assessment:manage', request, deps, { isLocked: true })
    const changes = withInstants(given(body))
    const hasResults =
      changes.policy !== undefined && (await attempts(tx).hasResults(assessment.assessmentId))
    const decision = changeSettings(assessment, { changes, expectedRevision: ifMatch, hasResults })
    if (changes.sections) await refuseUnknownQuestions(tx, decision.assessment)
    await assessments(tx).save(decision.assessment)
    const { assessmentId, closesAt } = decision.assessment
    // Once it has closed the key may be shown: nobody goes on answering.
    if (changes.closesAt && closesAt)
      await attempts(tx).endBy(assessmentId, notBefore(now, closesAt))
    await assessments(tx).emit(decision.events)
    return showSettings(decision.assessment)
  },

  async archiveAssessment(request, deps) {
    const { now, tx } = request
    const assessment = await findAssessment('assessment:manage', request, deps, { isLocked: true })
    const isNeeded = await assessments(tx).isNeeded(assessment)
    const decision = archiveAssessment(assessment, { isNeeded, now })
    await assessments(tx).save(decision.assessment)
    await assessments(tx).emit(decision.events)
    return showSettings(decision.assessment)
  },

  async previewAssessment(request, deps) {
    const assessment = await findAssessment('assessment:manage', request, deps)
    const questions = await bank(request.tx).newestOf(questionIdsOf(assessment))
    return { items: drawItems(assessment, { seed: newSeed(), questions }).map(showAsked) }
  },

  async startAttempt(request, deps) {
    const { params, caller, now, tx } = request
    const assessment = await assessments(tx).findForStart(params.assessmentId)
    if (!assessment) throw assessmentNotFound()
    const { courseId } = assessment
    await hidingAs(assessmentNotFound(), () => findAccess({ ...request, courseId }, deps))
    return showOwnAttempt(await beginOrGoOn(tx, assessment, caller.accountId), assessment, now)
  },

  async listAttempts(request, deps) {
    const { params, query, tx } = request
    await findAssessment('assessment:grade', request, deps)
    return toPage(await attempts(tx).list(params.assessmentId, query), query.limit, {
      keyOf: ({ attemptId }) => [attemptId],
      itemOf: showForGraders,
    })
  },

  async releaseAttempts(request, deps) {
    const { params, now, tx } = request
    await findAssessment('assessment:grade', request, deps)
    const limit = RELEASES_PER_CALL_MAX
    const graded = await attempts(tx).list(params.assessmentId, { state: 'graded', limit })
    // Learners are locked in one order, so that two of these cannot wait for each other.
    const page = graded.slice(0, limit).sort((a, b) => (a.accountId < b.accountId ? -1 : 1))
    let releasedCount = 0
    for (const { attemptId } of page) {
      const attempt = await lockAttempt(tx, attemptId)
      if (attempt?.state !== 'graded') continue
      await keepAttempt(tx, attempt, releaseAttempt(attempt, now))
      releasedCount += 1
    }
    return { releasedCount, hasMore: graded.length > limit }
  },

  async getStatistics(request, deps) {
    const { params, tx } = request
    await findAssessment('assessment:grade', request, deps)
    return { questions: await attempts(tx).statistics(params.assessmentId) }
  },
}

/** What every handler is handed, whatever its operation. */
type Asked = {
  readonly caller: Caller
  readonly headers: Headers
  readonly now: Instant
  readonly tx: Tx
}

type StaffPermission = 'assessment:manage' | 'assessment:grade'

/** Ends the check that the door began: the permission is held on this very course. */
const enterCourse = async (
  permission: StaffPermission,
  { courseId, caller, headers, tx }: Asked & { readonly courseId: CourseId },
  deps: Deps,
): Promise<void> => {
  const as = { headers, traceparent: tx.traceparent }
  const course = await courseRefs(tx).findOrAsk(courseId, deps.course, as)
  caller.require(permission, course, courseNotFound())
}

/** @throws `enrollment.no_access` for who may not learn in the course now. */
const findAccess = (
  { courseId, caller, headers, now, tx }: Asked & { readonly courseId: CourseId },
  deps: Deps,
) => {
  const { accountId, organizationId } = caller
  const as = { headers, traceparent: tx.traceparent }
  const learner = { courseId, accountId, organizationId }
  return learnerAccess(tx).findOrAsk(learner, { client: deps.enrollment, as, now })
}

/** Whatever says "not found" underneath says `hidden` to the caller: which part was missing is not theirs to learn. */
const hidingAs = async <Result>(
  hidden: DomainError,
  work: () => Promise<Result>,
): Promise<Result> => {
  try {
    return await work()
  } catch (error) {
    const isHidden =
      error instanceof DomainError && (error.kind === 'not_found' || error.kind === 'forbidden')
    throw isHidden ? hidden : error
  }
}

const findQuestion = async (
  request: Asked & { readonly params: { readonly questionId: QuestionId } },
  deps: Deps,
  { isLocked = false } = {},
): Promise<Question> => {
  const { questionId } = request.params
  const store = bank(request.tx)
  const question = await (isLocked ? store.findForUpdate(questionId) : store.find(questionId))
  if (!question) throw questionNotFound()
  const { courseId } = question
  await hidingAs(questionNotFound(), () =>
    enterCourse('assessment:manage', { ...request, courseId }, deps),
  )
  return question
}

const findAssessment = async (
  permission: StaffPermission,
  request: Asked & { readonly params: { readonly assessmentId: AssessmentId } },
  deps: Deps,
  { isLocked = false } = {},
): Promise<Assessment> => {
  const { assessmentId } = request.params
  const store = assessments(request.tx)
  const assessment = await (isLocked ? store.findForUpdate(assessmentId) : store.find(assessmentId))
  if (!assessment) throw assessmentNotFound()
  const { courseId } = assessment
  await hidingAs(assessmentNotFound(), () =>
    enterCourse(permission, { ...request, courseId }, deps),
  )
  return assessment
}

type OfAttempt = Asked & { readonly params: { readonly attemptId: Id<'attempt'> } }

/** For those who grade in its course; to all others the attempt does not exist. */
const enterAttempt = async (request: OfAttempt, deps: Deps): Promise<void> => {
  const attempt = await attempts(request.tx).findSummary(request.params.attemptId)
  if (!attempt) throw attemptNotFound()
  const { courseId } = attempt
  await hidingAs(attemptNotFound(), () =>
    enterCourse('assessment:grade', { ...request, courseId }, deps),
  )
}

const lockForGrading = async (request: OfAttempt, deps: Deps): Promise<Attempt> => {
  await enterAttempt(request, deps)
  const attempt = await lockAttempt(request.tx, request.params.attemptId)
  if (!attempt) throw attemptNotFound()
  return attempt
}

/** Another learner's attempt does not exist. */
const findOwnSummary = async ({ params, caller, tx }: OfAttempt): Promise<AttemptSummary> => {
  const attempt = await attempts(tx).findSummary(params.attemptId)
  if (attempt?.accountId !== caller.accountId) throw attemptNotFound()
  return attempt
}

const lockOwnAttempt = async ({ params, caller, tx }: OfAttempt): Promise<Attempt> => {
  const attempt = await lockAttempt(tx, params.attemptId)
  if (attempt?.accountId !== caller.accountId) throw attemptNotFound()
  return attempt
}

const assessmentOf = async (tx: Tx, attempt: Attempt): Promise<Assessment> => {
  const assessment = await assessments(tx).find(attempt.assessmentId)
  assert(assessment, 'an attempt has an assessment')
  return assessment
}

const refuseUnknownQuestions = async (tx: Tx, assessment: Assessment): Promise<void> => {
  const questionIds = questionIdsOf(assessment)
  const found = await bank(tx).countForAsking(assessment.courseId, questionIds)
  if (found !== questionIds.length) throw questionUnknown()
}

type SentContent = InputOf<
  (typeof assessmentContract)['operations']['createQuestion']
>['body']['content']

/** New options get ids that tell nothing of their place. */
const withIds = (content: SentContent): Content => {
  switch (content.kind) {
    case 'single':
    case 'multiple':
      return { ...content, options: content.options.map(withId) }
    case 'ordering':
      return { ...content, items: content.items.map(withId) }
    case 'matching':
      return {
        ...content,
        pairs: content.pairs.map(({ prompt, choice }) => ({
          prompt: withId(prompt),
          choice: withId(choice),
        })),
        distractors: content.distractors.map(withId),
      }
    default:
      return content
  }
}

const withId = <Sent extends { optionId?: OptionId | undefined } & Pick<Option, 'text'>>(
  option: Sent,
) => ({ ...option, optionId: option.optionId ?? newOpaqueId('option') })

type SentTimes = { readonly opensAt?: string | null; readonly closesAt?: string | null }
type WithInstants<Sent extends SentTimes> = Omit<Sent, 'opensAt' | 'closesAt'> &
  Pick<Settings, Extract<keyof Sent, 'opensAt' | 'closesAt'>>

/** The settings as the rules know them: instants instead of text, absent ones left out. */
const withInstants = <Sent extends SentTimes>(sent: Sent): WithInstants<Sent> => {
  const { opensAt, closesAt, ...others } = sent
  const instant = (text: string | null) => (text === null ? null : instantOf(text))
  return {
    ...others,
    ...(opensAt !== undefined && { opensAt: instant(opensAt) }),
    ...(closesAt !== undefined && { closesAt: instant(closesAt) }),
    // Spreading keeps which fields there are; the compiler does not follow it through a type parameter.
  } as unknown as WithInstants<Sent>
}
