import { ACADEMY_ORGANIZATION_ID } from '../../shared/contracts/academy.ts'
import { assessmentContract } from '../../shared/contracts/assessment.ts'
import { contentContract } from '../../shared/contracts/content.ts'
import { courseContract } from '../../shared/contracts/course.ts'
import type { SentTo } from '../../shared/contracts/define.ts'
import { enrollmentContract } from '../../shared/contracts/enrollment.ts'
import { organizationContract } from '../../shared/contracts/organization.ts'
import { progressContract } from '../../shared/contracts/progress.ts'
import { videoProcessingContract } from '../../shared/contracts/video-processing.ts'
import type {
  AssessmentId,
  CertificateId,
  CourseId,
  LessonId,
  MediaId,
} from '../../shared/kernel/id.ts'
import { type Api, openApi } from './api.ts'
import { type CertificateLinks, collectCertificate } from './certificate.ts'
import type { Narrator } from './narrator.ts'
import { meet, type Person } from './people.ts'
import { rightAnswers } from './quiz.ts'
import { until } from './until.ts'
import { awaitVideo, uploadFile } from './video.ts'
import { watch } from './watch.ts'

export type Played = {
  readonly people: readonly (Person & { readonly role: string })[]
  readonly courseId: CourseId
  readonly mediaId: MediaId
  readonly lessonIds: Built['lessonIds']
  readonly assessmentId: AssessmentId
  readonly certificateId: CertificateId
  /** `lasts`: still leads there tomorrow. */
  readonly links: readonly {
    readonly title: string
    readonly url: string
    readonly lasts: boolean
  }[]
}

export type MainJobOptions = {
  readonly url: string
  /** Any video file. */
  readonly video: string
  /** The mail address that the hub makes a platform admin. */
  readonly adminEmail: string
  readonly narrate: Narrator
}

/** The demo watches at most so much of a long video; the course asks for no more of it. */
const WATCHED_MS_MAX = 8_000

/**
 * The main job through the public API, as its users would do it: an instructor uploads a video and publishes it in a
 * course; a learner enrols, watches, passes a quiz, and gets a certificate that anybody can verify.
 *
 * @throws Refused or an Error with the reason in words at the first thing that is not as it should be.
 */
export const playMainJob = async (options: MainJobOptions): Promise<Played> => {
  const { url, narrate } = options
  const { admin, instructor, learner } = await gather(options)
  const mediaId = await narrate.bar('Upload the video', (percent) =>
    uploadFile(instructor.api, { file: options.video, kind: 'video' }, percent),
  )
  const durationMs = await narrate.bar('Transcode it into HLS renditions', (percent) =>
    awaitVideo(instructor.api, mediaId, percent),
  )
  const built = await buildCourse(instructor.api, { mediaId, durationMs, narrate })
  const { playlistUrl } = await learn(learner.api, { ...built, url, mediaId, durationMs, narrate })
  const certificate = await collectCertificate(learner.api, {
    courseId: built.courseId,
    learnerName: learner.name,
    narrate,
  })
  return {
    people: [
      { ...admin, role: 'platform admin' },
      { ...instructor, role: 'instructor' },
      { ...learner, role: 'learner' },
    ],
    ...{ ...built, mediaId },
    certificateId: certificate.certificateId,
    links: linksOf({ url, courseId: built.courseId, playlistUrl, certificate }),
  }
}

const gather = async ({ url, adminEmail, narrate }: MainJobOptions) => {
  const api = openApi(url)
  const run = Date.now().toString(36)
  const someone = (name: string, email: string) => meet({ api, url }, { name, email })
  const admin = await narrate.step('An admin signs in', () => someone('Ada Admin', adminEmail))
  const instructor = await narrate.step(
    'An instructor signs up, confirms the address, signs in',
    () => someone('Irene Instructor', 'irene@hub.localhost'),
  )
  await narrate.step('The admin makes her an instructor of the academy', async () => {
    const params = { organizationId: ACADEMY_ORGANIZATION_ID, accountId: instructor.accountId }
    await until('the admin to be known as one', () =>
      admin.api
        .call(organizationContract, 'changeMemberRole', { params, body: { role: 'instructor' } })
        .catch(whileRefused(403, 404)),
    )
    await until('her new role to count', () =>
      instructor.api.call(videoProcessingContract, 'listVideos').catch(whileRefused(403)),
    )
  })
  const learner = await narrate.step('A learner signs up', () =>
    someone('Леонид 学習者 Learner', `leo-${run}@hub.localhost`),
  )
  return { admin, instructor, learner }
}

type Built = {
  readonly courseId: CourseId
  readonly lessonIds: { readonly video: LessonId; readonly text: LessonId; readonly quiz: LessonId }
  readonly assessmentId: AssessmentId
}

const buildCourse = async (
  api: Api,
  { mediaId, durationMs, narrate }: { mediaId: MediaId; durationMs: number; narrate: Narrator },
): Promise<Built> => {
  const draft = await narrate.step('The instructor begins a course', () =>
    api.call(courseContract, 'createCourse', {
      body: {
        title: 'Film editing, the basics',
        summary: 'Where to cut, and why nobody sees it.',
        description: 'A short course with a film, a text and a test.',
        language: 'en',
        visibility: 'public',
      },
    }),
  )
  const { courseId } = draft
  const assessmentId = await narrate.step('A quiz with four kinds of question', () =>
    makeQuiz(api, courseId),
  )
  const lessonIds = await narrate.step('Three lessons: a film, a text, the quiz', () =>
    makeLessons(api, { courseId, mediaId, durationMs, assessmentId }),
  )
  await narrate.step(
    'Outline, rules, publish: an immutable version',
    async () => {
      const outlined = await api.call(
        courseContract,
        'replaceOutline',
        {
          params: { courseId },
          body: {
            modules: [
              {
                title: 'The cut',
                items: [lessonIds.video, lessonIds.text, lessonIds.quiz].map((lessonId) => ({
                  lessonId,
                  required: true,
                })),
              },
            ],
          },
        },
        { ifMatch: draft.revision },
      )
      const ruled = await api.call(
        courseContract,
        'updateDraft',
        {
          params: { courseId },
          body: {
            certificateRule: {
              kind: 'on_completion',
              gradeBasisPointsMin: 5_000,
              validDays: null,
            },
          },
        },
        { ifMatch: outlined.revision },
      )
      return until('every lesson to be ready', () =>
        api
          .call(
            courseContract,
            'publishCourse',
            { params: { courseId } },
            { ifMatch: ruled.revision },
          )
          .catch(whileRefused(422)),
      )
    },
    ({ number, items }) => `version ${number} with ${items.length} items`,
  )
  return { courseId, lessonIds, assessmentId }
}

const makeQuiz = async (api: Api, courseId: CourseId): Promise<AssessmentId> => {
  const choice = (text: string, isCorrect: boolean) => ({ text, isCorrect, feedback: '' })
  const contents = [
    {
      kind: 'single' as const,
      prompt: 'Which cut hides itself in a movement?',
      explanation: '',
      options: [choice('The match cut', true), choice('The jump cut', false)],
    },
    {
      kind: 'true_false' as const,
      prompt: 'A film has 24 frames a second, traditionally.',
      explanation: '',
      isTrue: true,
    },
    {
      kind: 'numeric' as const,
      prompt: 'How many frames has one second of film?',
      explanation: '',
      value: '24',
      tolerance: '1',
    },
    {
      kind: 'short_text' as const,
      prompt: 'The place where two shots meet is called a …',
      explanation: '',
      acceptedTexts: ['cut', 'the cut'],
    },
  ]
  const questionIds = []
  for (const content of contents) {
    const { questionId } = await api.call(assessmentContract, 'createQuestion', {
      body: { courseId, content },
    })
    questionIds.push(questionId)
  }
  const { assessmentId } = await api.call(assessmentContract, 'createAssessment', {
    body: {
      courseId,
      title: 'The cut, a test',
      sections: [{ questionIds }],
      attemptsMax: 3,
      timeLimitSeconds: 600,
    },
  })
  return assessmentId
}

type NewLesson = SentTo<(typeof contentContract)['operations']['createLesson']>['body']

const makeLessons = async (
  api: Api,
  options: {
    courseId: CourseId
    mediaId: MediaId
    durationMs: number
    assessmentId: AssessmentId
  },
): Promise<Built['lessonIds']> => {
  const { courseId, mediaId, assessmentId } = options
  // Of a long film the demo asks for no more than it will watch.
  const share = Math.min(1, WATCHED_MS_MAX / options.durationMs)
  const coverageBasisPoints = Math.max(1, Math.floor(share * 9_000))
  const create = async (body: Omit<NewLesson, 'courseId'>): Promise<LessonId> => {
    const { lessonId } = await api.call(contentContract, 'createLesson', {
      body: { courseId, ...body },
    })
    return lessonId
  }
  return {
    video: await create({
      title: 'The film',
      blocks: [{ kind: 'video', mediaId, title: 'Watch how it is cut' }],
      completion: { kind: 'video_watched', mediaId, coverageBasisPoints },
    }),
    text: await create({
      title: 'What a cut is',
      blocks: [
        {
          kind: 'rich_text',
          html: '<p>A cut joins <em>two shots</em>.</p><script>alert(1)</script>',
        },
        { kind: 'code', language: 'bash', text: 'ffmpeg -i film.mp4 -ss 2 -t 3 cut.mp4' },
      ],
      completion: { kind: 'viewed' },
    }),
    quiz: await create({
      title: 'The test',
      blocks: [{ kind: 'quiz', assessmentId }],
      completion: { kind: 'quiz_passed', assessmentId },
    }),
  }
}

const learn = async (
  api: Api,
  options: Built & { url: string; mediaId: MediaId; durationMs: number; narrate: Narrator },
) => {
  const { courseId, lessonIds, assessmentId, narrate } = options
  await narrate.step('The learner finds the course and enrols', async () => {
    await until('the learner to be a member', () =>
      api.call(courseContract, 'getCourse', { params: { courseId } }).catch(whileRefused(403, 404)),
    )
    return api.call(enrollmentContract, 'enrolSelf', { body: { courseId } })
  })
  const { playlistUrl } = await narrate.bar('Watch the film', (percent) =>
    watch(api, {
      ...{ courseId, lessonId: lessonIds.video, mediaId: options.mediaId, percent },
      untilMs: Math.min(options.durationMs, WATCHED_MS_MAX),
    }),
  )
  await narrate.step('Read the text', async () => {
    const lesson = await api.call(contentContract, 'getLesson', {
      params: { lessonId: lessonIds.text },
    })
    if (JSON.stringify(lesson).includes('<script')) throw new Error('The text was not sanitised.')
    await api.call(progressContract, 'recordItem', {
      params: { courseId, lessonId: lessonIds.text },
      body: { kind: 'viewed', clientEventId: crypto.randomUUID() },
    })
  })
  await narrate.step(
    'Take the quiz; the server grades it',
    async () => {
      const attempt = await api.call(assessmentContract, 'startAttempt', {
        params: { assessmentId },
      })
      await api.call(
        assessmentContract,
        'saveAnswers',
        { params: { attemptId: attempt.attemptId }, body: { answers: rightAnswers(attempt) } },
        { ifMatch: attempt.revision },
      )
      return api.call(assessmentContract, 'submitAttempt', {
        params: { attemptId: attempt.attemptId },
      })
    },
    ({ grade }) =>
      `${(grade?.gradeBasisPoints ?? 0) / 100} %, ${grade?.isPassed ? 'passed' : 'failed'}`,
  )
  await narrate.step(
    'Every item counted: the course is complete',
    () =>
      until('the course to be complete', async () => {
        const progress = await api.call(progressContract, 'getOwnProgress', {
          params: { courseId },
        })
        return progress.state === 'completed' ? progress : undefined
      }),
    ({ percent, completedAt }) => `${percent} % at ${completedAt}`,
  )
  return { playlistUrl }
}

const linksOf = ({
  url,
  courseId,
  playlistUrl,
  certificate,
}: {
  url: string
  courseId: CourseId
  playlistUrl: string
  certificate: CertificateLinks
}) => [
  { title: 'The course (needs a token)', url: `${url}/v1/courses/${courseId}`, lasts: true },
  { title: 'The film (HLS, for some hours)', url: playlistUrl, lasts: false },
  { title: 'The certificate (PDF, for minutes)', url: certificate.pdfUrl, lasts: false },
  { title: 'The certificate’s public page', url: certificate.pageUrl, lasts: true },
]

/** What travels by events may be refused for a moment: then there is no answer yet, for `until`. */
const whileRefused =
  (...statuses: readonly number[]) =>
  (error: unknown): undefined => {
    const isExpected =
      error instanceof Error && 'status' in error && statuses.includes(Number(error.status))
    if (!isExpected) throw error
  }
