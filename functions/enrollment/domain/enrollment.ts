import { ENTITLEMENTS_MAX } from '../../../shared/contracts/enrollment.ts'
import type { EnrollmentEvent } from '../../../shared/events/enrollment.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import {
  type AccountId,
  type CourseId,
  type CourseVersionId,
  type EnrollmentId,
  type Id,
  newId,
  type OrganizationId,
} from '../../../shared/kernel/id.ts'
import { type Instant, notBefore, toIso, toIsoOrNull } from '../../../shared/kernel/time.ts'
import {
  courseClosed,
  courseFull,
  enrollmentEnded,
  enrollmentNotFound,
  entitlementsFull,
  invitationOnly,
  notOpen,
  prerequisitesMissing,
  windowInvalid,
} from '../errors.ts'
import { addCalendarDays } from './calendar.ts'

export type Source = 'self' | 'staff' | 'code' | 'licence' | 'order' | 'subscription'
export type EndReason = 'unenrolled' | 'removed' | 'expired' | 'revoked'

/** From `startsAt` until just before `endsAt`; null is for ever. */
export type Window = { readonly startsAt: Instant; readonly endsAt: Instant | null }

/** One reason to have access: while one of an enrolment lives, the learner is in. */
export type Entitlement = Window & {
  readonly entitlementId: Id<'entitlement'>
  readonly source: Source
  /** What gave it: a seat, a code; empty for `self` and `staff`. Unrevoked once per enrolment. */
  readonly sourceRef: string
  readonly revokedAt: Instant | null
}

/** One stay of a learner in a course, on the version it was published as when they came. */
export type Enrollment = Window & {
  readonly enrollmentId: EnrollmentId
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly accountId: AccountId
  readonly versionId: CourseVersionId
  readonly enrolledAt: Instant
  readonly entitlements: readonly Entitlement[]
  readonly endedAt: Instant | null
  readonly endReason: EndReason | null
}

export type Settings = {
  readonly capacity: number | null
  readonly opensAt: Instant | null
  readonly closesAt: Instant | null
  readonly accessDays: number | null
  readonly timeZone: string
  readonly enforcesPrerequisites: boolean
}

/** What enrolment itself knows of a course. */
export type Offering = Settings & {
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly activeCount: number
}

export const DEFAULT_SETTINGS: Settings = {
  capacity: null,
  opensAt: null,
  closesAt: null,
  accessDays: null,
  timeZone: 'UTC',
  enforcesPrerequisites: true,
}

/** Whether every place is taken: only whom capacity does not bind gets in. */
export const isFull = ({ capacity, activeCount }: Offering): boolean =>
  capacity !== null && activeCount >= capacity

/** What the course service says of a course. */
export type Course = {
  readonly courseId: CourseId
  readonly organizationId: OrganizationId
  readonly visibility: 'public' | 'unlisted' | 'private'
  readonly versionId: CourseVersionId | null
  readonly isArchived: boolean
  readonly prerequisiteIds: readonly CourseId[]
}

export type Grant = {
  readonly source: Source
  readonly sourceRef: string
  readonly startsAt?: Instant | undefined
  /** Absent: as the course's settings have it. */
  readonly endsAt?: Instant | null | undefined
  readonly waivesPrerequisites?: boolean
}

/** An enrolment as it is after a decision, and what the world hears of it. */
export type Change = {
  readonly enrollment: Enrollment
  readonly events: readonly EnrollmentEvent[]
  /** What it adds to the number of those who learn in the course. */
  readonly activeDelta: -1 | 0 | 1
}

/**
 * Gives a learner one more reason to have access: in the enrolment that stands, else in a new one on the version
 * that is published now. Repeating it changes nothing, and whoever is in gains nothing by enrolling themselves.
 *
 * @param standing the learner's active enrolment; one whose window is over is ended first.
 * @param completed those of the prerequisites that the learner has completed.
 * @returns in the order in which it happened; the last one is the learner's enrolment.
 */
export const enrol = (
  command: {
    readonly standing: Enrollment | undefined
    readonly accountId: AccountId
    readonly course: Course
    readonly offering: Offering
    readonly grant: Grant
    readonly completed: readonly CourseId[]
  },
  now: Instant,
): readonly [...Change[], Change] => {
  const { standing, offering, grant } = command
  const settled = standing && settle(standing, now)
  if (settled && settled.enrollment.endedAt === null) {
    if (isEntitledBy(settled.enrollment, grant, now)) return [settled]
    // Else the holder of a seat, or of a week, could make it a place for ever.
    if (grant.source === 'self' && accessAt(settled.enrollment, now)) return [settled]
    refuseUninvited(command)
    refuseOutsideWindow(command, now)
    return [settled, settle(withGrant(settled.enrollment, { grant, offering }, now), now)]
  }
  const freed = settled?.activeDelta ?? 0
  const versionId = admit(
    { ...command, offering: { ...offering, activeCount: offering.activeCount + freed } },
    now,
  )
  const begun = begin({ ...command, versionId }, now)
  return settled ? [settled, begun] : [begun]
}

/** Brings an enrolment up to `now`: says when its window moves, ends it when nothing entitles any more. */
export const settle = (
  enrollment: Enrollment,
  now: Instant,
  reason: EndReason = 'expired',
): Change => {
  if (enrollment.endedAt !== null) return { enrollment, events: [], activeDelta: 0 }
  const window = windowOf(enrollment.entitlements, now)
  if (!window) return ended(enrollment, reason, now)
  if (isSame(enrollment, window, now)) return { enrollment, events: [], activeDelta: 0 }
  const moved = { ...enrollment, ...window }
  const event = { type: 'enrollment.window_changed', ...accessOf(moved) } as const
  return { enrollment: moved, events: [event], activeDelta: 0 }
}

/** Ends an enrolment and revokes all that entitled to it. Harmless to repeat. */
export const end = (
  enrollment: Enrollment,
  reason: 'unenrolled' | 'removed',
  now: Instant,
): Change => {
  if (enrollment.endedAt !== null) return { enrollment, events: [], activeDelta: 0 }
  const entitlements = enrollment.entitlements.map((entitlement) => ({
    ...entitlement,
    revokedAt: entitlement.revokedAt ?? now,
  }))
  return ended({ ...enrollment, entitlements }, reason, now)
}

/** Takes one reason away; access stays while another lives. Harmless to repeat. */
export const revoke = (
  enrollment: Enrollment,
  entitlementId: Id<'entitlement'>,
  now: Instant,
): Change => {
  const found = findEntitlement(enrollment, entitlementId)
  if (found.revokedAt !== null) return { enrollment, events: [], activeDelta: 0 }
  const change = settle(replaced(enrollment, { ...found, revokedAt: now }), now, 'revoked')
  // The end of an enrolment names all of its seats.
  if (change.enrollment.endedAt !== null) return change
  const left = seatIdsOf([found]).map((seatId) => ({
    type: 'enrollment.seat_left' as const,
    ...factsOf(enrollment),
    seatId,
  }))
  return { ...change, events: [...change.events, ...left] }
}

/** Moves the window of one entitlement. */
export const changeEntitlement = (
  enrollment: Enrollment,
  { entitlementId, changes }: { entitlementId: Id<'entitlement'>; changes: Partial<Window> },
  now: Instant,
): Change => {
  const found = findEntitlement(enrollment, entitlementId)
  if (enrollment.endedAt !== null || found.revokedAt !== null) throw enrollmentEnded()
  const moved = { ...found, ...changes }
  refuseBackwards(moved)
  return settle(replaced(enrollment, moved), now)
}

/** The access that lives at `now`, if any: entitlements that overlap or touch count as one. */
export const accessAt = (enrollment: Enrollment, now: Instant): Window | undefined => {
  const window = enrollment.endedAt === null ? windowOf(enrollment.entitlements, now) : undefined
  return window && window.startsAt <= now ? window : undefined
}

/** @throws `enrollment.window_invalid` */
export const refuseBackwards = ({
  startsAt,
  endsAt,
}: {
  startsAt: Instant | null
  endsAt: Instant | null
}) => {
  if (startsAt !== null && endsAt !== null && endsAt <= startsAt) throw windowInvalid()
}

/** Whether this very source entitles now or will. */
export const isEntitledBy = (
  enrollment: Enrollment,
  { source, sourceRef }: Pick<Grant, 'source' | 'sourceRef'>,
  now: Instant,
): boolean =>
  enrollment.endedAt === null &&
  enrollment.entitlements.some(
    (entitlement) =>
      entitlement.source === source &&
      entitlement.sourceRef === sourceRef &&
      isAhead(entitlement, now),
  )

// The window that is live, else the next one: the first entitlement that is not over, and all that continue it.
const windowOf = (entitlements: readonly Entitlement[], now: Instant): Window | undefined => {
  const [first, ...others] = entitlements
    .filter((entitlement) => isAhead(entitlement, now))
    .sort((one, other) => one.startsAt - other.startsAt)
  if (!first) return undefined
  let { endsAt } = first
  for (const next of others) {
    if (endsAt === null || next.startsAt > endsAt) break
    endsAt = next.endsAt === null || next.endsAt > endsAt ? next.endsAt : endsAt
  }
  return { startsAt: first.startsAt, endsAt }
}

const isAhead = ({ revokedAt, endsAt }: Entitlement, now: Instant): boolean =>
  revokedAt === null && (endsAt === null || endsAt > now)

// That a window began earlier than the entitlement that carries it now is no news.
const isSame = (one: Window, other: Window, now: Instant): boolean =>
  one.endsAt === other.endsAt &&
  (one.startsAt === other.startsAt || (one.startsAt <= now && other.startsAt <= now))

/** The version to pin. @throws the first reason why not, capacity last. */
const admit = (
  {
    course,
    offering,
    grant,
    completed,
  }: {
    readonly course: Course
    readonly offering: Offering
    readonly grant: Grant
    readonly completed: readonly CourseId[]
  },
  now: Instant,
): CourseVersionId => {
  if (course.versionId === null) throw courseClosed()
  // A seat was paid for: only a course without any version can keep its holder out.
  if (grant.source === 'licence') return course.versionId
  if (course.isArchived) throw courseClosed()
  refuseUninvited({ course, grant })
  refuseOutsideWindow({ offering, grant }, now)
  const { capacity, activeCount } = offering
  const missing = course.prerequisiteIds.filter((courseId) => !completed.includes(courseId))
  if (offering.enforcesPrerequisites && !grant.waivesPrerequisites && missing.length > 0)
    throw prerequisitesMissing(missing)
  if (capacity !== null && activeCount >= capacity) throw courseFull(capacity)
  return course.versionId
}

const refuseUninvited = ({ course, grant }: { course: Course; grant: Grant }) => {
  if (grant.source === 'self' && course.visibility === 'private') throw invitationOnly()
}

const refuseOutsideWindow = (
  { offering, grant }: { offering: Offering; grant: Grant },
  now: Instant,
) => {
  if (grant.source !== 'self' && grant.source !== 'code') return
  const { opensAt, closesAt } = offering
  const isOpen = (opensAt === null || opensAt <= now) && (closesAt === null || now < closesAt)
  if (!isOpen) throw notOpen(offering)
}

const begin = (
  {
    versionId,
    accountId,
    course,
    offering,
    grant,
  }: {
    readonly versionId: CourseVersionId
    readonly accountId: AccountId
    readonly course: Course
    readonly offering: Offering
    readonly grant: Grant
  },
  now: Instant,
): Change => {
  const window = windowFor(grant, offering, now)
  const { courseId, organizationId } = course
  const enrollment: Enrollment = {
    ...window,
    enrollmentId: newId('enrollment'),
    courseId,
    organizationId,
    accountId,
    versionId,
    enrolledAt: now,
    entitlements: [toEntitlement(grant, window)],
    endedAt: null,
    endReason: null,
  }
  const event = { type: 'enrollment.activated', ...accessOf(enrollment) } as const
  return { enrollment, events: [event], activeDelta: 1 }
}

const withGrant = (
  enrollment: Enrollment,
  { grant, offering }: { grant: Grant; offering: Offering },
  now: Instant,
): Enrollment => {
  const window = windowFor(grant, offering, now)
  const over = enrollment.entitlements.find(
    ({ source, sourceRef, revokedAt }) =>
      source === grant.source && sourceRef === grant.sourceRef && revokedAt === null,
  )
  if (over) return replaced(enrollment, { ...over, ...window })
  if (enrollment.entitlements.length >= ENTITLEMENTS_MAX) throw entitlementsFull(ENTITLEMENTS_MAX)
  return {
    ...enrollment,
    entitlements: [...enrollment.entitlements, toEntitlement(grant, window)],
  }
}

const windowFor = (grant: Grant, offering: Offering, now: Instant): Window => {
  const startsAt = grant.startsAt ?? now
  const endsAt = grant.endsAt === undefined ? endOfAccess(startsAt, grant, offering) : grant.endsAt
  refuseBackwards({ startsAt, endsAt })
  if (endsAt !== null && endsAt <= now) throw windowInvalid()
  return { startsAt, endsAt }
}

// A seat entitles for as long as it is held.
const endOfAccess = (startsAt: Instant, { source }: Grant, { accessDays, timeZone }: Offering) =>
  accessDays === null || source === 'licence'
    ? null
    : addCalendarDays(startsAt, accessDays, timeZone)

const toEntitlement = ({ source, sourceRef }: Grant, window: Window): Entitlement => ({
  ...window,
  entitlementId: newId('entitlement'),
  source,
  sourceRef,
  revokedAt: null,
})

const findEntitlement = (enrollment: Enrollment, entitlementId: Id<'entitlement'>): Entitlement => {
  const found = enrollment.entitlements.find((each) => each.entitlementId === entitlementId)
  if (!found) throw enrollmentNotFound()
  return found
}

const replaced = (enrollment: Enrollment, changed: Entitlement): Enrollment => ({
  ...enrollment,
  entitlements: enrollment.entitlements.map((each) =>
    each.entitlementId === changed.entitlementId ? changed : each,
  ),
})

const ended = (enrollment: Enrollment, reason: EndReason, now: Instant): Change => {
  assert(enrollment.endedAt === null, 'an enrolment ends once')
  const endedAt = notBefore(enrollment.enrolledAt, now)
  return {
    enrollment: { ...enrollment, endedAt, endReason: reason },
    events: [
      {
        type: 'enrollment.ended',
        ...factsOf(enrollment),
        reason,
        endedAt: toIso(endedAt),
        seatIds: seatIdsOf(enrollment.entitlements),
      },
    ],
    activeDelta: -1,
  }
}

// What gave a licence's entitlement is the seat.
const seatIdsOf = (entitlements: readonly Entitlement[]) =>
  entitlements.flatMap(({ source, sourceRef }) =>
    source === 'licence' ? [sourceRef as Id<'seat'>] : [],
  )

const accessOf = (enrollment: Enrollment) => ({
  ...factsOf(enrollment),
  versionId: enrollment.versionId,
  startsAt: toIso(enrollment.startsAt),
  endsAt: toIsoOrNull(enrollment.endsAt),
})

const factsOf = ({ enrollmentId, courseId, organizationId, accountId }: Enrollment) => ({
  enrollmentId,
  courseId,
  organizationId,
  accountId,
})
