import type { courseContract } from '../../../shared/contracts/course.ts'
import type { Tx } from '../../../shared/db/transaction.ts'
import type { Client, Forwarded } from '../../../shared/http/client.ts'
import { DomainError } from '../../../shared/kernel/errors.ts'
import type { AccountId, CourseId } from '../../../shared/kernel/id.ts'
import type { Instant } from '../../../shared/kernel/time.ts'
import { courseRefs } from '../../../shared/projection/course-refs.ts'
import {
  type Course,
  type Enrollment,
  enrol,
  type Grant,
  isEntitledBy,
  isFull,
  type Offering,
} from '../domain/enrollment.ts'
import { enrollmentNotFound } from '../errors.ts'
import { enrollments } from '../store.ts'

export type CourseClient = Pick<Client<typeof courseContract>, 'getCourse'>

/**
 * The course as the course service has it at this moment, so that what was published a second ago can be enrolled
 * in; as events told it, when that service is away.
 *
 * @param isInvited whoever holds a code, or is staff, may enrol where they may not look: then what is remembered
 * counts.
 * @throws what the course service throws: `course.not_found`, `course.unavailable`.
 */
export const currentCourse = async (
  tx: Tx,
  {
    courseId,
    isInvited,
    client,
    as,
  }: { courseId: CourseId; isInvited: boolean; client: CourseClient; as: Forwarded },
): Promise<Course> => {
  const known = await knownCourse(tx, courseId)
  try {
    const asked = await client.getCourse({ params: { courseId } }, as)
    // Those who build the course are shown their draft's prerequisites; the published list is what counts.
    const isKnown = known !== undefined && known.versionId === asked.publishedVersionId
    const { organizationId, title, visibility, instructorIds, publishedVersionId } = asked
    if (!known)
      await courseRefs(tx).put({
        ...{ courseId, organizationId, title, visibility, instructorIds, publishedVersionId },
        sequence: 0,
      })
    return {
      courseId,
      organizationId,
      visibility,
      versionId: publishedVersionId,
      isArchived: asked.state === 'archived',
      prerequisiteIds: isKnown ? known.prerequisiteIds : asked.prerequisiteIds,
    }
  } catch (error) {
    const mayUseKnown =
      error instanceof DomainError &&
      (error.kind === 'unavailable' || (isInvited && error.kind === 'not_found'))
    if (known && mayUseKnown) return known
    throw error
  }
}

/** The course as events told it; undefined before the first one. */
export const knownCourse = async (tx: Tx, courseId: CourseId): Promise<Course | undefined> => {
  const ref = await courseRefs(tx).find(courseId)
  if (!ref) return undefined
  const published = await enrollments(tx).findPrerequisites(courseId)
  return {
    courseId,
    organizationId: ref.organizationId,
    visibility: ref.visibility,
    versionId: published?.versionId ?? ref.publishedVersionId,
    isArchived: ref.archivedAt !== null,
    prerequisiteIds: published?.prerequisiteIds ?? [],
  }
}

/** Whether somebody was let in by this very call, and the enrolment they have now. */
export type Admission = { readonly enrollment: Enrollment; readonly isNew: boolean }

/**
 * Gives an entitlement under the course's lock.
 *
 * @param onGranted runs when the entitlement was not there before, inside the lock (a code is used up there).
 */
export const admitLearner = async (
  tx: Tx,
  {
    course,
    accountId,
    grant,
    onGranted,
  }: {
    course: Course
    accountId: AccountId
    grant: Grant
    onGranted?: () => Promise<void>
  },
  now: Instant,
): Promise<Admission> => {
  const store = enrollments(tx)
  const { courseId } = course
  const completed = await store.completedOf(accountId, course.prerequisiteIds)
  const decide = async (offering: Offering) => {
    const standing = await store.findActive({ courseId, accountId })
    const command = { standing, accountId, course, offering, grant, completed }
    return { standing, changes: enrol(command, now) }
  }
  // A full course refuses by what is true now: thousands who come too late need not queue at its lock to hear it.
  const seen = await store.findOffering(courseId)
  if (seen && isFull(seen)) await decide(seen)
  const { standing, changes } = await decide(await store.lockOffering(course))
  const wasEntitled = standing !== undefined && isEntitledBy(standing, grant, now)
  if (!wasEntitled) await onGranted?.()
  for (const change of changes) await store.save(change)
  const { enrollment } = changes.at(-1) ?? changes[0]
  return { enrollment, isNew: enrollment.enrollmentId !== standing?.enrollmentId }
}

/** Decides about an enrolment under its course's lock, and keeps what was decided. */
export const decideOn = async (
  tx: Tx,
  found: Pick<Enrollment, 'enrollmentId' | 'courseId' | 'organizationId'>,
  decide: (enrollment: Enrollment) => Parameters<ReturnType<typeof enrollments>['save']>[0],
): Promise<Enrollment> => {
  const store = enrollments(tx)
  await store.lockOffering(found)
  const current = await store.find(found.enrollmentId)
  if (!current) throw enrollmentNotFound()
  const change = decide(current)
  await store.save(change)
  return change.enrollment
}
