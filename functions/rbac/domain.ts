import type { Contract, Permission, Scope } from '../../shared/contracts/define.ts'
import {
  type BuiltInRole,
  builtInRoles,
  courseInstructorPermissions,
  type Grants,
  type RoleScope,
  type TaughtCourse,
} from '../../shared/contracts/roles.ts'
import type { AccountId, CourseId, Id, OrganizationId } from '../../shared/kernel/id.ts'
import { addMs, type Instant } from '../../shared/kernel/time.ts'
import { aboveSelf, expiryPast, permissionUnknown, revisionStale, scopeMismatch } from './errors.ts'

/** A role that an organisation made for itself. */
export type Role = {
  readonly roleId: Id<'role'>
  readonly organizationId: OrganizationId
  readonly name: string
  readonly scope: 'organization' | 'course'
  readonly permissions: readonly Permission[]
  /** Grows with every change. */
  readonly revision: number
}

export type BuiltInName = keyof typeof builtInRoles

/** The name of a built-in role, or the id of a custom one. */
export type RoleRef = BuiltInName | Id<'role'>

export type Grant = {
  readonly grantId: Id<'grant'>
  readonly accountId: AccountId
  readonly scope: RoleScope
  /** Null on the platform. */
  readonly organizationId: OrganizationId | null
  /** Set on a course only. */
  readonly courseId: CourseId | null
  readonly role: RoleRef
  readonly source: 'membership' | 'direct' | 'configuration'
  readonly grantedBy: string
  readonly createdAt: Instant
  readonly expiresAt: Instant | null
  readonly endedAt: Instant | null
}

/** A grant with what its role allows at this moment. */
export type Held = Grant & { readonly permissions: readonly Permission[] }

export const isBuiltIn = (role: RoleRef): role is BuiltInName => Object.hasOwn(builtInRoles, role)

export const builtIn = (name: BuiltInName): BuiltInRole => builtInRoles[name]

/** The built-in roles that allow something. */
export const builtInWith = (permission: Permission): BuiltInName[] =>
  (Object.keys(builtInRoles) as BuiltInName[]).filter((name) =>
    builtIn(name).permissions.includes(permission),
  )

export const isLive = ({ endedAt, expiresAt }: Grant, now: Instant): boolean =>
  endedAt === null && (expiresAt === null || now < expiresAt)

/** What live grants come to in one organisation, and when the first of them ends by itself. */
export const effective = (
  held: readonly Held[],
  now: Instant,
): { readonly grants: Grants; readonly expiresAt: Instant | null } => {
  const live = held.filter((grant) => isLive(grant, now))
  const courses = Map.groupBy(
    live.filter(({ courseId }) => courseId !== null),
    ({ courseId }) => String(courseId),
  )
  const ends = live.flatMap(({ expiresAt }) => (expiresAt === null ? [] : [expiresAt]))
  return {
    grants: {
      platform: together(live.filter(({ scope }) => scope === 'platform')),
      organization: together(live.filter(({ scope }) => scope === 'organization')),
      courses: Object.fromEntries(
        [...courses].map(([courseId, grants]) => [courseId, together(grants)]),
      ),
    },
    expiresAt: ends.length === 0 ? null : (Math.min(...ends) as Instant),
  }
}

/** Where something is given or asked: above all, in the organisation, or on one course of it. */
export type Place = { readonly scope: 'platform' | 'organization' } | TaughtCourse

/** All that an account holds at a place: from above, from its grants there, and as the course's instructor. */
export const permissionsAt = (
  place: Place,
  { accountId, held, now }: { accountId: AccountId; held: readonly Held[]; now: Instant },
): ReadonlySet<Permission> => {
  const { grants } = effective(held, now)
  if (!('courseId' in place))
    return new Set(
      place.scope === 'platform' ? grants.platform : [...grants.platform, ...grants.organization],
    )
  return new Set([
    ...grants.platform,
    ...grants.organization,
    ...(grants.courses[place.courseId] ?? []),
    ...(teaches(place, accountId, grants) ? courseInstructorPermissions : []),
  ])
}

// As `toCaller` has it: who holds nothing in the organisation has left it, and teaches nothing there.
const teaches = (
  { instructorIds }: TaughtCourse,
  accountId: AccountId,
  { organization }: Grants,
): boolean => organization.length > 0 && instructorIds.includes(accountId)

/** After every end: what is held then, is held without one. */
export const FOR_EVER = Number.POSITIVE_INFINITY as Instant

/**
 * The last moment of a grant that ends then. Grants only end, so whoever still holds something at that moment holds it
 * all the time until then.
 */
export const lastMomentOf = ({ expiresAt }: Pick<Grant, 'expiresAt'>): Instant =>
  expiresAt === null ? FOR_EVER : addMs(expiresAt, -1)

/** @throws `access.above_self` naming what is wanted and not held. */
export const refuseAbove = (held: ReadonlySet<Permission>, wanted: readonly Permission[]): void => {
  const beyond = wanted.filter((permission) => !held.has(permission))
  if (beyond.length > 0) throw aboveSelf(beyond)
}

/** A grant fits its role's scope and ends in the future, if at all. */
export const refuseMisfit = (
  grant: { scope: RoleScope; courseId: CourseId | null; expiresAt: Instant | null },
  now: Instant,
): void => {
  if ((grant.scope === 'course') !== (grant.courseId !== null)) throw scopeMismatch()
  if (grant.expiresAt !== null && grant.expiresAt <= now) throw expiryPast()
}

/** Applies the given fields. @throws `access.revision_stale` */
export const changeRole = (
  role: Role,
  {
    changes,
    expectedRevision,
  }: { changes: Partial<Pick<Role, 'name' | 'permissions'>>; expectedRevision: number },
): Role => {
  if (role.revision !== expectedRevision) throw revisionStale(role.revision)
  return { ...role, ...changes, revision: role.revision + 1 }
}

export type CatalogueEntry = {
  readonly permission: Permission
  /** Where a grant of it means something. */
  readonly scopes: readonly RoleScope[]
  readonly operations: readonly {
    readonly service: string
    readonly operation: string
    readonly method: string
    readonly path: string
    readonly summary: string
  }[]
}

/** Every permission that an operation asks for, by name. */
export const catalogueOf = (contracts: readonly Contract[]): readonly CatalogueEntry[] => {
  const asked = contracts.flatMap((contract) =>
    Object.entries(contract.operations).flatMap(([operation, { permission, scope, ...rest }]) =>
      permission === undefined
        ? []
        : [
            {
              permission,
              scopes: GRANTABLE[scope],
              operation: {
                service: contract.service,
                operation,
                method: rest.method,
                path: `${contract.prefix}${rest.path === '/' ? '' : rest.path}`,
                summary: rest.summary,
              },
            },
          ],
    ),
  )
  return [...Map.groupBy(asked, ({ permission }) => permission)]
    .map(([permission, entries]) => ({
      permission,
      scopes: [...new Set(entries.flatMap(({ scopes }) => scopes))],
      operations: entries.map(({ operation }) => operation),
    }))
    .sort((one, other) => (one.permission < other.permission ? -1 : 1))
}

/** @throws `access.permission_unknown` for what no operation asks for, or not at this scope. */
export const refuseUnknown = (
  catalogue: readonly CatalogueEntry[],
  { scope, permissions }: Pick<Role, 'scope' | 'permissions'>,
): void => {
  const grantable = new Set(
    catalogue.filter(({ scopes }) => scopes.includes(scope)).map(({ permission }) => permission),
  )
  const unknown = permissions.filter((permission) => !grantable.has(permission))
  if (unknown.length > 0) throw permissionUnknown(unknown)
}

export type Considered = Pick<Grant, 'scope' | 'courseId' | 'role' | 'expiresAt'> & {
  readonly grantId: Id<'grant'> | null
  readonly source: Grant['source'] | 'instructor'
  readonly verdict: 'counts' | 'lacks_permission' | 'other_course' | 'expired' | 'ended'
}

/** Every grant's part in the answer to "may this account do that (on this course)?" */
export const explain = (
  held: readonly Held[],
  {
    accountId,
    permission,
    course,
  }: { accountId: AccountId; permission: Permission; course: TaughtCourse | undefined },
  now: Instant,
): { readonly allowed: boolean; readonly considered: readonly Considered[] } => {
  const considered = [
    ...(course && teaches(course, accountId, effective(held, now).grants)
      ? [asInstructor(course.courseId, permission)]
      : []),
    ...held.map(({ grantId, scope, courseId, role, source, expiresAt, ...grant }) => ({
      grantId,
      scope,
      courseId,
      role,
      source,
      expiresAt,
      verdict: verdictOn({ ...grant, courseId, expiresAt }, { permission, course }, now),
    })),
  ]
  return { allowed: considered.some(({ verdict }) => verdict === 'counts'), considered }
}

/** Whoever holds a permission further up holds it below. */
const GRANTABLE: Readonly<Record<Scope, readonly RoleScope[]>> = {
  platform: ['platform'],
  organization: ['platform', 'organization'],
  course: ['platform', 'organization', 'course'],
  account: [],
  public: [],
  internal: [],
}

const together = (held: readonly Held[]): readonly Permission[] => [
  ...new Set(held.flatMap(({ permissions }) => permissions)),
]

const verdictOn = (
  grant: Pick<Held, 'endedAt' | 'expiresAt' | 'courseId' | 'permissions'>,
  { permission, course }: { permission: Permission; course: TaughtCourse | undefined },
  now: Instant,
): Considered['verdict'] => {
  // What ran out is "expired", also once the sweeper has ended it.
  if (grant.expiresAt !== null && grant.expiresAt <= (grant.endedAt ?? now)) return 'expired'
  if (grant.endedAt !== null) return 'ended'
  if (grant.courseId !== null && grant.courseId !== course?.courseId) return 'other_course'
  return grant.permissions.includes(permission) ? 'counts' : 'lacks_permission'
}

const asInstructor = (courseId: CourseId, permission: Permission): Considered => ({
  grantId: null,
  scope: 'course',
  courseId,
  role: 'course_instructor',
  source: 'instructor',
  expiresAt: null,
  verdict: courseInstructorPermissions.includes(permission) ? 'counts' : 'lacks_permission',
})
