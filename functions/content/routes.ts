import type { contentContract } from '../../shared/contracts/content.ts'
import type { courseContract } from '../../shared/contracts/course.ts'
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
  type Lesson,
  obstacleOf,
  type Revision,
  reorderBlocks,
  saveDraft,
} from './domain.ts'
import { courseArchived, courseNotFound, lessonNotFound, revisionNotFound } from './errors.ts'
import { lessons, type PinnedVersion, pinsOf, remembered } from './store.ts'

export type Deps = {
  readonly course: Pick<Client<typeof courseContract>, 'getCourse' | 'getVersion'>
  readonly enrollment: EnrollmentClient
}

export const routes: Handlers<typeof contentContract, Deps> = {
  async listLessonReadiness({ query, caller, headers, tx }, deps) {
    await enterCourse({ ...query, permission: 'content:read', caller, headers, tx, deps })
    const ofCourse = await lessons(tx).ofCourse(query.courseId)
    const surroundings = await remembered(tx).surroundingsOf(ofCourse)
    return {
      items: ofCourse.map((lesson) => ({ ...lesson, notReady: obstacleOf(lesson, surroundings) })),
    }
  },

  async listLessons({ query, caller, headers, tx }, deps) {
    await enterCourse({ ...query, permission: 'content:read', caller, headers, tx, deps })
    const listed = await lessons(tx).list(query.courseId, query)
    return toPage(listed, query.limit, {
      keyOf: ({ lessonId }) => [lessonId],
      itemOf: (lesson) => lesson,
    })
  },

  async createLesson({ body, caller, headers, now, tx }, deps) {
    await enterCourse({ ...body, permission: 'content:update', caller, headers, tx, deps })
    const { organizationId } = caller
    const command = { ...body, lessonId: newId('lesson'), organizationId }
    const blocks = body.blocks.map(withId)
    return begin({ tx, caller, decision: beginLesson({ ...command, blocks }, now) })
  },

  async getLesson({ params, caller, headers, now, tx }, deps) {
    const lesson = await lessons(tx).find(params.lessonId)
    if (!lesson) throw lessonNotFound(params.lessonId)
    const { courseId } = lesson
    const { accountId, organizationId } = caller
    const as = { headers, traceparent: tx.traceparent }
    const pinned = await hidingAs(lessonNotFound(params.lessonId), async () => {
      const access = await learnerAccess(tx).findOrAsk(
        { courseId, accountId, organizationId },
        { client: deps.enrollment, as, now },
      )
      const { versionId } = access
      const known = await remembered(tx).findVersion(versionId)
      if (known) return known
      // Who enrolled before the event of publishing arrived: the course says what the version holds.
      const { items } = await deps.course.getVersion({ params: { courseId, versionId } }, as)
      const asked: PinnedVersion = { versionId, courseId, organizationId, pins: pinsOf(items) }
      await remembered(tx).addVersion(asked)
      return asked
    })
    const revision = pinned.courseId === courseId ? pinned.pins[params.lessonId] : undefined
    const shown = revision && (await lessons(tx).findRevision({ ...params, revision }))
    if (!shown) throw lessonNotFound(params.lessonId)
    return shown
  },

  async getDraft({ params, caller, headers, tx }, deps) {
    const context = { ...params, caller, headers, tx, deps }
    return showDraft(tx, await findFor({ ...context, permission: 'content:read' }))
  },

  async saveDraft({ params, body, ifMatch, caller, headers, now, tx }, deps) {
    const lesson = await findFor({
      ...{ ...params, caller, headers, tx, deps },
      permission: 'content:update',
    })
    const { blocks, ...fields } = given(body)
    const changes = { ...fields, ...(blocks && { blocks: blocks.map(withId) }) }
    const decision = saveDraft(lesson, { changes, expectedRevision: ifMatch })
    return keep({ tx, caller, now, decision })
  },

  async reorderBlocks({ params, body, ifMatch, caller, headers, now, tx }, deps) {
    const lesson = await findFor({
      ...{ ...params, caller, headers, tx, deps },
      permission: 'content:update',
    })
    const decision = reorderBlocks(lesson, { ...body, expectedRevision: ifMatch })
    return keep({ tx, caller, now, decision })
  },

  async previewLesson({ params, caller, headers, tx }, deps) {
    return findFor({ ...{ ...params, caller, headers, tx, deps }, permission: 'content:read' })
  },

  async copyLesson({ params, body, caller, headers, now, tx }, deps) {
    const context = { caller, headers, tx, deps }
    const original = await findFor({ ...params, ...context, permission: 'content:read' })
    await enterCourse({ ...body, ...context, permission: 'content:update' })
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
    return begin({ tx, caller, decision })
  },

  async deleteLesson({ params, caller, headers, now, tx }, deps) {
    const { lessonId, courseId, organizationId, ...lesson } = await findFor({
      ...{ ...params, caller, headers, tx, deps },
      permission: 'content:update',
    })
    const facts = { lessonId, courseId, organizationId }
    await lessons(tx).markDeleted({ ...lesson, ...facts, deletedAt: now })
    await lessons(tx).emit([{ type: 'lesson.deleted', ...facts }])
    return undefined
  },

  async listRevisions({ params, query, caller, headers, tx }, deps) {
    await findFor({ ...{ ...params, caller, headers, tx, deps }, permission: 'content:read' })
    const listed = await lessons(tx).listRevisions(params.lessonId, query)
    return toPage(listed, query.limit, {
      keyOf: ({ revision }) => [String(revision)],
      itemOf: showRevision,
    })
  },

  async getRevision({ params, caller, headers, tx }, deps) {
    await findFor({ ...{ ...params, caller, headers, tx, deps }, permission: 'content:read' })
    const revision = await lessons(tx).findRevision(params)
    if (!revision) throw revisionNotFound(params.revision)
    return showRevision(revision)
  },

  async restoreRevision({ params, ifMatch, caller, headers, now, tx }, deps) {
    const lesson = await findFor({
      ...{ ...params, caller, headers, tx, deps },
      permission: 'content:update',
    })
    const earlier = await lessons(tx).findRevision(params)
    if (!earlier) throw revisionNotFound(params.revision)
    const { title, blocks, completion } = earlier
    const changes = { title, blocks, completion }
    const decision = saveDraft(lesson, { changes, expectedRevision: ifMatch })
    return keep({ tx, caller, now, decision, restoredFrom: params.revision })
  },
}

type Tx = Parameters<typeof lessons>[0]

type Context = {
  readonly permission: 'content:read' | 'content:update'
  readonly caller: Caller
  readonly headers: Headers
  readonly tx: Tx
  readonly deps: Deps
}

/** Ends the check that the door began: the permission is held on this very course. */
const enterCourse = async ({
  courseId,
  permission,
  caller,
  headers,
  tx,
  deps,
}: Context & { readonly courseId: CourseId }): Promise<void> => {
  const as = { headers, traceparent: tx.traceparent }
  const course = await courseRefs(tx).findOrAsk(courseId, deps.course, as)
  caller.require(permission, course, courseNotFound(courseId))
  if (permission === 'content:update' && course.archivedAt !== null) throw courseArchived()
}

/** The lesson, locked if it is to change, for those who build its course; else it does not exist for them. */
const findFor = async ({
  lessonId,
  ...context
}: Context & { readonly lessonId: LessonId }): Promise<Lesson> => {
  const { permission, tx } = context
  const lesson =
    permission === 'content:update'
      ? await lessons(tx).findForUpdate(lessonId)
      : await lessons(tx).find(lessonId)
  if (!lesson || lesson.deletedAt !== null) throw lessonNotFound(lessonId)
  await hidingAs(lessonNotFound(lessonId), () =>
    enterCourse({ ...context, courseId: lesson.courseId }),
  )
  return lesson
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

const begin = async ({ tx, caller, decision }: { tx: Tx; caller: Caller; decision: Decision }) => {
  await lessons(tx).insert(decision.lesson)
  await insertRevision({ tx, caller, decision, now: decision.lesson.createdAt })
  return showDraft(tx, decision.lesson)
}

const keep = async (kept: {
  tx: Tx
  caller: Caller
  now: Instant
  decision: Decision
  restoredFrom?: number
}) => {
  const { tx, decision } = kept
  if (decision.events.length > 0) {
    await insertRevision(kept)
    await lessons(tx).point(decision.lesson)
  }
  return showDraft(tx, decision.lesson)
}

const insertRevision = async ({
  tx,
  caller,
  now,
  decision: { lesson, events },
  restoredFrom,
}: {
  tx: Tx
  caller: Caller
  now: Instant
  decision: Decision
  restoredFrom?: number
}): Promise<void> => {
  const { deletedAt: _, ...content } = lesson
  await lessons(tx).insertRevision({
    ...content,
    authorId: caller.accountId,
    createdAt: now,
    restoredFrom: restoredFrom ?? null,
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
