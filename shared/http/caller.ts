import type { Permission } from '../contracts/define.ts'
import { courseInstructorPermissions, type Grants, type TaughtCourse } from '../contracts/roles.ts'
import { DomainError } from '../kernel/errors.ts'
import type { AccountId, OrganizationId, SessionId } from '../kernel/id.ts'

/** What the internal token says of who is calling (minted by the gateway, verified by every service). */
export type Principal = {
  readonly accountId: AccountId
  readonly sessionId: SessionId
  readonly organizationId: OrganizationId
  readonly grants: Grants
}

export type Caller = Principal & {
  /** Holds `permission` on the platform, in the active organisation, or on `course` (by grant or as its instructor). */
  can(permission: Permission, course?: TaughtCourse): boolean
  /** @throws `hidden` unless `can(permission, course)`. */
  require(permission: Permission, course: TaughtCourse, hidden: DomainError): void
}

export const accessDenied = (permission: Permission | undefined) =>
  new DomainError('forbidden', 'access.denied', 'You do not have the permission for this.', {
    extensions: permission ? { permission } : {},
  })

export const toCaller = (principal: Principal): Caller => {
  const { grants, accountId } = principal
  const can = (permission: Permission, course?: TaughtCourse): boolean =>
    grants.platform.includes(permission) ||
    grants.organization.includes(permission) ||
    (course !== undefined &&
      ((grants.courses[course.courseId]?.includes(permission) ?? false) ||
        (course.instructorIds.includes(accountId) && mayTeach(grants, permission))))
  return {
    ...principal,
    can,
    require(permission, course, hidden) {
      if (!can(permission, course)) throw hidden
    },
  }
}

// Membership gives everybody some permission: who has none in the organisation has left it, and teaches nothing there.
const mayTeach = ({ organization }: Grants, permission: Permission): boolean =>
  organization.length > 0 && courseInstructorPermissions.includes(permission)

/** Holds `permission` anywhere at all: enough to enter a `course` operation, whose handler decides. */
export const mayHoldSomewhere = (caller: Caller, permission: Permission): boolean =>
  caller.can(permission) ||
  mayTeach(caller.grants, permission) ||
  Object.values(caller.grants.courses).some((held) => held.includes(permission))
