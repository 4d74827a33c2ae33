import { contracts } from '../../shared/contracts/catalogue.ts'
import {
  COURSE_GRANTS_MAX,
  EXPLAINED_GRANTS_MAX,
  type rbacContract,
} from '../../shared/contracts/rbac.ts'
import { builtInRoles, type TaughtCourse } from '../../shared/contracts/roles.ts'
import { accessDenied } from '../../shared/http/caller.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { type CourseId, newId } from '../../shared/kernel/id.ts'
import { toPage } from '../../shared/kernel/page.ts'
import { given } from '../../shared/kernel/readonly.ts'
import { instantOf, toIsoOrNull } from '../../shared/kernel/time.ts'
import { type CourseClient, courseRefs } from '../../shared/projection/course-refs.ts'
import {
  announceRoleChange,
  changeGrants,
  courseOf,
  grantableRole,
  IN_ORGANIZATION,
  lockRole,
  ON_PLATFORM,
  placeOf,
  platformGrant,
  refuseAboveCaller,
  refuseOutsider,
} from './commands.ts'
import {
  catalogueOf,
  changeRole,
  effective,
  explain,
  FOR_EVER,
  type Grant,
  lastMomentOf,
  permissionsAt,
  type Role,
  refuseMisfit,
  refuseUnknown,
} from './domain.ts'
import {
  courseGrantsFull,
  courseNotFound,
  grantFollows,
  grantNotFound,
  lastPlatformAdmin,
  memberNotFound,
  roleNotFound,
} from './errors.ts'
import { grants, roles } from './store.ts'
import { show } from './views.ts'

export type Deps = {
  readonly course: CourseClient
  /** Who proves this address stands above organisations; compared in any case. */
  readonly platformAdminEmail: string | undefined
}

const catalogue = catalogueOf(Object.values(contracts))

export const routes: Handlers<typeof rbacContract, Deps> = {
  async getPrincipal({ params, query, now, tx }) {
    const who = { ...params, ...query }
    // The version first: a change in between makes the answer newer than its number, never older.
    const roleVersion = await grants(tx).versionOf(who)
    const { grants: held, expiresAt } = effective(await grants(tx).heldBy(who), now)
    return { grants: held, roleVersion, expiresAt: toIsoOrNull(expiresAt) }
  },

  async listPermissions() {
    return { items: catalogue }
  },

  async listRoles({ query, tx }) {
    const page = toPage(await roles(tx).list(query), query.limit, {
      keyOf: ({ roleId }) => [roleId],
      itemOf: (role) => role,
    })
    const standing = Object.entries(builtInRoles).map(([name, role]) => ({ name, ...role }))
    return { ...page, builtIn: standing }
  },

  async createRole({ body, caller, now, tx }) {
    refuseUnknown(catalogue, body)
    await refuseAboveCaller(tx, { caller, place: IN_ORGANIZATION, wanted: body.permissions }, now)
    const { organizationId } = caller
    const permissions = [...new Set(body.permissions)]
    const role: Role = {
      ...body,
      permissions,
      roleId: newId('role'),
      organizationId,
      revision: 1,
    }
    await roles(tx).insert(role)
    return role
  },

  async getRole({ params, tx }) {
    const role = await roles(tx).find(params.roleId)
    if (!role) throw roleNotFound()
    return role
  },

  async updateRole({ params, body, caller, ifMatch, now, tx }) {
    const before = await lockRole(tx, params.roleId)
    const role = changeRole(before, { changes: given(body), expectedRevision: ifMatch })
    if (body.permissions) refuseUnknown(catalogue, role)
    const wanted = [...before.permissions, ...role.permissions]
    await refuseAboveCaller(tx, { caller, place: IN_ORGANIZATION, wanted }, now)
    // Who has the role may have it for ever, so may get no more from whoever holds it for a time only.
    const added = role.permissions.filter((each) => !before.permissions.includes(each))
    await refuseAboveCaller(tx, { caller, place: IN_ORGANIZATION, wanted: added }, FOR_EVER)
    const changed = { ...role, permissions: [...new Set(role.permissions)] }
    await roles(tx).save(changed)
    if (body.permissions) await announceRoleChange(tx, changed)
    return changed
  },

  async deleteRole({ params, caller, now, tx }) {
    const role = await lockRole(tx, params.roleId)
    await refuseAboveCaller(tx, { caller, place: IN_ORGANIZATION, wanted: role.permissions }, now)
    await announceRoleChange(tx, role)
    await grants(tx).endOfRole(role.roleId)
    await roles(tx).delete(role)
    return undefined
  },

  async listGrants({ query, caller, tx }) {
    const listed = await grants(tx).listVisible(caller, query)
    return toPage(listed, query.limit, { keyOf: ({ grantId }) => [grantId], itemOf: show })
  },

  async createGrant({ body, caller, headers, now, tx }, deps) {
    const { organizationId } = caller
    const { accountId } = body
    const as = { headers, traceparent: tx.traceparent }
    const course =
      body.courseId === undefined
        ? undefined
        : await courseRefs(tx).findOrAsk(body.courseId, deps.course, as)
    if (course) caller.require('access:grant', course, courseNotFound())
    else if (!caller.can('access:grant')) throw accessDenied('access:grant')
    // Locked: nobody edits the role between this look at it and the commit.
    const { scope, permissions } = await grantableRole(tx, body.role)
    const grant: Grant = {
      grantId: newId('grant'),
      accountId,
      scope,
      organizationId,
      courseId: body.courseId ?? null,
      role: body.role,
      source: 'direct',
      grantedBy: caller.accountId,
      createdAt: now,
      expiresAt: body.expiresAt === undefined ? null : instantOf(body.expiresAt),
      endedAt: null,
    }
    refuseMisfit(grant, now)
    await refuseAboveCaller(
      tx,
      { caller, place: course ?? IN_ORGANIZATION, wanted: permissions },
      lastMomentOf(grant),
    )
    const held = await changeGrants(tx, grant, async () => {
      await refuseOutsider(tx, { accountId, organizationId })
      await grants(tx).insert(grant)
      const count = await grants(tx).countCourseGrants({ accountId, organizationId })
      if (count > COURSE_GRANTS_MAX) throw courseGrantsFull(COURSE_GRANTS_MAX)
      return { ...grant, permissions }
    })
    return show(held)
  },

  async revokeGrant({ params, caller, now, tx }) {
    const grant = await grants(tx).findLive(params.grantId)
    if (!grant || grant.scope === 'platform') throw grantNotFound()
    const place = await placeOf(tx, grant)
    if (!caller.can('access:grant', 'courseId' in place ? place : undefined)) throw grantNotFound()
    if (grant.source !== 'direct') throw grantFollows()
    await refuseAboveCaller(tx, { caller, place, wanted: grant.permissions }, now)
    await changeGrants(tx, grant, () => grants(tx).end(grant.grantId))
    return undefined
  },

  async listPlatformGrants({ query, tx }) {
    const listed = await grants(tx).listPlatform(query)
    return toPage(listed, query.limit, { keyOf: ({ grantId }) => [grantId], itemOf: show })
  },

  async createPlatformGrant({ body, caller, now, tx }) {
    const grant: Grant = {
      ...platformGrant(body.accountId, now),
      source: 'direct',
      grantedBy: caller.accountId,
      expiresAt: body.expiresAt === undefined ? null : instantOf(body.expiresAt),
    }
    const { permissions } = builtInRoles.platform_admin
    refuseMisfit(grant, now)
    const wanted = { caller, place: ON_PLATFORM, wanted: permissions }
    await refuseAboveCaller(tx, wanted, lastMomentOf(grant))
    await changeGrants(tx, grant, () => grants(tx).insert(grant))
    return show({ ...grant, permissions })
  },

  async revokePlatformGrant({ params, caller, now, tx }) {
    const lasting = await grants(tx).lockLastingPlatformGrants()
    const grant = await grants(tx).findLive(params.grantId)
    if (grant?.scope !== 'platform') throw grantNotFound()
    await refuseAboveCaller(tx, { caller, place: ON_PLATFORM, wanted: grant.permissions }, now)
    if (lasting.length === 1 && lasting[0] === grant.grantId) throw lastPlatformAdmin()
    await changeGrants(tx, grant, () => grants(tx).end(grant.grantId))
    return undefined
  },

  async check({ body, caller, now, tx }) {
    const { accountId, organizationId } = caller
    const held = await grants(tx).heldBy(caller)
    const asked = body.checks.flatMap(({ courseId }) => courseId ?? [])
    const known = await grants(tx).coursesOf(organizationId, asked)
    const courses = new Map<CourseId, TaughtCourse>(
      known.map((course) => [course.courseId, course]),
    )
    const results = body.checks.map(({ permission, courseId }) => {
      const place = courseId === undefined ? IN_ORGANIZATION : courses.get(courseId)
      if (!place) return { allowed: false }
      return { allowed: permissionsAt(place, { accountId, held, now }).has(permission) }
    })
    return { results }
  },

  async explain({ query, caller, now, tx }) {
    const { accountId, permission, courseId } = query
    const { organizationId } = caller
    const course =
      courseId === undefined ? undefined : await courseOf(tx, { organizationId, courseId })
    const history = await grants(tx).historyOf({ accountId, organizationId })
    const held = history.slice(0, EXPLAINED_GRANTS_MAX)
    const isKnown = held.some((grant) => grant.organizationId === organizationId)
    if (!isKnown && !course?.instructorIds.includes(accountId)) throw memberNotFound()
    const question = { accountId, permission, course }
    const { allowed, considered } = explain(held, question, now)
    return {
      allowed,
      considered: considered.map((each) => ({ ...each, expiresAt: toIsoOrNull(each.expiresAt) })),
      truncated: history.length > held.length,
    }
  },

  async listAllowedCourses({ query, caller, tx }) {
    const listed = await grants(tx).listAllowedCourses(caller, query)
    return toPage(listed, query.limit, {
      keyOf: ({ courseId }) => [courseId],
      itemOf: ({ courseId, title, archivedAt }) => ({
        courseId,
        title,
        isArchived: archivedAt !== null,
      }),
    })
  },
}
