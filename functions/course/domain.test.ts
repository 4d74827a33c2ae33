import { describe, expect, it } from '@jest/globals'
import { newId } from '../../shared/kernel/id.ts'
import { instantOf } from '../../shared/kernel/time.ts'
import {
  addInstructor,
  archive,
  type Course,
  changeDraft,
  createCourse,
  dismissInstructor,
  type LessonFacts,
  publish,
  removeInstructor,
  replaceOutline,
  slugFor,
} from './domain.ts'

const now = instantOf('2026-03-01T10:00:00Z')
const creatorId = newId('account')

const aCourse = (changes: Partial<Course> = {}): Course => ({
  ...createCourse(
    {
      courseId: newId('course'),
      organizationId: newId('organization'),
      creatorId,
      title: 'Film editing',
      summary: '',
      description: '',
      language: 'en',
      visibility: 'public',
      slug: 'film-editing',
    },
    now,
  ).course,
  ...changes,
})

const aLesson = (changes: Partial<LessonFacts> = {}): LessonFacts => ({
  lessonId: newId('lesson'),
  revision: 1,
  title: 'Cutting',
  completion: { kind: 'viewed' },
  notReady: null,
  ...changes,
})

const outlineOf = (lessons: readonly LessonFacts[], required = true) => [
  {
    moduleId: newId('module'),
    title: 'One',
    items: lessons.map(({ lessonId }) => ({ lessonId, required })),
  },
]

const publishing = (course: Course, lessons: readonly LessonFacts[]) => ({
  lessons,
  standing: undefined,
  versionId: newId('courseVersion'),
  expectedRevision: course.revision,
})

describe('publish', () => {
  it('pins every lesson to the revision it has at that moment', () => {
    const lesson = aLesson({ revision: 7 })
    const course = aCourse({ outline: outlineOf([lesson]) })
    const { version, events } = publish(course, publishing(course, [lesson]), now)
    expect(version.items).toMatchObject([{ lessonId: lesson.lessonId, revision: 7 }])
    expect(events).toMatchObject([{ type: 'course.published', versionNumber: 1 }])
  })

  it('gives the standing version again for an unchanged draft, and no event', () => {
    const lesson = aLesson()
    const course = aCourse({ outline: outlineOf([lesson]) })
    const first = publish(course, publishing(course, [lesson]), now)
    const again = publish(
      first.course,
      { ...publishing(first.course, [lesson]), standing: first.version },
      now,
    )
    expect(again.version).toBe(first.version)
    expect(again.events).toEqual([])
  })

  it('makes a new version when only a lesson was revised', () => {
    const lesson = aLesson()
    const course = aCourse({ outline: outlineOf([lesson]) })
    const first = publish(course, publishing(course, [lesson]), now)
    const revised = { ...lesson, revision: 2 }
    const second = publish(
      first.course,
      { ...publishing(first.course, [revised]), standing: first.version },
      now,
    )
    expect(second.version.number).toBe(2)
  })

  it('refuses a course without a required lesson', () => {
    const lesson = aLesson()
    const course = aCourse({ outline: outlineOf([lesson], false) })
    expect(() => publish(course, publishing(course, [lesson]), now)).toThrow(
      expect.objectContaining({ code: 'course.empty' }),
    )
  })

  it('names every lesson that is not ready or not of this course', () => {
    const waiting = aLesson({ notReady: 'The video is still being processed.' })
    const stranger = aLesson()
    const course = aCourse({ outline: outlineOf([waiting, stranger]) })
    expect(() => publish(course, publishing(course, [waiting]), now)).toThrow(
      expect.objectContaining({
        code: 'course.not_ready',
        options: {
          extensions: {
            obstacles: [
              { lessonId: waiting.lessonId, reason: 'The video is still being processed.' },
              expect.objectContaining({ lessonId: stranger.lessonId }),
            ],
          },
        },
      }),
    )
  })
})

describe('drafts', () => {
  it('refuses a change made on an older revision', () => {
    const course = aCourse({ revision: 3 })
    const change = { changes: { title: 'New' }, requiredByThem: [], expectedRevision: 2 }
    expect(() => changeDraft(course, change)).toThrow(
      expect.objectContaining({ code: 'course.revision_stale' }),
    )
  })

  it('refuses a prerequisite that leads back to the course', () => {
    const course = aCourse()
    const other = newId('course')
    const change = {
      changes: { prerequisiteIds: [other] },
      requiredByThem: [other, course.courseId],
      expectedRevision: 1,
    }
    expect(() => changeDraft(course, change)).toThrow(
      expect.objectContaining({ code: 'course.prerequisite_invalid' }),
    )
  })

  it('refuses a lesson that stands twice in the outline', () => {
    const lesson = aLesson()
    const modules = [...outlineOf([lesson]), ...outlineOf([lesson])]
    expect(() => replaceOutline(aCourse(), { modules, expectedRevision: 1 })).toThrow(
      expect.objectContaining({ code: 'course.outline_invalid' }),
    )
  })

  it('tells the world of a new slug, and keeps a new title to itself until it is published', () => {
    const change = (changes: object) =>
      changeDraft(aCourse(), { changes, requiredByThem: [], expectedRevision: 1 }).events
    expect(change({ slug: 'cutting' })).toMatchObject([{ type: 'course.updated', slug: 'cutting' }])
    expect(change({ title: 'Cutting' })).toEqual([])
  })

  it('no longer change once the course is archived', () => {
    const { course } = archive(aCourse(), now)
    const change = { changes: { title: 'New' }, requiredByThem: [], expectedRevision: 1 }
    expect(() => changeDraft(course, change)).toThrow(
      expect.objectContaining({ code: 'course.archived' }),
    )
    expect(archive(course, now).events).toEqual([])
  })
})

describe('instructors', () => {
  it('always leave one behind', () => {
    expect(() => removeInstructor(aCourse(), creatorId)).toThrow(
      expect.objectContaining({ code: 'course.last_instructor' }),
    )
  })

  it('who leave the organisation leave archived courses, too, unless nobody were left', () => {
    const colleagueId = newId('account')
    const { course } = archive(aCourse({ instructorIds: [creatorId, colleagueId] }), now)
    const dismissed = dismissInstructor(course, creatorId)
    expect(dismissed).toMatchObject({
      course: { instructorIds: [colleagueId] },
      events: [{ type: 'course.updated', instructorIds: [colleagueId] }],
    })
    for (const accountId of [creatorId, colleagueId])
      expect(dismissInstructor(dismissed.course, accountId)).toEqual({
        course: dismissed.course,
        events: [],
      })
  })

  it('are added once', () => {
    const accountId = newId('account')
    const { course } = addInstructor(aCourse(), { accountId, isMember: true })
    expect(course.instructorIds).toEqual([creatorId, accountId])
    expect(addInstructor(course, { accountId, isMember: true }).events).toEqual([])
  })

  it('belong to the organisation of the course', () => {
    const accountId = newId('account')
    expect(() => addInstructor(aCourse(), { accountId, isMember: false })).toThrow(
      expect.objectContaining({ code: 'course.not_a_member' }),
    )
  })
})

describe('slugFor', () => {
  it.each([
    ['Film editing, the basics', 'film-editing-the-basics'],
    ['Café à la crème', 'cafe-a-la-creme'],
  ])('makes %s into %s', (title, slug) => {
    expect(slugFor(title, newId('course'))).toBe(slug)
  })

  it('falls back to the id where the title has no Latin letters', () => {
    const courseId = newId('course')
    expect(slugFor('映画編集', courseId)).toBe(courseId.replace('_', '-'))
  })
})
