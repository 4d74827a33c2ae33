import type { Permission } from '../../shared/contracts/define.ts'
import type { TaughtCourse } from '../../shared/contracts/roles.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import type { Caller } from '../../shared/http/caller.ts'
import {
  type AccountId,
  type CourseId,
  type Id,
  newId,
  type OrganizationId,
} from '../../shared/kernel/id.ts'
import type { Instant } from '../../shared/kernel/time.ts'
import { courseRefs } from '../../shared/projection/course-refs.ts'
import {
  builtIn,
  type Grant,
  type Held,
  isBuiltIn,
  type Place,
  permissionsAt,
  type Role,
  type RoleRef,
  refuseAbove,
} from './domain.ts'
import { courseNotFound, memberNotFound, roleNotFound } from './errors.ts'
import { grants, roles } from './store.ts'

/** All of the active organisation. */
export const IN_ORGANIZATION: Place = { scope: 'organization' }
/** Above all organisations. */
export const ON_PLATFORM: Place = { scope: 'platform' }

/** A lasting grant above organisations, whoever gives it. */
export const platformGrant = (
  accountId: AccountId,
  now: Instant,
): Omit<Grant, 'source' | 'grantedBy'> => ({
  grantId: newId('grant'),
  accountId,
  scope: 'platform',
  organizationId: null,
  courseId: null,
  role: 'platform_admin',
  createdAt: now,
  expiresAt: null,
  endedAt: null,
})

/**
 * Changes an account's grants under its lock, numbers the change and says so. The number comes first: the lock
 * is what makes limits hold. Work that gives `false` has changed nothing, and nothing is said.
 */
export const changeGrants = async <Result>(
  tx: Tx,
  { accountId, organizationId }: Pick<Grant, 'accountId' | 'organizationId'>,
  work: () => Promise<Result>,
): Promise<Result> => {
  const roleVersion = await grants(tx).bump(accountId, organizationId)
  const result = await work()
  if (result === false) return result
  await grants(tx).emit(organizationId, [
    { type: 'access.grants_changed', accountId, organizationId, roleVersion },
  ])
  return result
}

/**
 * What counts is what the caller holds now, by our own rows: their token may be a minute old.
 *
 * @param moment when they have to hold it: now, or at the last moment of what they give.
 * @throws `access.above_self`
 */
export const refuseAboveCaller = async (
  tx: Tx,
  { caller, place, wanted }: { caller: Caller; place: Place; wanted: readonly Permission[] },
  moment: Instant,
): Promise<void> => {
  const held = await grants(tx).heldBy(caller)
  refuseAbove(permissionsAt(place, { accountId: caller.accountId, held, now: moment }), wanted)
}

/** Whoever is no member of the organisation gets nothing there. @throws `access.member_not_found` */
export const refuseOutsider = async (
  tx: Tx,
  who: { accountId: AccountId; organizationId: OrganizationId },
): Promise<void> => {
  const held = await grants(tx).heldBy(who)
  if (!held.some(({ source }) => source === 'membership')) throw memberNotFound()
}

/** A role to be granted; a custom one stays as it is until this commits. @throws `access.role_not_found` */
export const grantableRole = async (
  tx: Tx,
  role: RoleRef,
): Promise<Pick<Held, 'scope' | 'permissions'>> => {
  if (isBuiltIn(role)) {
    const { scope, permissions } = builtIn(role)
    // Above organisations there is an operation of its own.
    if (scope === 'platform') throw roleNotFound()
    return { scope, permissions }
  }
  const custom = await roles(tx).findForShare(role)
  if (!custom) throw roleNotFound()
  return custom
}

/** A custom role, and nobody else edits or grants it. @throws `access.role_not_found` */
export const lockRole = async (tx: Tx, roleId: Id<'role'>): Promise<Role> => {
  const role = await roles(tx).findForUpdate(roleId)
  if (!role) throw roleNotFound()
  return role
}

/** Everybody who has the role may hold something else from now on. */
export const announceRoleChange = async (tx: Tx, role: Role): Promise<void> => {
  const { roleId, organizationId } = role
  await grants(tx).bumpHolders(role)
  await grants(tx).emit(organizationId, [{ type: 'access.role_changed', roleId, organizationId }])
}

/** A course of the organisation. @throws `course.not_found` */
export const courseOf = async (
  tx: Tx,
  { organizationId, courseId }: { organizationId: OrganizationId; courseId: CourseId },
): Promise<TaughtCourse> => {
  const [course] = await grants(tx).coursesOf(organizationId, [courseId])
  if (!course) throw courseNotFound()
  return course
}

/** Where a grant counts; a course that is not remembered has no instructors we know of. */
export const placeOf = async (tx: Tx, { courseId }: Grant): Promise<Place> => {
  if (courseId === null) return IN_ORGANIZATION
  return (await courseRefs(tx).find(courseId)) ?? { courseId, instructorIds: [] }
}
