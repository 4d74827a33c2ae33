import type { Api } from '../../../local/demo/api.ts'
import { awaitVideo } from '../../../local/demo/video.ts'
import { assessmentContract } from '../../../shared/contracts/assessment.ts'
import { contentContract } from '../../../shared/contracts/content.ts'
import { courseContract } from '../../../shared/contracts/course.ts'
import type {
  AssessmentId,
  CourseId,
  CourseVersionId,
  LessonId,
  MediaId,
} from '../../../shared/kernel/id.ts'
import { makeFilm, uploadFile, WEBVTT } from './files.ts'
import { soon } from './people.ts'

export type BuiltCourse = {
  readonly courseId: CourseId
  readonly versionId: CourseVersionId
  readonly slug: string
  readonly assessmentId: AssessmentId
  /** The one that a learner reads to complete the course, and the one with the film. */
  readonly lessons: { readonly text: LessonId; readonly film: LessonId }
  readonly media: { readonly film: MediaId; readonly captions: MediaId }
}

/** A published course with a text, a film and a quiz; the text alone completes it. */
export const buildCourse = async (api: Api, canary: string): Promise<BuiltCourse> => {
  const film = await uploadFile(api, {
    kind: 'video',
    name: `${canary}.mp4`,
    bytes: await makeFilm(),
  })
  const captions = await uploadFile(api, {
    kind: 'captions',
    name: `${canary}.vtt`,
    bytes: WEBVTT,
  })
  const { categoryId } = await api.call(courseContract, 'createCategory', {
    body: { slug: canary, name: `Category ${canary}` },
  })
  const { courseId, revision, slug } = await api.call(courseContract, 'createCourse', {
    body: {
      title: `Course ${canary}`,
      summary: `Summary ${canary}`,
      description: `Description ${canary}`,
      language: 'en',
      visibility: 'public',
      slug: canary,
    },
  })
  const params = { courseId }
  const assessmentId = await makeQuiz(api, { courseId, canary })
  await awaitVideo(api, film, () => {})
  const lessons = await makeLessons(api, { courseId, film, assessmentId, canary })
  const ruled = await api.call(
    courseContract,
    'updateDraft',
    {
      params,
      body: {
        categoryIds: [categoryId],
        certificateRule: { kind: 'on_completion', gradeBasisPointsMin: 0, validDays: null },
      },
    },
    { ifMatch: revision },
  )
  const items = [
    { lessonId: lessons.text, required: true },
    { lessonId: lessons.film, required: false },
    { lessonId: lessons.quiz, required: false },
  ]
  const outlined = await api.call(
    courseContract,
    'replaceOutline',
    { params, body: { modules: [{ title: `Module ${canary}`, items }] } },
    { ifMatch: ruled.revision },
  )
  const { versionId } = await soon('every lesson to be ready', () =>
    api.call(courseContract, 'publishCourse', { params }, { ifMatch: outlined.revision }),
  )
  return { courseId, versionId, slug, assessmentId, lessons, media: { film, captions } }
}

const makeQuiz = async (
  api: Api,
  { courseId, canary }: { courseId: CourseId; canary: string },
): Promise<AssessmentId> => {
  const option = (isCorrect: boolean) => ({
    text: `Option ${isCorrect} ${canary}`,
    isCorrect,
    feedback: `Feedback ${canary}`,
  })
  const contents = [
    {
      kind: 'single' as const,
      prompt: `Prompt ${canary}`,
      explanation: `Explanation ${canary}`,
      options: [option(true), option(false)],
    },
    {
      kind: 'essay' as const,
      prompt: `Essay ${canary}`,
      explanation: '',
      guidance: `Guidance ${canary}`,
      lengthMax: 1_000,
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
      title: `Quiz ${canary}`,
      instructions: `Instructions ${canary}`,
      sections: [{ questionIds }],
      attemptsMax: 5,
    },
  })
  return assessmentId
}

const makeLessons = async (
  api: Api,
  options: { courseId: CourseId; film: MediaId; assessmentId: AssessmentId; canary: string },
) => {
  const { courseId, film, assessmentId, canary } = options
  const text = await api.call(contentContract, 'createLesson', {
    body: {
      courseId,
      title: `Text ${canary}`,
      blocks: [{ kind: 'rich_text', html: `<p>Words ${canary}</p>` }],
      completion: { kind: 'viewed' },
    },
  })
  const shown = await api.call(contentContract, 'createLesson', {
    body: {
      courseId,
      title: `Film ${canary}`,
      blocks: [{ kind: 'video', mediaId: film, title: `Video ${canary}` }],
      completion: { kind: 'viewed' },
    },
  })
  const quiz = await api.call(contentContract, 'createLesson', {
    body: {
      courseId,
      title: `Quiz ${canary}`,
      blocks: [{ kind: 'quiz', assessmentId }],
      completion: { kind: 'viewed' },
    },
  })
  return { text: text.lessonId, film: shown.lessonId, quiz: quiz.lessonId }
}
