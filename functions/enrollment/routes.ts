import type { enrollmentContract } from '../../shared/contracts/enrollment.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import type { Caller } from '../../shared/http/caller.ts'
import type { Forwarded } from '../../shared/http/client.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import { type AccountId, type CourseId, type EnrollmentId, newId } from '../../shared/kernel/id.ts'
import { toPage } from '../../shared/kernel/page.ts'
import { given } from '../../shared/kernel/readonly.ts'
import { type Instant, instantOf, toIso, toIsoOrNull } from '../../shared/kernel/time.ts'
import { type CourseFacts, courseRefs } from '../../shared/projection/course-refs.ts'
import {
  type Admission,
  admitLearner,
  type CourseClient,
  currentCourse,
  decideOn,
} from './commands/admission.ts'
import { newCode, normaliseCode } from './commands/codes.ts'
import {
  accessAt,
  type Course,
  changeEntitlement,
  type Enrollment,
  end,
  type Grant,
  type Offering,
  refuseBackwards,
  revoke,
} from './domain/enrollment.ts'
import {
  codeNotFound,
  codeOver,
  codeUsedUp,
  courseNotFound,
  enrollmentNotFound,
  noAccess,
  notAMember,
} from './errors.ts'
import { type Code, enrollments, memberships } from './store.ts'

export type Deps = { readonly course: CourseClient }

export const routes: Handlers<typeof enrollmentContract, Deps> = {
  async listOwnEnrollments({ query, caller, tx }) {
    const listed = await enrollments(tx).list({ ...query, accountId: caller.accountId })
    const refs = await courseRefs(tx).findMany(listed.map(({ courseId }) => courseId))
    return toPage(listed, query.limit, {
      keyOf: ({ enrollmentId }) => [enrollmentId],
      itemOf: (enrollment) => ({
        ...showEnrollment(enrollment),
        courseTitle: refs.get(enrollment.courseId)?.title ?? null,
        courseVisibility: refs.get(enrollment.courseId)?.visibility ?? null,
      }),
    })
  },

  async enrolSelf({ body, caller, headers, now, tx }, { course: client }) {
    const as = { headers, traceparent: tx.traceparent }
    const course = await currentCourse(tx, { ...body, isInvited: false, client, as })
    const grant: Grant = { source: 'self', sourceRef: '' }
    const { accountId } = caller
    await refuseLeft(tx, { course, accountId })
    return showEnrollment((await admitLearner(tx, { course, accountId, grant }, now)).enrollment)
  },

  async redeemCode({ body, caller, headers, now, tx }, { course: client }) {
    const store = enrollments(tx)
    const code = await store.findCode(normaliseCode(body.code))
    if (!code) throw codeNotFound()
    const { codeId, courseId } = code
    const as = { headers, traceparent: tx.traceparent }
    const course = await currentCourse(tx, { courseId, isInvited: true, client, as })
    const { accountId } = caller
    await refuseLeft(tx, { course, accountId })
    const { enrollment } = await admitLearner(
      tx,
      {
        ...{ course, accountId },
        grant: { source: 'code', sourceRef: codeId },
        onGranted: async () => {
          if (isOver(code, now)) throw codeOver()
          if (!(await store.useCode(codeId, now))) throw codeUsedUp()
        },
      },
      now,
    )
    return showEnrollment(enrollment)
  },

  async getOwnAccess({ query, caller, now, tx }) {
    const standing = await enrollments(tx).findActive({ ...query, accountId: caller.accountId })
    const window = standing && accessAt(standing, now)
    if (!standing || !window) throw noAccess()
    return { ...showEnrollment(standing), ...showWindow(window) }
  },

  async getEnrollment({ params, caller, tx }) {
    const enrollment = await enrollments(tx).find(params.enrollmentId)
    if (!enrollment) throw enrollmentNotFound()
    if (enrollment.accountId !== caller.accountId) await requireStaffOf(enrollment, { caller, tx })
    return showEnrollment(enrollment)
  },

  async leaveCourse({ params, caller, now, tx }) {
    const found = await enrollments(tx).find(params.enrollmentId)
    if (found?.accountId !== caller.accountId) throw enrollmentNotFound()
    return showEnrollment(await decideOn(tx, found, (current) => end(current, 'unenrolled', now)))
  },

  async removeLearner({ params, caller, now, tx }) {
    const found = await findForStaff({ ...params, caller, tx })
    return showEnrollment(await decideOn(tx, found, (current) => end(current, 'removed', now)))
  },

  async changeEntitlement({ params, body, caller, now, tx }) {
    const found = await findForStaff({ ...params, caller, tx })
    const changes = given(readWindow(body))
    const { entitlementId } = params
    return showEnrollment(
      await decideOn(tx, found, (current) =>
        changeEntitlement(current, { entitlementId, changes }, now),
      ),
    )
  },

  async revokeEntitlement({ params, caller, now, tx }) {
    const found = await findForStaff({ ...params, caller, tx })
    return showEnrollment(
      await decideOn(tx, found, (current) => revoke(current, params.entitlementId, now)),
    )
  },

  async listLearners({ params, query, caller, headers, tx }, deps) {
    await staffCourse({ ...params, caller, headers, tx }, deps)
    const listed = await enrollments(tx).list({ ...query, ...params })
    return toPage(listed, query.limit, {
      keyOf: ({ enrollmentId }) => [enrollmentId],
      itemOf: showEnrollment,
    })
  },

  async enrolLearner({ params, body, caller, headers, now, tx }, deps) {
    const course = await courseToStaff({ ...params, caller, headers, tx }, deps)
    const { accountId } = body
    const known = await memberships(tx).lock(course.organizationId, [accountId])
    if (known.get(accountId) !== 'member') throw notAMember()
    const { enrollment } = await admitLearner(
      tx,
      { course, accountId, grant: staffGrant(body) },
      now,
    )
    return showEnrollment(enrollment)
  },

  async enrolLearners({ params, body, caller, headers, now, tx }, deps) {
    const course = await courseToStaff({ ...params, caller, headers, tx }, deps)
    const grant = staffGrant(body)
    refuseBackwards({ startsAt: grant.startsAt ?? now, endsAt: grant.endsAt ?? null })
    const known = await memberships(tx).lock(course.organizationId, body.accountIds)
    const rows = []
    for (const accountId of new Set(body.accountIds)) {
      const isMember = known.get(accountId) === 'member'
      rows.push(await enrolRow(tx, { course, accountId, grant, isMember }, now))
    }
    return { rows }
  },

  async getSettings({ params, caller, headers, tx }, deps) {
    const course = await staffCourse({ ...params, caller, headers, tx }, deps)
    return showSettings(await enrollments(tx).lockOffering(course))
  },

  async putSettings({ params, body, caller, headers, tx }, deps) {
    const course = await staffCourse({ ...params, caller, headers, tx }, deps)
    const settings = {
      ...body,
      opensAt: body.opensAt === null ? null : instantOf(body.opensAt),
      closesAt: body.closesAt === null ? null : instantOf(body.closesAt),
    }
    refuseBackwards({ startsAt: settings.opensAt, endsAt: settings.closesAt })
    const offering = await enrollments(tx).lockOffering(course)
    await enrollments(tx).saveSettings(course.courseId, settings)
    return showSettings({ ...offering, ...settings })
  },

  async createCode({ params, body, caller, headers, now, tx }, deps) {
    const course = await staffCourse({ ...params, caller, headers, tx }, deps)
    const { courseId, organizationId } = course
    await enrollments(tx).lockOffering(course)
    const code: Code = {
      codeId: newId('enrollmentCode'),
      code: newCode(),
      courseId,
      organizationId,
      usesMax: body.usesMax,
      uses: 0,
      expiresAt: body.expiresAt === null ? null : instantOf(body.expiresAt),
      disabledAt: null,
      createdBy: caller.accountId,
      createdAt: now,
    }
    await enrollments(tx).insertCode(code)
    return showCode(code)
  },

  async listCodes({ params, query, caller, headers, tx }, deps) {
    await staffCourse({ ...params, caller, headers, tx }, deps)
    const listed = await enrollments(tx).listCodes(params.courseId, query)
    return toPage(listed, query.limit, { keyOf: ({ codeId }) => [codeId], itemOf: showCode })
  },

  async disableCode({ params, caller, headers, now, tx }, deps) {
    await staffCourse({ ...params, caller, headers, tx }, deps)
    const code = await enrollments(tx).disableCode(params, now)
    if (!code) throw codeNotFound()
    return showCode(code)
  },
}

type ForStaff = {
  readonly courseId: CourseId
  readonly caller: Caller
  readonly headers: Headers
  readonly tx: Tx
}

/** The course's facts, if the caller manages who learns there; else it does not exist for them. */
const staffCourse = async (
  { courseId, caller, headers, tx }: ForStaff,
  { course: client }: Deps,
): Promise<CourseFacts> => {
  const as: Forwarded = { headers, traceparent: tx.traceparent }
  const facts = await courseRefs(tx).findOrAsk(courseId, client, as)
  caller.require('enrollment:manage', facts, courseNotFound(courseId))
  return facts
}

/** As `staffCourse`, with all that decides who may enrol. */
const courseToStaff = async (request: ForStaff, deps: Deps): Promise<Course> => {
  const { courseId, headers, tx } = request
  await staffCourse(request, deps)
  const as: Forwarded = { headers, traceparent: tx.traceparent }
  return currentCourse(tx, { courseId, isInvited: true, client: deps.course, as })
}

const findForStaff = async ({
  enrollmentId,
  caller,
  tx,
}: {
  enrollmentId: EnrollmentId
  caller: Caller
  tx: Tx
}): Promise<Enrollment> => {
  const found = await enrollments(tx).find(enrollmentId)
  if (!found) throw enrollmentNotFound()
  await requireStaffOf(found, { caller, tx })
  return found
}

/** @throws `enrollment.not_found` */
const requireStaffOf = async (
  { courseId }: Enrollment,
  { caller, tx }: { caller: Caller; tx: Tx },
): Promise<void> => {
  // Whoever enrolled there made the course known; one that is not is judged without its instructors.
  const facts = (await courseRefs(tx).find(courseId)) ?? { courseId, instructorIds: [] }
  caller.require('enrollment:manage', facts, enrollmentNotFound())
}

/**
 * Whom the gateway still takes for a member, for the minute that it remembers grants, though they have left: nothing
 * would end that stay.
 *
 * @throws `enrollment.not_a_member`
 */
const refuseLeft = async (
  tx: Tx,
  { course, accountId }: { course: Course; accountId: AccountId },
): Promise<void> => {
  const known = await memberships(tx).lock(course.organizationId, [accountId])
  if (known.get(accountId) === 'left') throw notAMember()
}

/** One row of a batch: what a rule refuses is reported, what breaks ends the whole batch. */
const enrolRow = async (
  tx: Tx,
  {
    course,
    accountId,
    grant,
    isMember,
  }: {
    course: Course
    accountId: AccountId
    grant: Grant
    isMember: boolean
  },
  now: Instant,
) => {
  try {
    if (!isMember) throw notAMember()
    const { enrollment, isNew }: Admission = await admitLearner(
      tx,
      { course, accountId, grant },
      now,
    )
    const { enrollmentId } = enrollment
    const outcome = isNew ? ('enrolled' as const) : ('already_enrolled' as const)
    return { accountId, outcome, enrollmentId, code: null }
  } catch (error) {
    // Rules refuse before anything of the row is written, so the transaction goes on with the next one.
    if (!(error instanceof DomainError) || error.kind === 'unavailable') throw error
    return { accountId, outcome: 'refused' as const, enrollmentId: null, code: error.code }
  }
}

const staffGrant = (body: {
  readonly startsAt?: string | undefined
  readonly endsAt?: string | null | undefined
  readonly waivePrerequisites: boolean
}): Grant => ({
  source: 'staff',
  sourceRef: '',
  ...readWindow(body),
  waivesPrerequisites: body.waivePrerequisites,
})

const readWindow = ({
  startsAt,
  endsAt,
}: {
  readonly startsAt?: string | undefined
  readonly endsAt?: string | null | undefined
}) => ({
  startsAt: startsAt === undefined ? undefined : instantOf(startsAt),
  endsAt: endsAt === undefined || endsAt === null ? endsAt : instantOf(endsAt),
})

const isOver = ({ disabledAt, expiresAt }: Code, now: Instant): boolean =>
  disabledAt !== null || (expiresAt !== null && expiresAt <= now)

const showWindow = ({ startsAt, endsAt }: { startsAt: Instant; endsAt: Instant | null }) => ({
  startsAt: toIso(startsAt),
  endsAt: toIsoOrNull(endsAt),
})

const showEnrollment = (enrollment: Enrollment) => ({
  ...enrollment,
  ...showWindow(enrollment),
  enrolledAt: toIso(enrollment.enrolledAt),
  endedAt: toIsoOrNull(enrollment.endedAt),
  entitlements: enrollment.entitlements.map((entitlement) => ({
    ...entitlement,
    ...showWindow(entitlement),
    revokedAt: toIsoOrNull(entitlement.revokedAt),
  })),
})

const showSettings = (offering: Offering) => ({
  ...offering,
  opensAt: toIsoOrNull(offering.opensAt),
  closesAt: toIsoOrNull(offering.closesAt),
})

const showCode = (code: Code) => ({
  ...code,
  expiresAt: toIsoOrNull(code.expiresAt),
  disabledAt: toIsoOrNull(code.disabledAt),
  createdAt: toIso(code.createdAt),
})
