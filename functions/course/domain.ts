import { INSTRUCTORS_PER_COURSE_MAX } from '../../shared/contracts/course.ts'
import type { CourseEvent } from '../../shared/events/course.ts'
import type {
  CertificateRule,
  CompletionRule,
  Item,
  ItemCompletion,
} from '../../shared/events/course-outline.ts'
import type {
  AccountId,
  CourseId,
  CourseVersionId,
  Id,
  LessonId,
  OrganizationId,
} from '../../shared/kernel/id.ts'
import { type Instant, toIso } from '../../shared/kernel/time.ts'
import {
  courseArchived,
  courseEmpty,
  courseNotReady,
  instructorsFull,
  lastInstructor,
  notAMember,
  type Obstacle,
  outlineInvalid,
  prerequisiteInvalid,
  revisionStale,
} from './errors.ts'

export type Visibility = 'public' | 'unlisted' | 'private'

export type Module = {
  readonly moduleId: Id<'module'>
  readonly title: string
  readonly items: readonly { readonly lessonId: LessonId; readonly required: boolean }[]
}

/** What editors change: everything here waits for the next publish, except slug and visibility. */
export type Draft = {
  readonly title: string
  readonly summary: string
  readonly description: string
  readonly language: string
  readonly visibility: Visibility
  readonly slug: string
  readonly categoryIds: readonly Id<'category'>[]
  readonly prerequisiteIds: readonly CourseId[]
  readonly completionRule: CompletionRule
  readonly certificateRule: CertificateRule
}

export type Course = Draft & {
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly instructorIds: readonly AccountId[]
  readonly outline: readonly Module[]
  /** Grows with every change of draft or outline. */
  readonly revision: number
  readonly createdAt: Instant
  readonly archivedAt: Instant | null
  /** The version that new learners get, and the revision it was made of. */
  readonly published: Published | null
}

export type Published = {
  readonly versionId: CourseVersionId
  readonly number: number
  readonly revision: number
  readonly title: string
  readonly at: Instant
}

/** A draft as it was when it was published. Never changes. */
export type Version = {
  readonly versionId: CourseVersionId
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly number: number
  readonly title: string
  readonly summary: string
  readonly description: string
  readonly language: string
  readonly categoryIds: readonly Id<'category'>[]
  readonly prerequisiteIds: readonly CourseId[]
  readonly items: readonly Item[]
  readonly completionRule: CompletionRule
  readonly certificateRule: CertificateRule
  readonly publishedAt: Instant
}

/** A lesson as content describes it at this moment. */
export type LessonFacts = {
  readonly lessonId: LessonId
  readonly revision: number
  readonly title: string
  readonly completion: ItemCompletion
  readonly notReady: string | null
}

export type Decision = { readonly course: Course; readonly events: readonly CourseEvent[] }

export const stateOf = (course: Course): 'draft' | 'published' | 'archived' =>
  course.archivedAt !== null ? 'archived' : course.published ? 'published' : 'draft'

/** A new course has one instructor, its creator, and an empty outline. */
export const createCourse = (
  command: Pick<Draft, 'title' | 'summary' | 'description' | 'language' | 'visibility' | 'slug'> & {
    readonly courseId: CourseId
    readonly organizationId: OrganizationId
    readonly creatorId: AccountId
  },
  now: Instant,
): Decision => {
  const { creatorId, ...fields } = command
  const course: Course = {
    ...fields,
    instructorIds: [creatorId],
    categoryIds: [],
    prerequisiteIds: [],
    completionRule: { kind: 'all_required' },
    certificateRule: { kind: 'none' },
    outline: [],
    revision: 1,
    createdAt: now,
    archivedAt: null,
    published: null,
  }
  return { course, events: [{ type: 'course.created', ...publicFacts(course) }] }
}

/**
 * Applies the given fields.
 *
 * @param requiredByThem every course that the named prerequisites lead to: this one must not be among them.
 */
export const changeDraft = (
  course: Course,
  {
    changes,
    requiredByThem,
    expectedRevision,
  }: {
    changes: Partial<Draft>
    requiredByThem: readonly CourseId[]
    expectedRevision: number
  },
): Decision => {
  refuseUnlessCurrent(course, expectedRevision)
  if ([...(changes.prerequisiteIds ?? []), ...requiredByThem].includes(course.courseId))
    throw prerequisiteInvalid(
      'A course cannot be a prerequisite of itself, not even by way of others.',
    )
  const changed: Course = { ...course, ...changes, revision: course.revision + 1 }
  return { course: changed, events: updatedIfPublic(course, changed) }
}

/** A lesson stands in the outline once. */
export const replaceOutline = (
  course: Course,
  { modules, expectedRevision }: { modules: readonly Module[]; expectedRevision: number },
): Decision => {
  refuseUnlessCurrent(course, expectedRevision)
  const lessonIds = modules.flatMap((module) => module.items.map(({ lessonId }) => lessonId))
  if (new Set(lessonIds).size !== lessonIds.length)
    throw outlineInvalid('A lesson stands in the outline more than once.')
  if (new Set(modules.map(({ moduleId }) => moduleId)).size !== modules.length)
    throw outlineInvalid('A module stands in the outline more than once.')
  return { course: { ...course, outline: modules, revision: course.revision + 1 }, events: [] }
}

/** The items that publishing would pin, and what stands in its way. */
export const preview = (
  course: Course,
  lessons: readonly LessonFacts[],
): { readonly items: readonly Item[]; readonly obstacles: readonly Obstacle[] } => {
  const known = new Map(lessons.map((lesson) => [lesson.lessonId, lesson]))
  const items: Item[] = []
  const obstacles: Obstacle[] = []
  for (const module of course.outline)
    for (const { lessonId, required } of module.items) {
      const lesson = known.get(lessonId)
      if (!lesson) obstacles.push({ lessonId, reason: 'This lesson is not part of the course.' })
      else if (lesson.notReady) obstacles.push({ lessonId, reason: lesson.notReady })
      else items.push(toItem({ module, lesson, required }))
    }
  return { items, obstacles }
}

/**
 * Pins the draft as the next immutable version. Repeating it for an unchanged draft and unchanged lessons gives
 * the version that stands, and no event.
 */
export const publish = (
  course: Course,
  command: {
    readonly lessons: readonly LessonFacts[]
    readonly standing: Version | undefined
    readonly versionId: CourseVersionId
    readonly expectedRevision: number
  },
  now: Instant,
): Decision & { readonly version: Version } => {
  refuseUnlessCurrent(course, command.expectedRevision)
  const { items, obstacles } = preview(course, command.lessons)
  if (obstacles.length > 0) throw courseNotReady(obstacles)
  if (!items.some(({ required }) => required)) throw courseEmpty()
  const { standing } = command
  if (
    standing &&
    course.published?.revision === course.revision &&
    sameItems(standing.items, items)
  )
    return { course, version: standing, events: [] }
  const version: Version = {
    versionId: command.versionId,
    courseId: course.courseId,
    organizationId: course.organizationId,
    number: (course.published?.number ?? 0) + 1,
    title: course.title,
    summary: course.summary,
    description: course.description,
    language: course.language,
    categoryIds: course.categoryIds,
    prerequisiteIds: course.prerequisiteIds,
    items,
    completionRule: course.completionRule,
    certificateRule: course.certificateRule,
    publishedAt: now,
  }
  const published: Published = {
    versionId: version.versionId,
    number: version.number,
    revision: course.revision,
    title: version.title,
    at: now,
  }
  return {
    course: { ...course, published },
    version,
    events: [
      {
        type: 'course.published',
        ...publicFacts({ ...course, published }),
        versionId: version.versionId,
        versionNumber: version.number,
        prerequisiteIds: course.prerequisiteIds,
        items,
        completionRule: version.completionRule,
        certificateRule: version.certificateRule,
        publishedAt: toIso(now),
      },
    ],
  }
}

/** Final, and harmless to repeat. */
export const archive = (course: Course, now: Instant): Decision => {
  if (course.archivedAt !== null) return { course, events: [] }
  const { courseId, organizationId } = course
  return {
    course: { ...course, archivedAt: now },
    events: [{ type: 'course.archived', courseId, organizationId, archivedAt: toIso(now) }],
  }
}

/** @param isMember whether they belong to the course's organisation. */
export const addInstructor = (
  course: Course,
  { accountId, isMember }: { accountId: AccountId; isMember: boolean },
): Decision => {
  refuseArchived(course)
  if (course.instructorIds.includes(accountId)) return { course, events: [] }
  if (!isMember) throw notAMember()
  if (course.instructorIds.length >= INSTRUCTORS_PER_COURSE_MAX)
    throw instructorsFull(INSTRUCTORS_PER_COURSE_MAX)
  return withInstructors(course, [...course.instructorIds, accountId])
}

export const removeInstructor = (course: Course, accountId: AccountId): Decision => {
  refuseArchived(course)
  if (!course.instructorIds.includes(accountId)) return { course, events: [] }
  if (course.instructorIds.length === 1) throw lastInstructor()
  return withInstructors(
    course,
    course.instructorIds.filter((id) => id !== accountId),
  )
}

/**
 * Takes somebody who has left the organisation off the course, archived or not. The last instructor stays on the list,
 * and reaches nothing: they belong to the organisation no more.
 */
export const dismissInstructor = (course: Course, accountId: AccountId): Decision => {
  const remaining = course.instructorIds.filter((id) => id !== accountId)
  if (remaining.length === 0 || remaining.length === course.instructorIds.length)
    return { course, events: [] }
  return withInstructors(course, remaining)
}

/** `Film editing, the basics` becomes `film-editing-the-basics`; a title without Latin letters takes the id. */
export const slugFor = (title: string, courseId: CourseId): string => {
  const words = title
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[^a-z0-9\s-]/g, '')
    .split(/[\s-]+/)
    .filter(Boolean)
  const slug = words.join('-').slice(0, 60).replace(/-$/, '')
  return slug || courseId.replace('_', '-')
}

const withInstructors = (course: Course, instructorIds: readonly AccountId[]): Decision => {
  const changed = { ...course, instructorIds }
  return { course: changed, events: [{ type: 'course.updated', ...publicFacts(changed) }] }
}

/** A draft's changes are nobody's business until the next publish; slug and visibility count at once. */
const updatedIfPublic = (before: Course, after: Course): readonly CourseEvent[] => {
  const isSame = before.slug === after.slug && before.visibility === after.visibility
  return isSame ? [] : [{ type: 'course.updated', ...publicFacts(after) }]
}

const publicFacts = (course: Course) => ({
  courseId: course.courseId,
  organizationId: course.organizationId,
  // A draft's title waits for the next publish, like all of the draft.
  title: course.published?.title ?? course.title,
  slug: course.slug,
  visibility: course.visibility,
  instructorIds: course.instructorIds,
})

const toItem = ({
  module,
  lesson,
  required,
}: {
  module: Module
  lesson: LessonFacts
  required: boolean
}): Item => ({
  lessonId: lesson.lessonId,
  revision: lesson.revision,
  moduleId: module.moduleId,
  moduleTitle: module.title,
  title: lesson.title,
  required,
  completion: lesson.completion,
})

const sameItems = (one: readonly Item[], other: readonly Item[]): boolean =>
  one.length === other.length &&
  one.every(
    (item, index) =>
      item.lessonId === other[index]?.lessonId && item.revision === other[index]?.revision,
  )

const refuseArchived = (course: Course) => {
  if (course.archivedAt !== null) throw courseArchived()
}

const refuseUnlessCurrent = (course: Course, expectedRevision: number) => {
  refuseArchived(course)
  if (course.revision !== expectedRevision) throw revisionStale(course.revision)
}
