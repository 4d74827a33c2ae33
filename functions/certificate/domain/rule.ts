import type { CertificateRule, Item } from '../../../shared/events/course-outline.ts'
import type { AssessmentId } from '../../../shared/kernel/id.ts'
import { addMs, DAY_MS, type Instant } from '../../../shared/kernel/time.ts'
import type { Reason } from './certificate.ts'

/** A published version, as far as a certificate speaks of it. */
export type VersionFacts = {
  readonly number: number
  readonly title: string
  readonly certificateRule: CertificateRule
  /** Whose mean is the grade: the required quizzes, or all of them when none is required. */
  readonly gradedBy: readonly AssessmentId[]
}

export const gradedBy = (items: readonly Item[]): readonly AssessmentId[] => {
  const quizzes = items.flatMap(({ required, completion }) =>
    completion.kind === 'quiz_passed' ? [{ required, assessmentId: completion.assessmentId }] : [],
  )
  const required = quizzes.filter((quiz) => quiz.required)
  const counted = required.length > 0 ? required : quizzes
  return [...new Set(counted.map(({ assessmentId }) => assessmentId))]
}

/** The learner's standing results by assessment, in 1/10,000. */
export type Grades = ReadonlyMap<AssessmentId, number>

/**
 * The mean of the standing grades over the quizzes that count, in 1/10,000, rounded down. One without a result
 * counts as nothing; null when none counts or none has a result.
 */
export const gradeOf = ({ gradedBy: counted }: VersionFacts, grades: Grades): number | null => {
  const results = counted.map((assessmentId) => grades.get(assessmentId))
  if (results.every((result) => result === undefined)) return null
  const sum = results.reduce<number>((total, result) => total + (result ?? 0), 0)
  return Math.floor(sum / results.length)
}

/** Whether every quiz that counts has a result: after a completion, missing ones are usually on their way. */
export const isGraded = ({ gradedBy: counted }: VersionFacts, grades: Grades): boolean =>
  counted.every((assessmentId) => grades.has(assessmentId))

/** Why the completion of this version earns no certificate; undefined if it does. */
export const refusal = (version: VersionFacts, grades: Grades): Reason | undefined => {
  const { certificateRule: rule } = version
  if (rule.kind === 'none')
    return { reasonCode: 'no_certificate', reason: 'This course gives no certificate.' }
  const grade = gradeOf(version, grades)
  if (rule.gradeBasisPointsMin === 0 || (grade ?? 0) >= rule.gradeBasisPointsMin) return undefined
  return {
    reasonCode: 'grade_too_low',
    reason: `The grade is ${percent(grade ?? 0)}; the certificate asks for ${percent(rule.gradeBasisPointsMin)}.`,
  }
}

/** `92.5 %` of 9,250 basis points. */
export const percent = (basisPoints: number): string => `${basisPoints / 100} %`

/** When a certificate issued now ends. A day is 24 hours here: no zone is the certificate's own. */
export const validUntil = (rule: CertificateRule, now: Instant): Instant | null =>
  rule.kind === 'none' || rule.validDays === null ? null : addMs(now, rule.validDays * DAY_MS)
