import type { Permission } from '../../shared/contracts/define.ts'
import { DomainError } from '../../shared/kernel/errors.ts'

/** What the caller does not hold there, or not so long, so cannot give, change or take. */
export const aboveSelf = (permissions: readonly Permission[]) =>
  new DomainError(
    'forbidden',
    'access.above_self',
    'Nobody gives, changes or takes a permission that they do not hold themselves, nor for longer.',
    { extensions: { permissions } },
  )

export const permissionUnknown = (permissions: readonly Permission[]) =>
  new DomainError(
    'unprocessable',
    'access.permission_unknown',
    'No role of this scope can hold these permissions.',
    { extensions: { permissions } },
  )

export const roleNotFound = () =>
  new DomainError('not_found', 'access.role_not_found', 'There is no such role.')

export const roleExists = () =>
  new DomainError('conflict', 'access.role_exists', 'There is a role of this name already.')

export const rolesFull = (max: number) =>
  new DomainError(
    'conflict',
    'access.roles_full',
    `An organisation has ${max} roles of its own at most.`,
  )

export const revisionStale = (current: number) =>
  new DomainError(
    'precondition_failed',
    'access.revision_stale',
    'Somebody else has changed the role since you read it.',
    { extensions: { currentRevision: current } },
  )

export const scopeMismatch = () =>
  new DomainError(
    'unprocessable',
    'access.scope_mismatch',
    'A role on courses wants a course, any other role none.',
  )

export const expiryPast = () =>
  new DomainError('unprocessable', 'access.expiry_past', 'A grant ends in the future.')

export const memberNotFound = () =>
  new DomainError('not_found', 'access.member_not_found', 'There is no such member.')

export const grantNotFound = () =>
  new DomainError('not_found', 'access.grant_not_found', 'There is no such grant.')

export const grantExists = () =>
  new DomainError('conflict', 'access.grant_exists', 'This role is granted already.')

export const grantFollows = () =>
  new DomainError(
    'conflict',
    'access.grant_follows',
    'This grant comes from membership; change it in the organisation.',
  )

export const courseGrantsFull = (max: number) =>
  new DomainError(
    'conflict',
    'access.course_grants_full',
    `An account holds ${max} grants on single courses at most.`,
  )

export const lastPlatformAdmin = () =>
  new DomainError(
    'conflict',
    'access.last_platform_admin',
    'One platform grant that does not expire always stays.',
  )

/** As the course service itself says it. */
export const courseNotFound = () =>
  new DomainError('not_found', 'course.not_found', 'There is no such course.')
