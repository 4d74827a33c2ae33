import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { pageOf, pageQuery } from '../kernel/page.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineContract } from './define.ts'

export const OPTIONS_PER_QUESTION_MAX = 20
export const ACCEPTED_TEXTS_MAX = 50
export const SECTIONS_PER_ASSESSMENT_MAX = 20
/** In all sections together, drawn or not. */
export const QUESTIONS_PER_ASSESSMENT_MAX = 500
/** That one learner is asked. With the three sizes below, an attempt fits into an answer (1 MB). */
export const QUESTIONS_PER_ATTEMPT_MAX = 100
/** One question as JSON, key included. */
export const QUESTION_BYTES_MAX = 6_000
/** All answers of one attempt as JSON. */
export const ANSWERS_BYTES_MAX = 200_000
/** All comments of one attempt as JSON. */
export const COMMENTS_BYTES_MAX = 100_000
export const POINTS_PER_QUESTION_MAX = 1_000
export const ATTEMPTS_PER_LEARNER_MAX = 100
export const TIME_LIMIT_SECONDS_MIN = 30
export const TIME_LIMIT_SECONDS_MAX = 7 * 24 * 60 * 60
export const TIME_FACTOR_BASIS_POINTS_MAX = 100_000
export const ESSAY_LENGTH_MAX = 20_000
/** Attempts that one bulk release takes; it says whether there are more. */
export const RELEASES_PER_CALL_MAX = 100
const QUESTIONS_PER_PAGE_MAX = 50
const COMMENT_LENGTH_MAX = 2_000

const titleSchema = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .meta({ examples: ['Continuity, the test'] })

const promptSchema = z
  .string()
  .trim()
  .min(1)
  .max(4_000)
  .meta({ examples: ['Which cut hides itself in a movement?'] })

const optionTextSchema = z.string().trim().min(1).max(500)
const remarkSchema = z.string().trim().max(1_000).default('')

/** Exact: no floating point between what is written and what is compared. */
const decimalSchema = z
  .string()
  .regex(/^-?\d{1,15}(\.\d{1,9})?$/, { error: 'must be a decimal number' })
  .meta({ examples: ['24', '-0.125'] })

const basisPointsSchema = z
  .int()
  .min(0)
  .max(10_000)
  .meta({ examples: [7_500] })

const questionKindSchema = z.enum([
  'single',
  'multiple',
  'true_false',
  'numeric',
  'short_text',
  'ordering',
  'matching',
  'essay',
])

/** A question with its key: staff only. Ids of options may be left out in what is sent: those are new. */
const contentOf = <OptionId extends z.ZodType>(optionId: OptionId) => {
  const common = { prompt: promptSchema, explanation: remarkSchema }
  const choice = z.strictObject({
    optionId,
    text: optionTextSchema,
    isCorrect: z.boolean(),
    feedback: remarkSchema,
  })
  const options = z.array(choice).min(2).max(OPTIONS_PER_QUESTION_MAX)
  const item = z.strictObject({ optionId, text: optionTextSchema })
  return z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('single'), ...common, options }),
    z.strictObject({ kind: z.literal('multiple'), ...common, options }),
    z.strictObject({ kind: z.literal('true_false'), ...common, isTrue: z.boolean() }),
    z.strictObject({
      kind: z.literal('numeric'),
      ...common,
      value: decimalSchema,
      /** Right is what lies so far from `value` at most. */
      tolerance: decimalSchema.default('0'),
    }),
    z.strictObject({
      kind: z.literal('short_text'),
      ...common,
      /** Compared after NFKC, without regard to case and amount of white space. */
      acceptedTexts: z.array(z.string().trim().min(1).max(200)).min(1).max(ACCEPTED_TEXTS_MAX),
    }),
    z.strictObject({
      kind: z.literal('ordering'),
      ...common,
      /** In the right order. */
      items: z.array(item).min(2).max(OPTIONS_PER_QUESTION_MAX),
    }),
    z.strictObject({
      kind: z.literal('matching'),
      ...common,
      pairs: z
        .array(z.strictObject({ prompt: item, choice: item }))
        .min(2)
        .max(OPTIONS_PER_QUESTION_MAX),
      /** Choices that belong to no prompt. */
      distractors: z.array(item).max(OPTIONS_PER_QUESTION_MAX).default([]),
    }),
    z.strictObject({
      kind: z.literal('essay'),
      ...common,
      /** For those who grade it. */
      guidance: z.string().trim().max(2_000).default(''),
      lengthMax: z.int().min(1).max(ESSAY_LENGTH_MAX).default(ESSAY_LENGTH_MAX),
    }),
  ])
}

const contentInputSchema = contentOf(idSchema('option').optional())
const contentSchema = contentOf(idSchema('option'))

const questionSchema = z.object({
  questionId: idSchema('question'),
  courseId: idSchema('course'),
  /** Grows with every change; attempts keep the version they began with. It is the ETag. */
  version: z.int().positive(),
  content: contentSchema,
  createdAt: isoSchema,
  archivedAt: isoSchema.nullable(),
})

const textOptionSchema = z.object({ optionId: idSchema('option'), text: z.string() })

/** A question as a learner sees it: a type of its own, in which the key has no place. */
const askedSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('single'),
    prompt: z.string(),
    options: z.array(textOptionSchema),
  }),
  z.object({
    kind: z.literal('multiple'),
    prompt: z.string(),
    options: z.array(textOptionSchema),
  }),
  z.object({ kind: z.literal('true_false'), prompt: z.string() }),
  z.object({ kind: z.literal('numeric'), prompt: z.string() }),
  z.object({ kind: z.literal('short_text'), prompt: z.string() }),
  z.object({
    kind: z.literal('ordering'),
    prompt: z.string(),
    options: z.array(textOptionSchema),
  }),
  z.object({
    kind: z.literal('matching'),
    prompt: z.string(),
    prompts: z.array(textOptionSchema),
    choices: z.array(textOptionSchema),
  }),
  z.object({ kind: z.literal('essay'), prompt: z.string(), lengthMax: z.int() }),
])

const optionIdsSchema = z.array(idSchema('option')).max(OPTIONS_PER_QUESTION_MAX)
const pairsSchema = z
  .array(z.strictObject({ promptId: idSchema('option'), choiceId: idSchema('option') }))
  .max(OPTIONS_PER_QUESTION_MAX)

const answerSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('single'), optionId: idSchema('option') }),
  z.strictObject({ kind: z.literal('multiple'), optionIds: optionIdsSchema }),
  z.strictObject({ kind: z.literal('true_false'), isTrue: z.boolean() }),
  z.strictObject({ kind: z.literal('numeric'), value: decimalSchema }),
  z.strictObject({ kind: z.literal('short_text'), text: z.string().max(500) }),
  /** Every option once, in the order that the learner gives them. */
  z.strictObject({ kind: z.literal('ordering'), optionIds: optionIdsSchema }),
  z.strictObject({ kind: z.literal('matching'), pairs: pairsSchema }),
  z.strictObject({ kind: z.literal('essay'), text: z.string().max(ESSAY_LENGTH_MAX) }),
])

/** The right answer, once the phase shows it. */
const keySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('single'), optionId: idSchema('option') }),
  z.object({ kind: z.literal('multiple'), optionIds: z.array(idSchema('option')) }),
  z.object({ kind: z.literal('true_false'), isTrue: z.boolean() }),
  z.object({ kind: z.literal('numeric'), value: z.string(), tolerance: z.string() }),
  z.object({ kind: z.literal('short_text'), acceptedTexts: z.array(z.string()) }),
  z.object({ kind: z.literal('ordering'), optionIds: z.array(idSchema('option')) }),
  z.object({
    kind: z.literal('matching'),
    pairs: z.array(z.object({ promptId: idSchema('option'), choiceId: idSchema('option') })),
  }),
])

/** Part of a question's points, exactly: `earned` of `of`. */
const creditSchema = z.object({ earned: z.int().nonnegative(), of: z.int().positive() })

const attemptStateSchema = z.enum(['in_progress', 'submitted', 'graded', 'released'])

const gradeFields = {
  /** In 1/10,000, rounded down. */
  gradeBasisPoints: basisPointsSchema,
  isPassed: z.boolean(),
}

const learnerItemSchema = z.object({
  questionId: idSchema('question'),
  points: z.int().positive(),
  asked: askedSchema,
  answer: answerSchema.nullable(),
  /** Null while this phase does not show it, or nobody has graded it yet; so with all that follows. */
  credit: creditSchema.nullable(),
  comment: z.string().nullable(),
  key: keySchema.nullable(),
  explanation: z.string().nullable(),
  optionFeedback: z
    .array(z.object({ optionId: idSchema('option'), feedback: z.string() }))
    .nullable(),
})

const attemptFields = {
  attemptId: idSchema('attempt'),
  assessmentId: idSchema('assessment'),
  /** 1 for the learner's first. */
  number: z.int().positive(),
  state: attemptStateSchema,
  startedAt: isoSchema,
  /** The server's clock decides; null when nothing ends it. */
  deadline: isoSchema.nullable(),
  submittedAt: isoSchema.nullable(),
}

const ownAttemptSummarySchema = z.object({
  ...attemptFields,
  /** Null until it is released, or while this phase does not show it. */
  grade: z.object(gradeFields).nullable(),
})

const ownAttemptSchema = ownAttemptSummarySchema.extend({
  /** Grows with every save; it is the ETag. */
  revision: z.int().positive(),
  items: z.array(learnerItemSchema),
})

const overrideSchema = z.object({
  gradeBasisPoints: basisPointsSchema,
  reason: z.string(),
  byId: idSchema('account'),
  at: isoSchema,
})

const gradedItemSchema = z.object({
  questionId: idSchema('question'),
  version: z.int().positive(),
  points: z.int().positive(),
  content: contentSchema,
  answer: answerSchema.nullable(),
  credit: creditSchema.nullable(),
  comment: z.string().nullable(),
  gradedById: idSchema('account').nullable(),
  /** Grows with every grade that somebody gives by hand; it is the ETag of that. */
  gradeRevision: z.int().nonnegative(),
})

const staffAttemptSummarySchema = z.object({
  ...attemptFields,
  accountId: idSchema('account'),
  submittedBy: z.enum(['learner', 'deadline']).nullable(),
  releasedAt: isoSchema.nullable(),
  /** What counts: an override outranks what was graded. */
  grade: z.object(gradeFields).nullable(),
  override: overrideSchema.nullable(),
  /** What `If-Match` names where the override is set or removed. */
  overrideRevision: z.int().min(0),
})

const staffAttemptSchema = staffAttemptSummarySchema.extend({ items: z.array(gradedItemSchema) })

const shownSchema = z.strictObject({
  score: z.boolean().default(false),
  /** The credit of each question, and comments. */
  correctness: z.boolean().default(false),
  key: z.boolean().default(false),
  explanations: z.boolean().default(false),
})

/** What each phase adds; what has been shown once is not taken back. */
const feedbackSchema = z.strictObject({
  /** Practice: the credit of every answer that was saved. The key is never shown before the end. */
  during: z.strictObject({ correctness: z.boolean().default(false) }),
  afterSubmit: shownSchema,
  /** From `closesAt` on. */
  afterClose: shownSchema,
  afterRelease: shownSchema,
})

const sectionSchema = z.strictObject({
  title: z.string().trim().max(200).default(''),
  questionIds: z.array(idSchema('question')).min(1).max(QUESTIONS_PER_ASSESSMENT_MAX),
  /** How many of them each attempt draws; null for all. */
  drawCount: z.int().min(1).max(QUESTIONS_PER_ATTEMPT_MAX).nullable().default(null),
  /** The same for each question, so that every draw is worth the same. */
  pointsEach: z
    .int()
    .min(1)
    .max(POINTS_PER_QUESTION_MAX)
    .default(1)
    .meta({ examples: [2] }),
})

const settingsFields = {
  title: titleSchema,
  instructions: z.string().trim().max(10_000),
  sections: z.array(sectionSchema).max(SECTIONS_PER_ASSESSMENT_MAX),
  shufflesQuestions: z.boolean(),
  shufflesOptions: z.boolean(),
  attemptsMax: z.int().min(1).max(ATTEMPTS_PER_LEARNER_MAX),
  timeLimitSeconds: z
    .int()
    .min(TIME_LIMIT_SECONDS_MIN)
    .max(TIME_LIMIT_SECONDS_MAX)
    .nullable()
    .meta({ examples: [1_800] }),
  opensAt: isoSchema.nullable(),
  closesAt: isoSchema.nullable(),
  passMarkBasisPoints: basisPointsSchema,
  /** Which of the released attempts is the learner's result. */
  policy: z.enum(['best', 'last']),
  /** `automatic`: as soon as every answer is graded. */
  release: z.enum(['automatic', 'manual']),
  feedback: feedbackSchema,
}

const defaultFeedback = {
  during: { correctness: false },
  afterSubmit: { score: true, correctness: false, key: false, explanations: false },
  afterClose: { score: true, correctness: true, key: true, explanations: true },
  afterRelease: { score: true, correctness: false, key: false, explanations: false },
}

const newSettingsSchema = z.strictObject({
  courseId: idSchema('course'),
  title: settingsFields.title,
  instructions: settingsFields.instructions.default(''),
  sections: settingsFields.sections.default([]),
  shufflesQuestions: settingsFields.shufflesQuestions.default(true),
  shufflesOptions: settingsFields.shufflesOptions.default(true),
  attemptsMax: settingsFields.attemptsMax.default(1),
  timeLimitSeconds: settingsFields.timeLimitSeconds.default(null),
  opensAt: settingsFields.opensAt.default(null),
  closesAt: settingsFields.closesAt.default(null),
  passMarkBasisPoints: settingsFields.passMarkBasisPoints.default(5_000),
  policy: settingsFields.policy.default('best'),
  release: settingsFields.release.default('automatic'),
  feedback: settingsFields.feedback.default(defaultFeedback),
})

const assessmentFields = {
  assessmentId: idSchema('assessment'),
  courseId: idSchema('course'),
  /** The ETag. */
  revision: z.int().positive(),
  createdAt: isoSchema,
  archivedAt: isoSchema.nullable(),
}

const settingsSchema = z.object({ ...assessmentFields, ...settingsFields })

/** What a learner may know before beginning. */
const assessmentSchema = z.object({
  assessmentId: idSchema('assessment'),
  courseId: idSchema('course'),
  title: z.string(),
  instructions: z.string(),
  questionCount: z.int().nonnegative(),
  pointsMax: z.int().nonnegative(),
  attemptsMax: z.int(),
  attemptsUsed: z.int(),
  /** With the caller's extra time. */
  timeLimitSeconds: z.int().nullable(),
  opensAt: isoSchema.nullable(),
  closesAt: isoSchema.nullable(),
  passMarkBasisPoints: basisPointsSchema,
  policy: z.enum(['best', 'last']),
  /** The caller's, newest first. */
  attempts: z.array(ownAttemptSummarySchema),
  /** The caller's result under the policy. */
  standing: z.object(gradeFields).nullable(),
})

const accommodationSchema = z.object({
  courseId: idSchema('course'),
  accountId: idSchema('account'),
  timeFactorBasisPoints: z.int(),
})

const assessmentParams = z.strictObject({ assessmentId: idSchema('assessment') })
const attemptParams = z.strictObject({ attemptId: idSchema('attempt') })
const questionParams = z.strictObject({ questionId: idSchema('question') })
const courseParams = z.strictObject({ courseId: idSchema('course') })

const attempting = { scope: 'organization', permission: 'assessment:attempt' } as const
const manage = { scope: 'course', permission: 'assessment:manage' } as const
const grade = { scope: 'course', permission: 'assessment:grade' } as const

const inCourse = ['course.not_found', 'course.unavailable'] as const

export const assessmentContract = defineContract({
  service: 'assessment',
  prefix: '/v1/assessments',
  title: 'Assessments',
  operations: {
    listQuestions: {
      method: 'GET',
      path: '/questions',
      summary: 'The question bank of a course with its keys, newest first',
      ...manage,
      query: z.strictObject({
        ...pageQuery,
        limit: z.coerce.number().int().min(1).max(QUESTIONS_PER_PAGE_MAX).default(20),
        courseId: idSchema('course'),
        kind: questionKindSchema.optional(),
      }),
      status: 200,
      answer: pageOf(questionSchema),
      errors: [...inCourse, 'request.cursor'],
    },
    createQuestion: {
      method: 'POST',
      path: '/questions',
      summary: 'Add a question to the bank of a course',
      ...manage,
      body: z.strictObject({ courseId: idSchema('course'), content: contentInputSchema }),
      status: 201,
      answer: questionSchema,
      errors: [...inCourse, 'assessment.question_invalid'],
      idempotency: 'optional',
      etag: 'version',
    },
    getQuestion: {
      method: 'GET',
      path: '/questions/{questionId}',
      summary: 'One question with its key',
      ...manage,
      params: questionParams,
      status: 200,
      answer: questionSchema,
      errors: ['assessment.question_not_found'],
      etag: 'version',
    },
    replaceQuestion: {
      method: 'PUT',
      path: '/questions/{questionId}',
      summary: 'Write the next version of a question',
      description: 'Attempts that have begun keep the version they began with.',
      ...manage,
      params: questionParams,
      body: z.strictObject({ content: contentInputSchema }),
      status: 200,
      answer: questionSchema,
      errors: [
        'assessment.question_not_found',
        'assessment.question_archived',
        'assessment.question_invalid',
        'assessment.revision_stale',
      ],
      ifMatch: true,
      etag: 'version',
    },
    archiveQuestion: {
      method: 'DELETE',
      path: '/questions/{questionId}',
      summary: 'Take a question that no assessment asks out of the bank; harmless to repeat',
      ...manage,
      params: questionParams,
      status: 200,
      answer: questionSchema,
      errors: ['assessment.question_not_found', 'assessment.question_in_use'],
    },
    listAccommodations: {
      method: 'GET',
      path: '/courses/{courseId}/accommodations',
      summary: 'Who has extra time in a course',
      ...manage,
      params: courseParams,
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(accommodationSchema),
      errors: [...inCourse, 'request.cursor'],
    },
    putAccommodation: {
      method: 'PUT',
      path: '/courses/{courseId}/accommodations/{accountId}',
      summary: 'Give a learner extra time in every assessment of a course',
      description:
        'Counts for attempts that begin from now on; a deadline that was given stays. 10,000 gives none.',
      ...manage,
      params: courseParams.extend({ accountId: idSchema('account') }),
      body: z.strictObject({
        timeFactorBasisPoints: z
          .int()
          .min(10_000)
          .max(TIME_FACTOR_BASIS_POINTS_MAX)
          .meta({ examples: [15_000] }),
      }),
      status: 200,
      answer: accommodationSchema,
      errors: [...inCourse],
    },
    listAssessments: {
      method: 'GET',
      path: '/',
      summary: 'The assessments of a course, newest first',
      ...manage,
      query: z.strictObject({ ...pageQuery, courseId: idSchema('course') }),
      status: 200,
      answer: pageOf(settingsSchema.omit({ sections: true, instructions: true, feedback: true })),
      errors: [...inCourse, 'request.cursor'],
    },
    createAssessment: {
      method: 'POST',
      path: '/',
      summary: 'Begin an assessment of a course',
      ...manage,
      body: newSettingsSchema,
      status: 201,
      answer: settingsSchema,
      errors: [...inCourse, 'assessment.invalid', 'assessment.question_unknown'],
      idempotency: 'optional',
      etag: 'revision',
    },
    getOwnAttempt: {
      method: 'GET',
      path: '/attempts/{attemptId}',
      summary: 'An attempt of one’s own: questions, saved answers, and the feedback of its phase',
      ...attempting,
      params: attemptParams,
      status: 200,
      answer: ownAttemptSchema,
      errors: ['assessment.attempt_not_found'],
      etag: 'revision',
    },
    saveAnswers: {
      method: 'PUT',
      path: '/attempts/{attemptId}/answers',
      summary: 'Save some answers; the others stay, null takes one back',
      description:
        'Repeating a save whose answer was lost is harmless. What arrives after the deadline is refused.',
      ...attempting,
      params: attemptParams,
      body: z.strictObject({
        answers: z
          .array(
            z.strictObject({ questionId: idSchema('question'), answer: answerSchema.nullable() }),
          )
          .min(1)
          .max(QUESTIONS_PER_ATTEMPT_MAX),
      }),
      status: 200,
      answer: z.object({ attemptId: idSchema('attempt'), revision: z.int().positive() }),
      errors: [
        'assessment.attempt_not_found',
        'assessment.attempt_closed',
        'assessment.deadline_passed',
        'assessment.answer_invalid',
        'assessment.answers_too_large',
        'assessment.revision_stale',
        'enrollment.no_access',
        'enrollment.unavailable',
      ],
      ifMatch: true,
      etag: 'revision',
    },
    submitAttempt: {
      method: 'POST',
      path: '/attempts/{attemptId}/submit',
      summary: 'Hand in what is saved; harmless to repeat',
      ...attempting,
      params: attemptParams,
      status: 200,
      answer: ownAttemptSchema,
      errors: ['assessment.attempt_not_found'],
      etag: 'revision',
    },
    getAttemptForGrading: {
      method: 'GET',
      path: '/attempts/{attemptId}/grading',
      summary: 'An attempt with its keys, for those who grade',
      ...grade,
      params: attemptParams,
      status: 200,
      answer: staffAttemptSchema,
      errors: ['assessment.attempt_not_found'],
    },
    gradeAnswer: {
      method: 'PUT',
      path: '/attempts/{attemptId}/grades/{questionId}',
      summary: 'Grade one answer by hand',
      description:
        'If-Match names the `gradeRevision` that the grader saw, so that two graders cannot overwrite each other.',
      ...grade,
      params: attemptParams.extend({ questionId: idSchema('question') }),
      body: z.strictObject({
        points: z.int().min(0).max(POINTS_PER_QUESTION_MAX),
        comment: z.string().trim().max(COMMENT_LENGTH_MAX).default(''),
      }),
      status: 200,
      answer: gradedItemSchema,
      errors: [
        'assessment.attempt_not_found',
        'assessment.attempt_open',
        'assessment.comments_too_large',
        'assessment.points_invalid',
        'assessment.revision_stale',
      ],
      ifMatch: true,
      etag: 'gradeRevision',
    },
    releaseAttempt: {
      method: 'POST',
      path: '/attempts/{attemptId}/release',
      summary: 'Let the grade of an attempt stand; harmless to repeat',
      ...grade,
      params: attemptParams,
      status: 200,
      answer: staffAttemptSummarySchema,
      errors: ['assessment.attempt_not_found', 'assessment.not_graded'],
    },
    overrideGrade: {
      method: 'PUT',
      path: '/attempts/{attemptId}/override',
      summary: 'Set the grade of an attempt with a reason; it outranks what was graded',
      ...grade,
      params: attemptParams,
      body: z.strictObject({
        gradeBasisPoints: basisPointsSchema,
        reason: z.string().trim().min(1).max(1_000),
      }),
      status: 200,
      answer: staffAttemptSummarySchema,
      errors: [
        'assessment.attempt_not_found',
        'assessment.not_graded',
        'assessment.revision_stale',
      ],
      ifMatch: true,
      etag: 'overrideRevision',
    },
    removeOverride: {
      method: 'DELETE',
      path: '/attempts/{attemptId}/override',
      summary: 'Let what was graded count again; harmless to repeat',
      ...grade,
      params: attemptParams,
      status: 200,
      answer: staffAttemptSummarySchema,
      errors: ['assessment.attempt_not_found', 'assessment.revision_stale'],
      ifMatch: true,
      etag: 'overrideRevision',
    },
    getAssessment: {
      method: 'GET',
      path: '/{assessmentId}',
      summary: 'What a learner may know of an assessment, with their own attempts and result',
      ...attempting,
      params: assessmentParams,
      status: 200,
      answer: assessmentSchema,
      errors: ['assessment.not_found', 'enrollment.unavailable'],
    },
    getSettings: {
      method: 'GET',
      path: '/{assessmentId}/settings',
      summary: 'An assessment as its builders see it',
      ...manage,
      params: assessmentParams,
      status: 200,
      answer: settingsSchema,
      errors: ['assessment.not_found'],
      etag: 'revision',
    },
    updateSettings: {
      method: 'PATCH',
      path: '/{assessmentId}/settings',
      summary: 'Change an assessment; absent fields stay',
      description:
        'Attempts that have begun keep their questions, points and pass mark; an earlier closing ends them, too, a later one gives them no more time.',
      ...manage,
      params: assessmentParams,
      body: z.strictObject(settingsFields).partial(),
      status: 200,
      answer: settingsSchema,
      errors: [
        'assessment.not_found',
        'assessment.archived',
        'assessment.invalid',
        'assessment.policy_fixed',
        'assessment.question_unknown',
        'assessment.revision_stale',
      ],
      ifMatch: true,
      etag: 'revision',
    },
    archiveAssessment: {
      method: 'DELETE',
      path: '/{assessmentId}',
      summary: 'Let nobody begin any more; what has begun goes on. Harmless to repeat',
      ...manage,
      params: assessmentParams,
      status: 200,
      answer: settingsSchema,
      errors: ['assessment.not_found', 'assessment.in_use'],
      etag: 'revision',
    },
    previewAssessment: {
      method: 'GET',
      path: '/{assessmentId}/preview',
      summary: 'What an attempt that began now would ask; drawn anew each time, nothing is kept',
      ...manage,
      params: assessmentParams,
      status: 200,
      answer: z.object({
        items: z.array(learnerItemSchema.pick({ questionId: true, points: true, asked: true })),
      }),
      errors: ['assessment.not_found', 'assessment.empty'],
    },
    startAttempt: {
      method: 'POST',
      path: '/{assessmentId}/attempts',
      summary: 'Begin an attempt, or go on with the one that is in progress',
      ...attempting,
      params: assessmentParams,
      status: 200,
      answer: ownAttemptSchema,
      errors: [
        'assessment.not_found',
        'assessment.archived',
        'assessment.empty',
        'assessment.not_open',
        'assessment.closed',
        'assessment.attempts_used_up',
        'enrollment.unavailable',
      ],
      etag: 'revision',
    },
    listAttempts: {
      method: 'GET',
      path: '/{assessmentId}/attempts',
      summary: 'The attempts at an assessment, oldest first; `state=submitted` waits for a grader',
      ...grade,
      params: assessmentParams,
      query: z.strictObject({
        ...pageQuery,
        state: attemptStateSchema.optional(),
        accountId: idSchema('account').optional(),
      }),
      status: 200,
      answer: pageOf(staffAttemptSummarySchema),
      errors: ['assessment.not_found', 'request.cursor'],
    },
    releaseAttempts: {
      method: 'POST',
      path: '/{assessmentId}/release',
      summary: 'Let the grades of all graded attempts stand, so many at a time',
      ...grade,
      params: assessmentParams,
      status: 200,
      answer: z.object({ releasedCount: z.int().max(RELEASES_PER_CALL_MAX), hasMore: z.boolean() }),
      errors: ['assessment.not_found'],
    },
    getStatistics: {
      method: 'GET',
      path: '/{assessmentId}/statistics',
      summary: 'How often each question was asked and answered, and the mean of its credit',
      ...grade,
      params: assessmentParams,
      status: 200,
      answer: z.object({
        questions: z.array(
          z.object({
            questionId: idSchema('question'),
            version: z.int().positive(),
            askedCount: z.int(),
            answeredCount: z.int(),
            gradedCount: z.int(),
            /** Mean of the graded ones' credit, in 1/10,000, rounded down; null when none is graded. */
            creditBasisPoints: basisPointsSchema.nullable(),
          }),
        ),
      }),
      errors: ['assessment.not_found'],
    },
  },
})
