import type { courseContract } from '../../shared/contracts/course.ts'
import type { Permission } from '../../shared/contracts/define.ts'
import type { progressContract } from '../../shared/contracts/progress.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import type { Item } from '../../shared/events/course-outline.ts'
import type { Caller } from '../../shared/http/caller.ts'
import type { Client, Forwarded } from '../../shared/http/client.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { assert } from '../../shared/kernel/assert.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import { type CourseId, type EnrollmentId, type LessonId, newId } from '../../shared/kernel/id.ts'
import { toPage } from '../../shared/kernel/page.ts'
import { type Instant, toIso, toIsoOrNull } from '../../shared/kernel/time.ts'
import { courseRefs } from '../../shared/projection/course-refs.ts'
import { type EnrollmentClient, learnerAccess } from '../../shared/projection/learner-access.ts'
import { rebuild, take, takeEnrollment } from './commands.ts'
import { itemStateOf, type Version } from './domain.ts'
import {
  courseNotFound,
  itemNotFound,
  notConfirmable,
  progressNotFound,
  versionPending,
} from './errors.ts'
import { type LoggedFact, progress, type Standing } from './store.ts'

export type Deps = {
  readonly course: Pick<Client<typeof courseContract>, 'getCourse' | 'getVersion'>
  readonly enrollment: EnrollmentClient
}

export const routes: Handlers<typeof progressContract, Deps> = {
  async listOwnProgress({ query, caller, tx }) {
    const listed = await progress(tx).list({ ...query, accountId: caller.accountId })
    return toPage(listed, query.limit, {
      keyOf: ({ enrollmentId }) => [enrollmentId],
      itemOf: showStanding,
    })
  },

  async getOwnProgress({ params, caller, headers, now, tx }, deps) {
    const as: Forwarded = { headers, traceparent: tx.traceparent }
    const { accountId } = caller
    const [newest] = await progress(tx).list({ ...params, accountId, limit: 1 })
    if (newest?.isActive) {
      await settleVersion(tx, newest, { client: deps.course, as })
      return show(tx, newest.enrollmentId)
    }
    try {
      return await show(tx, (await enter({ ...params, caller, as, now, tx }, deps)).enrollmentId)
    } catch (error) {
      // Who may no longer learn there still sees what they have done.
      if (newest && error instanceof DomainError) return show(tx, newest.enrollmentId)
      throw error
    }
  },

  async recordItem({ params, body, caller, headers, now, tx }, deps) {
    const as: Forwarded = { headers, traceparent: tx.traceparent }
    const { courseId, lessonId } = params
    const { enrollmentId, version } = await enter({ courseId, caller, as, now, tx }, deps)
    const item = itemOf(version, lessonId)
    if (body.kind === 'confirmed' && item.completion.kind !== 'confirmed') throw notConfirmable()
    const { accountId, organizationId } = caller
    // The learner's own ids cannot meet those of events.
    const occurrence = { factId: `client:${body.clientEventId}`, at: now, lessonId }
    await take(
      tx,
      { accountId, courseId, organizationId },
      body.kind === 'viewed'
        ? { ...occurrence, kind: 'viewed', positionMs: body.positionMs ?? null }
        : { ...occurrence, kind: 'confirmed' },
    )
    return show(tx, enrollmentId)
  },

  async listLearners({ params, query, caller, headers, tx }, deps) {
    const as: Forwarded = { headers, traceparent: tx.traceparent }
    const facts = await courseRefs(tx).findOrAsk(params.courseId, deps.course, as)
    caller.require('progress:read', facts, courseNotFound(params.courseId))
    const listed = await progress(tx).list({ ...query, ...params })
    return toPage(listed, query.limit, {
      keyOf: ({ enrollmentId }) => [enrollmentId],
      itemOf: showStanding,
    })
  },

  async getProgress({ params, caller, tx }) {
    const standing = await progress(tx).find(params.enrollmentId)
    if (!standing) throw progressNotFound()
    if (standing.accountId !== caller.accountId)
      await requireOn(standing, 'progress:read', { caller, tx })
    return show(tx, params.enrollmentId)
  },

  async listFacts({ params, query, caller, tx }) {
    const standing = await findFor({ ...params, permission: 'progress:read', caller, tx })
    const facts = await progress(tx).listFacts(standing, query)
    return toPage(facts, query.limit, {
      keyOf: ({ fact, recordedAt }) => [toIso(recordedAt), fact.factId],
      itemOf: showFact,
    })
  },

  async overrideItem({ params, body, caller, headers, now, tx }, deps) {
    const { enrollmentId, lessonId } = params
    const standing = await findFor({ enrollmentId, permission: 'progress:override', caller, tx })
    const as: Forwarded = { headers, traceparent: tx.traceparent }
    itemOf(await versionFor(tx, standing, { client: deps.course, as }), lessonId)
    const { accountId, courseId, organizationId } = standing
    if (standing.completions[lessonId] === undefined)
      await take(
        tx,
        { accountId, courseId, organizationId },
        {
          factId: newId('event'),
          kind: 'overridden',
          at: now,
          ...{ enrollmentId, lessonId, actorId: caller.accountId, reason: body.reason },
        },
      )
    return show(tx, enrollmentId)
  },

  async rebuildProgress({ params, caller, tx }) {
    const { enrollmentId } = params
    const standing = await findFor({ enrollmentId, permission: 'progress:override', caller, tx })
    const { accountId, courseId, organizationId } = standing
    await rebuild(tx, { accountId, courseId, organizationId })
    return show(tx, enrollmentId)
  },
}

type Entering = {
  readonly courseId: CourseId
  readonly caller: Caller
  readonly as: Forwarded
  readonly now: Instant
  readonly tx: Tx
}

/**
 * The caller's live enrolment and its version. What events have not told yet is asked for: an enrolment counts from
 * the moment it was answered.
 *
 * @throws `enrollment.no_access`, `progress.version_pending`
 */
const enter = async (
  { courseId, caller, as, now, tx }: Entering,
  deps: Deps,
): Promise<{ readonly enrollmentId: EnrollmentId; readonly version: Version }> => {
  const { accountId, organizationId } = caller
  const key = { accountId, courseId, organizationId }
  const { enrollmentId, versionId } = await learnerAccess(tx).findOrAsk(key, {
    client: deps.enrollment,
    as,
    now,
  })
  const asking = { client: deps.course, as }
  const version = await versionFor(tx, { ...key, versionId }, asking)
  const standing = await progress(tx).find(enrollmentId)
  if (standing) await settleVersion(tx, standing, asking)
  else
    await takeEnrollment(tx, key, {
      factId: `access:${enrollmentId}`,
      kind: 'enrolled',
      at: now,
      // Every event of the enrolment knows better.
      ...{ enrollmentId, versionId, sequence: 0 },
    })
  return { enrollmentId, version }
}

/** Counts an enrolment that was waiting for its version. */
const settleVersion = async (
  tx: Tx,
  standing: Standing,
  asking: { client: Deps['course']; as: Forwarded },
): Promise<void> => {
  if (standing.requiredTotal !== null) return
  await versionFor(tx, standing, asking)
  const { accountId, courseId, organizationId } = standing
  await rebuild(tx, { accountId, courseId, organizationId })
}

/** The pinned version, asked from course when its event has not come yet. */
const versionFor = async (
  tx: Tx,
  {
    versionId,
    courseId,
    organizationId,
  }: Pick<Standing, 'versionId' | 'courseId' | 'organizationId'>,
  { client, as }: { client: Deps['course']; as: Forwarded },
): Promise<Version> => {
  if (versionId === null) throw versionPending()
  const [known] = await progress(tx).findVersions([versionId])
  if (known) return known
  try {
    const { items, completionRule } = await client.getVersion(
      { params: { courseId, versionId } },
      as,
    )
    await progress(tx).addVersion({ versionId, courseId, organizationId, items, completionRule })
    return { versionId, items, completionRule }
  } catch (error) {
    // A private course that has not heard of its new learner yet hides the version; both news are on their way.
    if (error instanceof DomainError) throw versionPending(error)
    throw error
  }
}

const itemOf = ({ items }: Version, lessonId: LessonId): Item => {
  const item = items.find((each) => each.lessonId === lessonId)
  if (!item) throw itemNotFound()
  return item
}

const findFor = async ({
  enrollmentId,
  permission,
  caller,
  tx,
}: {
  enrollmentId: EnrollmentId
  permission: Permission
  caller: Caller
  tx: Tx
}): Promise<Standing> => {
  const standing = await progress(tx).find(enrollmentId)
  if (!standing) throw progressNotFound()
  await requireOn(standing, permission, { caller, tx })
  return standing
}

/** @throws `progress.not_found` */
const requireOn = async (
  { courseId }: Standing,
  permission: Permission,
  { caller, tx }: { caller: Caller; tx: Tx },
): Promise<void> => {
  // Before the first news of the course nobody is known to teach it; a grant still counts.
  const facts = (await courseRefs(tx).find(courseId)) ?? { courseId, instructorIds: [] }
  caller.require(permission, facts, progressNotFound())
}

const show = async (tx: Tx, enrollmentId: EnrollmentId) => {
  const standing = await progress(tx).find(enrollmentId)
  assert(standing, 'an enrolment that was found or made is there')
  const activity = await progress(tx).findActivity(standing)
  const [version] = await progress(tx).findVersions(standing.versionId ? [standing.versionId] : [])
  return {
    ...showStanding(standing),
    resume: activity.resume && { ...activity.resume, at: toIso(activity.resume.at) },
    items: (version?.items ?? []).map((item) => {
      const { completedAt, ...state } = itemStateOf(standing, activity, item)
      return { ...item, ...state, completedAt: toIsoOrNull(completedAt) }
    }),
  }
}

const showStanding = (standing: Standing) => ({
  ...standing,
  completedAt: toIsoOrNull(standing.completedAt),
  lastActivityAt: toIsoOrNull(standing.lastActivityAt),
})

const showFact = ({ fact, recordedAt }: LoggedFact) => ({
  factId: fact.factId,
  kind: fact.kind,
  at: toIso(fact.at),
  recordedAt: toIso(recordedAt),
  lessonId: 'lessonId' in fact ? fact.lessonId : null,
  actorId: fact.kind === 'overridden' ? fact.actorId : null,
  reason: fact.kind === 'overridden' ? fact.reason : null,
})
