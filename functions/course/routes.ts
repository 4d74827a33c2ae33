import type { contentContract } from '../../shared/contracts/content.ts'
import type { courseContract } from '../../shared/contracts/course.ts'
import type { Permission } from '../../shared/contracts/define.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import type { Caller } from '../../shared/http/caller.ts'
import type { Client } from '../../shared/http/client.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { type CourseId, newId } from '../../shared/kernel/id.ts'
import { toPage } from '../../shared/kernel/page.ts'
import { given } from '../../shared/kernel/readonly.ts'
import { toIso } from '../../shared/kernel/time.ts'
import {
  addInstructor,
  archive,
  type Course,
  changeDraft,
  createCourse,
  type Decision,
  preview,
  publish,
  removeInstructor,
  replaceOutline,
  slugFor,
  stateOf,
  type Version,
} from './domain.ts'
import { categoryUnknown, courseNotFound, prerequisiteInvalid } from './errors.ts'
import { courses } from './store.ts'

export type Deps = { readonly content: Pick<Client<typeof contentContract>, 'listLessonReadiness'> }

export const routes: Handlers<typeof courseContract, Deps> = {
  async listCourses({ query, caller, tx }) {
    const { instructor, ...filter } = query
    if (instructor === 'me') {
      const taught = await courses(tx).taughtBy(caller.accountId, filter)
      return toPage(taught, query.limit, {
        keyOf: (course) => [course.courseId],
        itemOf: showCourse,
      })
    }
    const listed = await courses(tx).catalogue(filter)
    return toPage(listed, query.limit, {
      keyOf: (course) => [toIso(course.published?.at ?? course.createdAt), course.courseId],
      itemOf: showCourse,
    })
  },

  async createCourse({ body, caller, now, tx }) {
    const courseId = newId('course')
    const decision = createCourse(
      {
        ...body,
        courseId,
        slug: body.slug ?? (await freeSlug(tx, slugFor(body.title, courseId), courseId)),
        organizationId: caller.organizationId,
        creatorId: caller.accountId,
      },
      now,
    )
    await courses(tx).insert(decision.course)
    await courses(tx).emit(decision.events)
    return showCourse(decision.course)
  },

  async listCategories({ query, tx }) {
    const categories = await courses(tx).listCategories(query)
    return toPage(categories, query.limit, {
      keyOf: ({ slug }) => [slug],
      itemOf: (category) => category,
    })
  },

  async createCategory({ body, caller, tx }) {
    const category = {
      ...body,
      categoryId: newId('category'),
      organizationId: caller.organizationId,
    }
    await courses(tx).insertCategory(category)
    return category
  },

  async resolveSlug({ params, caller, tx }) {
    const course = await courses(tx).findBySlug(params.slug)
    if (!course || !(await mayKnow({ course, caller, tx }))) throw courseNotFound(params.slug)
    return { location: `/v1/courses/${course.courseId}` }
  },

  async getCourse({ params, caller, tx }) {
    const course = await courses(tx).find(params.courseId)
    if (!course || !(await mayKnow({ course, caller, tx }))) throw courseNotFound(params.courseId)
    if (caller.can('course:update', course)) return showCourse(course)
    const published = await courses(tx).findPublished(params.courseId)
    return showCourse(published ?? course)
  },

  async getDraft({ params, caller, tx }) {
    return showCourse(await findFor({ permission: 'course:update', caller, tx, ...params }))
  },

  async updateDraft({ params, body, caller, ifMatch, tx }) {
    const course = await findFor({ permission: 'course:update', caller, tx, ...params })
    const { prerequisiteIds = [], categoryIds = [] } = body
    const found = await courses(tx).countCourses(prerequisiteIds)
    if (found !== new Set(prerequisiteIds).size)
      throw prerequisiteInvalid('A prerequisite does not exist.')
    if ((await courses(tx).countCategories(categoryIds)) !== new Set(categoryIds).size)
      throw categoryUnknown()
    const requiredByThem = await courses(tx).prerequisitesOf(prerequisiteIds)
    return showCourse(
      await keep(
        tx,
        changeDraft(course, { changes: given(body), requiredByThem, expectedRevision: ifMatch }),
      ),
    )
  },

  async replaceOutline({ params, body, caller, ifMatch, tx }) {
    const course = await findFor({ permission: 'course:update', caller, tx, ...params })
    const modules = body.modules.map((module) => ({
      ...module,
      moduleId: module.moduleId ?? newId('module'),
    }))
    return showCourse(
      await keep(tx, replaceOutline(course, { modules, expectedRevision: ifMatch })),
    )
  },

  async previewCourse({ params, caller, headers, tx }, { content }) {
    const course = await findFor({ permission: 'course:update', caller, tx, ...params })
    const lessons = await content.listLessonReadiness(
      { query: params },
      { headers, traceparent: tx.traceparent },
    )
    return preview(course, lessons.items)
  },

  async publishCourse({ params, caller, ifMatch, headers, now, tx }, { content }) {
    const course = await findFor({ permission: 'course:publish', caller, tx, ...params })
    const store = courses(tx)
    // Asked at this moment, not remembered from events: what was saved a second ago is what gets published.
    const lessons = await content.listLessonReadiness(
      { query: params },
      { headers, traceparent: tx.traceparent },
    )
    const standing =
      course.published &&
      (await store.findVersion({ ...params, versionId: course.published.versionId }))
    const decision = publish(
      course,
      {
        lessons: lessons.items,
        standing: standing ?? undefined,
        versionId: newId('courseVersion'),
        expectedRevision: ifMatch,
      },
      now,
    )
    if (decision.events.length > 0) {
      await store.insertVersion(decision.version)
      await keep(tx, decision)
    }
    return showVersion(decision.version)
  },

  async archiveCourse({ params, caller, now, tx }) {
    const course = await findFor({ permission: 'course:archive', caller, tx, ...params })
    return showCourse(await keep(tx, archive(course, now)))
  },

  async listVersions({ params, query, caller, tx }) {
    await findFor({ permission: 'course:update', caller, tx, ...params })
    const versions = await courses(tx).listVersions(params.courseId, query)
    return toPage(versions, query.limit, {
      keyOf: ({ number }) => [String(number)],
      itemOf: showVersion,
    })
  },

  async getVersion({ params, caller, tx }) {
    const course = await courses(tx).find(params.courseId)
    if (!course || !(await mayKnow({ course, caller, tx }))) throw courseNotFound(params.courseId)
    const version = await courses(tx).findVersion(params)
    if (!version) throw courseNotFound(params.courseId)
    return showVersion(version)
  },

  async addInstructor({ params, body, caller, tx }) {
    const { accountId } = body
    const isMember = await courses(tx).lockMember({ ...params, accountId })
    const course = await findFor({ permission: 'course:update', caller, tx, ...params })
    return showCourse(await keep(tx, addInstructor(course, { accountId, isMember })))
  },

  async removeInstructor({ params, caller, tx }) {
    const course = await findFor({ permission: 'course:update', caller, tx, ...params })
    return showCourse(await keep(tx, removeInstructor(course, params.accountId)))
  },
}

/** Two courses may have one title; only who names a slug is told that it is taken. */
const freeSlug = async (tx: Tx, slug: string, courseId: CourseId): Promise<string> =>
  (await courses(tx).findBySlug(slug)) ? `${slug}-${courseId.slice(-SLUG_SUFFIX_LENGTH)}` : slug

/** Of the random end of the id. */
const SLUG_SUFFIX_LENGTH = 6

/** The course, locked, if the caller holds the permission on it; else it does not exist for them. */
const findFor = async ({
  courseId,
  permission,
  caller,
  tx,
}: {
  courseId: CourseId
  permission: Permission
  caller: Caller
  tx: Tx
}): Promise<Course> => {
  const course = await courses(tx).findForUpdate(courseId)
  if (!course) throw courseNotFound(courseId)
  caller.require(permission, course, courseNotFound(courseId))
  return course
}

/** Drafts are their builders' business; private courses also their learners'. */
const mayKnow = async ({
  course,
  caller,
  tx,
}: {
  course: Course
  caller: Caller
  tx: Tx
}): Promise<boolean> => {
  if (caller.can('course:update', course)) return true
  if (!course.published) return false
  const { courseId } = course
  const isOpen = course.visibility !== 'private' && course.archivedAt === null
  return isOpen || courses(tx).isLearner({ courseId, accountId: caller.accountId })
}

const keep = async (tx: Tx, { course, events }: Decision): Promise<Course> => {
  await courses(tx).save(course)
  await courses(tx).emit(events)
  return course
}

const showCourse = (course: Course) => ({
  ...course,
  state: stateOf(course),
  publishedVersionId: course.published?.versionId ?? null,
  publishedAt: course.published ? toIso(course.published.at) : null,
})

const showVersion = (version: Version) => ({
  ...version,
  publishedAt: toIso(version.publishedAt),
})
