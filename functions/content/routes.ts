import type { contentContract } from '../../shared/contracts/content.ts'
import type { courseContract } from '../../shared/contracts/course.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import type { Caller } from '../../shared/http/caller.ts'
import type { Client } from '../../shared/http/client.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import { type CourseId, type Id, type LessonId, newId } from '../../shared/kernel/id.ts'
import { toPage } from '../../shared/kernel/page.ts'
import { given } from '../../shared/kernel/readonly.ts'
import { type Instant, toIso } from '../../shared/kernel/time.ts'
import { courseRefs } from '../../shared/projection/course-refs.ts'
import { type EnrollmentClient, learnerAccess } from '../../shared/projection/learner-access.ts'
import {
  beginLesson,
  type Decision,
  deleteLesson,
  type Lesson,
  mediaIdsOf,
  type Revision,
  reorderBlocks,
  saveDraft,
} from './domain/lesson.ts'
import { obstacleOf } from './domain/readiness.ts'
import {
  blocksInvalid,
  courseArchived,
  courseNotFound,
  lessonNotFound,
  revisionNotFound,
} from './errors.ts'
import { lessons, type PinnedVersion, pinsOf, remembered } from './store.ts'

export type Deps = {
  readonly course: Pick<Client<typeof courseContract>, 'getCourse' | 'getVersion'>
  readonly enrollment: EnrollmentClient
}

export const routes: Handlers<typeof contentContract, Deps> = {
  async listLessonReadiness(request, deps) {
    const { query, tx } = request
    await enterCourse('content:read', { ...request, ...query }, deps)
    const ofCourse = await lessons(tx).ofCourse(query.courseId)
    const surroundings = await remembered(tx).surroundingsOf(ofCourse)
    return {
      items: ofCourse.map((lesson) => ({ ...lesson, notReady: obstacleOf(lesson, surroundings) })),
    }
  },

  async listLessons(request, deps) {
    const { query, tx } = request
    await enterCourse('content:read', { ...request, ...query }, deps)
    const listed = await lessons(tx).list(query.courseId, query)
    return toPage(listed, query.limit, {
      keyOf: ({ lessonId }) => [lessonId],
      itemOf: (lesson) => lesson,
    })
  },

  async createLesson(request, deps) {
    const { body, caller, now } = request
    await enterCourse('content:update', { ...request, ...body }, deps)
    const { organizationId } = caller
    const blocks = body.blocks.map(withId)
    await refuseForeignMedia(request, { blocks, courseId: body.courseId })
    const command = { ...body, blocks, lessonId: newId('lesson'), organizationId }
    return begin(request, beginLesson(command, now))
  },

  async getLesson(request, deps) {
    const { params, tx } = request
    const lesson = await lessons(tx).find(params.lessonId)
    if (!lesson) throw lessonNotFound(params.lessonId)
    const pinned = await hidingAs(lessonNotFound(params.lessonId), () =>
      findPinned({ ...request, courseId: lesson.courseId }, deps),
    )
    const revision = pinned.pins[params.lessonId]
    const shown = revision && (await lessons(tx).findRevision({ ...params, revision }))
    if (!shown) throw lessonNotFound(params.lessonId)
    return shown
  },

  async getDraft(request, deps) {
    return showDraft(request.tx, await findFor('content:read', request, deps))
  },

  async saveDraft(request, deps) {
    const lesson = await findFor('content:update', request, deps)
    const { blocks, ...fields } = given(request.body)
    const changes = { ...fields, ...(blocks && { blocks: blocks.map(withId) }) }
    if (changes.blocks)
      await refuseForeignMedia(request, { blocks: changes.blocks, courseId: lesson.courseId })
    return keep(request, saveDraft(lesson, { changes, expectedRevision: request.ifMatch }))
  },

  async reorderBlocks(request, deps) {
    const lesson = await findFor('content:update', request, deps)
    const { blockIds } = request.body
    return keep(request, reorderBlocks(lesson, { blockIds, expectedRevision: request.ifMatch }))
  },

  async previewLesson(request, deps) {
    return findFor('content:read', request, deps)
  },

  async copyLesson(request, deps) {
    const { body, caller, now } = request
    const original = await findFor('content:read', request, deps)
    await enterCourse('content:update', { ...request, ...body }, deps)
    const decision = beginLesson(
      {
        lessonId: newId('lesson'),
        courseId: body.courseId,
        organizationId: caller.organizationId,
        title: body.title ?? original.title,
        blocks: original.blocks.map((block) => ({ ...block, blockId: newId('block') })),
        completion: original.completion,
      },
      now,
    )
    return begin(request, decision)
  },

  async deleteLesson(request, deps) {
    const { now, tx } = request
    const { lesson, events } = deleteLesson(await findFor('content:update', request, deps), now)
    await lessons(tx).markDeleted(lesson)
    await lessons(tx).emit(events)
    return undefined
  },

  async listRevisions(request, deps) {
    const { query, tx } = request
    const { lessonId } = await findFor('content:read', request, deps)
    return toPage(await lessons(tx).listRevisions(lessonId, query), query.limit, {
      keyOf: ({ revision }) => [String(revision)],
      itemOf: showRevision,
    })
  },

  async getRevision(request, deps) {
    const { params, tx } = request
    await findFor('content:read', request, deps)
    const revision = await lessons(tx).findRevision(params)
    if (!revision) throw revisionNotFound(params.revision)
    return showRevision(revision)
  },

  async restoreRevision(request, deps) {
    const { params, ifMatch, tx } = request
    const lesson = await findFor('content:update', request, deps)
    const earlier = await lessons(tx).findRevision(params)
    if (!earlier) throw revisionNotFound(params.revision)
    const { title, blocks, completion } = earlier
    const changes = { title, blocks, completion }
    const decision = saveDraft(lesson, { changes, expectedRevision: ifMatch })
    return keep(request, decision, { restoredFrom: params.revision })
  },
}

/** What every handler is handed, whatever its operation. */
type Asked = {
  readonly caller: Caller
  readonly headers: Headers
  readonly now: Instant
  readonly tx: Tx
}

/**
 * Who shows a file in a course lets its builders fetch it: that is for its owner to do, or for those who run the
 * organisation's files. What the course has shown before, its other builders may show again.
 */
const refuseForeignMedia = async (
  { caller, tx }: Pick<Asked, 'caller' | 'tx'>,
  { blocks, courseId }: Pick<Lesson, 'blocks' | 'courseId'>,
): Promise<void> => {
  if (caller.can('media:manage')) return
  const { accountId } = caller
  const [foreign] = await remembered(tx).foreignMedia(mediaIdsOf({ blocks }), {
    accountId,
    courseId,
  })
  if (foreign) throw blocksInvalid(`The file ${foreign} is not yours to show.`)
}

type BuilderPermission = 'content:read' | 'content:update'

/** Ends the check that the door began: the permission is held on this very course. */
const enterCourse = async (
  permission: BuilderPermission,
  { courseId, caller, headers, tx }: Asked & { readonly courseId: CourseId },
  deps: Deps,
): Promise<void> => {
  const as = { headers, traceparent: tx.traceparent }
  const course = await courseRefs(tx).findOrAsk(courseId, deps.course, as)
  caller.require(permission, course, courseNotFound(courseId))
  if (permission === 'content:update' && course.archivedAt !== null) throw courseArchived()
}

/**
 * The lesson, locked if it is to change, for those who build its course; else it does not exist for
 * them.
 */
const findFor = async (
  permission: BuilderPermission,
  request: Asked & { readonly params: { readonly lessonId: LessonId } },
  deps: Deps,
): Promise<Lesson> => {
  const { lessonId } = request.params
  const store = lessons(request.tx)
  const lesson = await (permission === 'content:update'
    ? store.findForUpdate(lessonId)
    : store.find(lessonId))
  if (!lesson || lesson.deletedAt !== null) throw lessonNotFound(lessonId)
  await hidingAs(lessonNotFound(lessonId), () =>
    enterCourse(permission, { ...request, courseId: lesson.courseId }, deps),
  )
  return lesson
}

/**
 * The version of the course that the caller learns on. @throws not found for who does not learn
 * there now.
 */
const findPinned = async (
  { caller, courseId, headers, now, tx }: Asked & { readonly courseId: CourseId },
  deps: Deps,
): Promise<PinnedVersion> => {
  const { accountId, organizationId } = caller
  const as = { headers, traceparent: tx.traceparent }
  const { versionId } = await learnerAccess(tx).findOrAsk(
    { courseId, accountId, organizationId },
    { client: deps.enrollment, as, now },
  )
  const known = await remembered(tx).findVersion(versionId)
  if (known) return known
  // Who enrolled before the event of publishing arrived here: the course says what the version
  // holds.
  const { items } = await deps.course.getVersion({ params: { courseId, versionId } }, as)
  const asked = { versionId, courseId, organizationId, pins: pinsOf(items) }
  await remembered(tx).addVersion(asked)
  return asked
}

/**
 * Whatever says "not found" underneath says `hidden` to the caller: which part was missing is not
 * theirs to learn.
 */
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

const begin = async (request: Asked, decision: Decision) => {
  await lessons(request.tx).insert(decision.lesson)
  await addRevision(request, decision, { restoredFrom: null })
  return showDraft(request.tx, decision.lesson)
}

const keep = async (
  request: Asked,
  decision: Decision,
  { restoredFrom = null }: { restoredFrom?: number | null } = {},
) => {
  if (decision.events.length > 0) {
    await addRevision(request, decision, { restoredFrom })
    await lessons(request.tx).point(decision.lesson)
  }
  return showDraft(request.tx, decision.lesson)
}

const addRevision = async (
  { caller, now, tx }: Asked,
  { lesson, events }: Decision,
  { restoredFrom }: { restoredFrom: number | null },
): Promise<void> => {
  const { deletedAt: _, ...revision } = lesson
  const { accountId } = caller
  await lessons(tx).insertRevision({
    ...revision,
    authorId: accountId,
    createdAt: now,
    restoredFrom,
  })
  await lessons(tx).emit(events)
}

const withId = <Fields extends object>(block: Fields & { blockId?: Id<'block'> | undefined }) => ({
  ...block,
  blockId: block.blockId ?? newId('block'),
})

const showDraft = async (tx: Tx, lesson: Lesson) => ({
  ...lesson,
  createdAt: toIso(lesson.createdAt),
  notReady: obstacleOf(lesson, await remembered(tx).surroundingsOf([lesson])),
})

const showRevision = (revision: Revision) => ({
  ...revision,
  createdAt: toIso(revision.createdAt),
})
