import {
  QUESTIONS_PER_ASSESSMENT_MAX,
  QUESTIONS_PER_ATTEMPT_MAX,
} from '../../../shared/contracts/assessment.ts'
import type { AssessmentEvent } from '../../../shared/events/assessment.ts'
import type { AssessmentId, CourseId, OrganizationId } from '../../../shared/kernel/id.ts'
import type { Instant } from '../../../shared/kernel/time.ts'
import {
  assessmentArchived,
  assessmentInUse,
  assessmentInvalid,
  policyFixed,
  revisionStale,
} from '../errors.ts'
import { shuffled } from './draw.ts'
import type { QuestionId } from './question.ts'

/** Questions of one worth, of which every attempt draws as many. */
export type Section = {
  readonly title: string
  readonly questionIds: readonly QuestionId[]
  /** Null draws all. */
  readonly drawCount: number | null
  readonly pointsEach: number
}

/** What a phase shows beside the questions and one's own answers. */
export type Shown = {
  readonly score: boolean
  readonly correctness: boolean
  readonly key: boolean
  readonly explanations: boolean
}

export type Feedback = {
  readonly during: { readonly correctness: boolean }
  readonly afterSubmit: Shown
  readonly afterClose: Shown
  readonly afterRelease: Shown
}

export type Policy = 'best' | 'last'

export type Settings = {
  readonly title: string
  readonly instructions: string
  readonly sections: readonly Section[]
  readonly shufflesQuestions: boolean
  readonly shufflesOptions: boolean
  readonly attemptsMax: number
  readonly timeLimitSeconds: number | null
  readonly opensAt: Instant | null
  readonly closesAt: Instant | null
  /** 1/10,000 of all points. */
  readonly passMarkBasisPoints: number
  readonly policy: Policy
  readonly release: 'automatic' | 'manual'
  readonly feedback: Feedback
}

export type Assessment = Settings & {
  readonly assessmentId: AssessmentId
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly revision: number
  readonly createdAt: Instant
  readonly archivedAt: Instant | null
}

export type Decision = {
  readonly assessment: Assessment
  readonly events: readonly AssessmentEvent[]
}

export const createAssessment = (
  command: Omit<Assessment, 'revision' | 'createdAt' | 'archivedAt'>,
  now: Instant,
): Decision => {
  refuseInvalid(command)
  return updated({ ...command, revision: 1, createdAt: now, archivedAt: null })
}

export const changeSettings = (
  assessment: Assessment,
  {
    changes,
    expectedRevision,
    hasResults,
  }: { changes: Partial<Settings>; expectedRevision: number; hasResults: boolean },
): Decision => {
  if (assessment.archivedAt !== null) throw assessmentArchived()
  if (assessment.revision !== expectedRevision) throw revisionStale(assessment.revision)
  // What was told of the learners' results, and what came of it, would be that of another policy.
  if (hasResults && changes.policy && changes.policy !== assessment.policy) throw policyFixed()
  const changed = { ...assessment, ...changes, revision: assessment.revision + 1 }
  refuseInvalid(changed)
  return updated(changed)
}

/**
 * Final, and harmless to repeat.
 *
 * @param isNeeded there are learners, or there will be, who cannot complete their version without it.
 */
export const archiveAssessment = (
  assessment: Assessment,
  { isNeeded, now }: { isNeeded: boolean; now: Instant },
): Decision => {
  if (assessment.archivedAt !== null) return { assessment, events: [] }
  if (isNeeded) throw assessmentInUse()
  return updated({ ...assessment, archivedAt: now, revision: assessment.revision + 1 })
}

export const questionIdsOf = ({ sections }: Pick<Settings, 'sections'>): readonly QuestionId[] =>
  sections.flatMap(({ questionIds }) => questionIds)

/** How many questions every attempt asks, and for how many points. */
export const sizeOf = ({
  sections,
}: Pick<Settings, 'sections'>): { questionCount: number; pointsMax: number } => ({
  questionCount: sections.reduce((sum, section) => sum + drawnOf(section), 0),
  pointsMax: sections.reduce((sum, section) => sum + drawnOf(section) * section.pointsEach, 0),
})

/** Which questions an attempt with this seed asks, in which order. */
export const drawQuestions = (
  { sections, shufflesQuestions }: Pick<Settings, 'sections' | 'shufflesQuestions'>,
  seed: string,
): readonly { readonly questionId: QuestionId; readonly points: number }[] => {
  const drawn = sections.flatMap((section, index) => {
    const chosen = new Set(
      shuffled(section.questionIds, seed, `draw/${index}`).slice(0, drawnOf(section)),
    )
    return section.questionIds
      .filter((questionId) => chosen.has(questionId))
      .map((questionId) => ({ questionId, points: section.pointsEach }))
  })
  if (!shufflesQuestions) return drawn
  const byId = new Map(drawn.map((question) => [question.questionId, question]))
  return shuffled([...byId.keys()], seed, 'questions').flatMap(
    (questionId) => byId.get(questionId) ?? [],
  )
}

const drawnOf = ({ drawCount, questionIds }: Section): number => drawCount ?? questionIds.length

const refuseInvalid = (settings: Settings): void => {
  const questionIds = questionIdsOf(settings)
  if (questionIds.length > QUESTIONS_PER_ASSESSMENT_MAX)
    throw assessmentInvalid(`An assessment has ${QUESTIONS_PER_ASSESSMENT_MAX} questions at most.`)
  if (new Set(questionIds).size !== questionIds.length)
    throw assessmentInvalid('A question stands in the assessment more than once.')
  if (settings.sections.some((section) => drawnOf(section) > section.questionIds.length))
    throw assessmentInvalid('A section draws more questions than it has.')
  if (sizeOf(settings).questionCount > QUESTIONS_PER_ATTEMPT_MAX)
    throw assessmentInvalid(`An attempt asks ${QUESTIONS_PER_ATTEMPT_MAX} questions at most.`)
  const { opensAt, closesAt } = settings
  if (opensAt !== null && closesAt !== null && opensAt >= closesAt)
    throw assessmentInvalid('An assessment opens before it closes.')
}

const updated = (assessment: Assessment): Decision => {
  const { assessmentId, courseId, organizationId, title, revision } = assessment
  const isArchived = assessment.archivedAt !== null
  const facts = { assessmentId, courseId, organizationId, title, revision, isArchived }
  return { assessment, events: [{ type: 'assessment.updated', ...facts }] }
}
