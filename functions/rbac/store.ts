import { type ExpressionBuilder, type Selectable, type SqlBool, sql } from 'kysely'
import type { Permission } from '../../shared/contracts/define.ts'
import { EXPLAINED_GRANTS_MAX, ROLES_PER_ORGANIZATION_MAX } from '../../shared/contracts/rbac.ts'
import { courseInstructorPermissions } from '../../shared/contracts/roles.ts'
import {
  at,
  atOrNull,
  type InstantColumn,
  type NullableInstantColumn,
} from '../../shared/db/columns.ts'
import { isUniqueViolation } from '../../shared/db/open.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import { type RbacEvent, rbacEvents } from '../../shared/events/rbac.ts'
import type { AccountId, CourseId, Id, OrganizationId } from '../../shared/kernel/id.ts'
import { decodeCursor, type Paging } from '../../shared/kernel/page.ts'
import type { Instant } from '../../shared/kernel/time.ts'
import { writeOutbox } from '../../shared/outbox/write.ts'
import type { CourseFacts } from '../../shared/projection/course-refs.ts'
import { builtIn, builtInWith, type Grant, type Held, isBuiltIn, type Role } from './domain.ts'
import { grantExists, roleExists, rolesFull } from './errors.ts'

type In = { readonly accountId: AccountId; readonly organizationId: OrganizationId }

/** Whose grants have run out, and where; null is the platform. */
export type Due = { readonly accountId: AccountId; readonly organizationId: OrganizationId | null }

/** The platform's place in `role_versions`. */
const PLATFORM = '*'

/** The organisation's own roles. */
export const roles = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /** @throws `access.role_exists`, `access.roles_full` */
    async insert(role: Role): Promise<void> {
      const counted = await db
        .insertInto('roleCounts')
        .values({ organizationId: role.organizationId, roleCount: 1 })
        .onConflict((conflict) =>
          conflict
            .column('organizationId')
            .doUpdateSet((eb) => ({ roleCount: eb('roleCounts.roleCount', '+', 1) }))
            .where('roleCounts.roleCount', '<', ROLES_PER_ORGANIZATION_MAX),
        )
        .returning('roleCount')
        .executeTakeFirst()
      if (!counted) throw rolesFull(ROLES_PER_ORGANIZATION_MAX)
      await nameAsConflict(() =>
        db
          .insertInto('roles')
          .values({ ...role, permissions: [...role.permissions] })
          .execute(),
      )
    },

    async find(roleId: Id<'role'>): Promise<Role | undefined> {
      return db.selectFrom('roles').selectAll().where('roleId', '=', roleId).executeTakeFirst()
    },

    /** As `find`, and it stays as it is until this transaction ends. */
    async findForShare(roleId: Id<'role'>): Promise<Role | undefined> {
      return db
        .selectFrom('roles')
        .selectAll()
        .where('roleId', '=', roleId)
        .forShare()
        .executeTakeFirst()
    },

    async findForUpdate(roleId: Id<'role'>): Promise<Role | undefined> {
      return db
        .selectFrom('roles')
        .selectAll()
        .where('roleId', '=', roleId)
        .forUpdate()
        .executeTakeFirst()
    },

    /** @throws `access.role_exists` */
    async save({ roleId, name, permissions, revision }: Role): Promise<void> {
      await nameAsConflict(() =>
        db
          .updateTable('roles')
          .set({ name, permissions: [...permissions], revision })
          .where('roleId', '=', roleId)
          .execute(),
      )
    },

    async delete({ roleId, organizationId }: Role): Promise<void> {
      await db.deleteFrom('roles').where('roleId', '=', roleId).execute()
      await db
        .updateTable('roleCounts')
        .set((eb) => ({ roleCount: eb('roleCount', '-', 1) }))
        .where('organizationId', '=', organizationId)
        .execute()
    },

    /** One row more than `limit`. */
    async list({ cursor, limit }: Paging): Promise<Role[]> {
      const after = decodeCursor(cursor, 1)
      return db
        .selectFrom('roles')
        .selectAll()
        .$if(after !== undefined, (query) => query.where('roleId', '>', after?.[0] as Id<'role'>))
        .orderBy('roleId')
        .limit(limit + 1)
        .execute()
    },
  }
}

/** Grants and the versions that say when they changed. */
export const grants = (tx: Tx) => {
  const db = tx.tables<Tables>()
  return {
    /**
     * Numbers the coming change of an account's grants, and keeps everybody else from changing them until this
     * transaction ends. Numbers only grow, whichever organisation the change is in.
     */
    async bump(accountId: AccountId, organizationId: OrganizationId | null): Promise<number> {
      const { rows } = await sql<{ version: number }>`
        with counted as (
          insert into rbac.accounts (account_id, last_version) values (${accountId}, 1)
          on conflict (account_id) do update set last_version = accounts.last_version + 1
          returning account_id, last_version
        )
        insert into rbac.role_versions (account_id, organization_id, version)
        select account_id, ${organizationId ?? PLATFORM}, last_version from counted
        on conflict (account_id, organization_id) do update set version = excluded.version
        returning version`.execute(db)
      return rows[0]?.version ?? 0
    },

    /** As `bump`, for everybody who has the role: in one order, so that two of these cannot wait for each other. */
    async bumpHolders({ roleId, organizationId }: Role): Promise<void> {
      await sql`
        with counted as (
          insert into rbac.accounts (account_id, last_version)
          select distinct account_id, 1 from rbac.grants
          where role = ${roleId} and ended_at is null order by account_id
          on conflict (account_id) do update set last_version = accounts.last_version + 1
          returning account_id, last_version
        )
        insert into rbac.role_versions (account_id, organization_id, version)
        select account_id, ${organizationId}, last_version from counted
        on conflict (account_id, organization_id) do update set version = excluded.version`.execute(
        db,
      )
    },

    /** The number of the last change that counts in this organisation; 0 before any. */
    async versionOf({ accountId, organizationId }: In): Promise<number> {
      const { version } = await db
        .selectFrom('roleVersions')
        .select(sql<number>`coalesce(max(version), 0)::int`.as('version'))
        .where('accountId', '=', accountId)
        .where('organizationId', 'in', [organizationId, PLATFORM])
        .executeTakeFirstOrThrow()
      return version
    },

    /** Every live grant that counts in this organisation, the platform's included: bounded by the limits of each kind. */
    async heldBy({ accountId, organizationId }: In): Promise<Held[]> {
      const rows = await withRole()
        .where('grant.accountId', '=', accountId)
        .where(countsIn(organizationId))
        .where(live)
        .execute()
      return rows.map(toHeld)
    },

    /** As `heldBy`, ended grants too, live ones first and then newest; one more than is explained. */
    async historyOf({ accountId, organizationId }: In): Promise<Held[]> {
      const rows = await withRole()
        .where('grant.accountId', '=', accountId)
        .where(countsIn(organizationId))
        .orderBy(sql`ended_at is not null`)
        .orderBy('grant.grantId', 'desc')
        .limit(EXPLAINED_GRANTS_MAX + 1)
        .execute()
      return rows.map(toHeld)
    },

    async findLive(grantId: Id<'grant'>): Promise<Held | undefined> {
      const row = await withRole()
        .where('grant.grantId', '=', grantId)
        .where(live)
        .executeTakeFirst()
      return row && toHeld(row)
    },

    /** Platform grants that do not end by themselves, locked: the last one stays. */
    async lockLastingPlatformGrants(): Promise<Id<'grant'>[]> {
      const rows = await db
        .selectFrom('grants')
        .select('grantId')
        .where('scope', '=', 'platform')
        .where('endedAt', 'is', null)
        .where('expiresAt', 'is', null)
        .orderBy('grantId')
        .forUpdate()
        .execute()
      return rows.map(({ grantId }) => grantId)
    },

    /** Whether the configuration has already lifted this account above organisations. */
    async isConfigured(accountId: AccountId): Promise<boolean> {
      const row = await db
        .selectFrom('grants')
        .select('grantId')
        .where('accountId', '=', accountId)
        .where('source', '=', 'configuration')
        .where('endedAt', 'is', null)
        .executeTakeFirst()
      return row !== undefined
    },

    async countCourseGrants({ accountId, organizationId }: In): Promise<number> {
      const { count } = await db
        .selectFrom('grants as grant')
        .select(sql<number>`count(*)`.as('count'))
        .where('grant.accountId', '=', accountId)
        .where('grant.organizationId', '=', organizationId)
        .where('grant.scope', '=', 'course')
        .where(live)
        .executeTakeFirstOrThrow()
      return count
    },

    /** @throws `access.grant_exists` for the same role at the same place. */
    async insert(grant: Grant): Promise<void> {
      // One that has run out, and that the sweeper has not reached yet, makes room.
      await endDue(grant)
      const inserted = await db
        .insertInto('grants')
        .values({
          ...grant,
          createdAt: at(grant.createdAt),
          expiresAt: atOrNull(grant.expiresAt),
          endedAt: atOrNull(grant.endedAt),
        })
        .onConflict((conflict) => conflict.doNothing())
        .returning('grantId')
        .executeTakeFirst()
      if (!inserted) throw grantExists()
    },

    /** @returns whether it was live until now. */
    async end(grantId: Id<'grant'>): Promise<boolean> {
      const ended = await db
        .updateTable('grants')
        .set({ endedAt: at(tx.now) })
        .where('grantId', '=', grantId)
        .where('endedAt', 'is', null)
        .returning('grantId')
        .executeTakeFirst()
      return ended !== undefined
    },

    async endOfRole(roleId: Id<'role'>): Promise<void> {
      await db
        .updateTable('grants')
        .set({ endedAt: at(tx.now) })
        .where('role', '=', roleId)
        .where('endedAt', 'is', null)
        .execute()
    },

    /** Ends what an account has in an organisation: all of it, or what its membership gave. */
    async endIn(
      { accountId, organizationId }: In,
      source?: 'membership' | undefined,
    ): Promise<void> {
      await db
        .updateTable('grants')
        .set({ endedAt: at(tx.now) })
        .where('accountId', '=', accountId)
        .where('organizationId', '=', organizationId)
        .where('endedAt', 'is', null)
        .$if(source !== undefined, (query) => query.where('source', '=', 'membership'))
        .execute()
    },

    /** @returns whether there was any. */
    async endPlatform(accountId: AccountId): Promise<boolean> {
      const ended = await db
        .updateTable('grants')
        .set({ endedAt: at(tx.now) })
        .where('accountId', '=', accountId)
        .where('scope', '=', 'platform')
        .where('endedAt', 'is', null)
        .returning('grantId')
        .execute()
      return ended.length > 0
    },

    /** Whose grants have run out and are not ended yet; at most `limit` pairs. */
    async listDue(limit: number): Promise<Due[]> {
      return db
        .selectFrom('grants')
        .select(['accountId', 'organizationId'])
        .distinct()
        .where('endedAt', 'is', null)
        .where('expiresAt', '<=', at(tx.now))
        .orderBy('accountId')
        .limit(limit)
        .execute()
    },

    endDue,

    /** Live grants that the account may see, newest first; one row more than `limit`. */
    async listVisible(
      me: In,
      filter: Paging & { accountId?: AccountId | undefined; courseId?: CourseId | undefined },
    ): Promise<Held[]> {
      const after = decodeCursor(filter.cursor, 1)
      let query = withRole()
        .where('grant.organizationId', '=', me.organizationId)
        .where(live)
        .where((eb) =>
          eb.or([
            eb('grant.accountId', '=', me.accountId),
            holdsAbove(me, 'access:read'),
            holdsOnCourse(me, 'access:read', sql.ref('grant.course_id')),
          ]),
        )
      if (filter.accountId) query = query.where('grant.accountId', '=', filter.accountId)
      if (filter.courseId) query = query.where('grant.courseId', '=', filter.courseId)
      if (after) query = query.where('grant.grantId', '<', after[0] as Id<'grant'>)
      const rows = await query
        .orderBy('grant.grantId', 'desc')
        .limit(filter.limit + 1)
        .execute()
      return rows.map(toHeld)
    },

    /** Newest first; one row more than `limit`. */
    async listPlatform({ cursor, limit }: Paging): Promise<Held[]> {
      const after = decodeCursor(cursor, 1)
      const rows = await withRole()
        .where('grant.scope', '=', 'platform')
        .where(live)
        .$if(after !== undefined, (query) =>
          query.where('grant.grantId', '<', after?.[0] as Id<'grant'>),
        )
        .orderBy('grant.grantId', 'desc')
        .limit(limit + 1)
        .execute()
      return rows.map(toHeld)
    },

    /** The organisation's courses on which the account holds the permission; one row more than `limit`. */
    async listAllowedCourses(
      me: In,
      { permission, cursor, limit }: Paging & { permission: Permission },
    ): Promise<Pick<CourseFacts, 'courseId' | 'title' | 'archivedAt'>[]> {
      const after = decodeCursor(cursor, 1)
      const taught = courseInstructorPermissions.includes(permission)
      return db
        .selectFrom('courseRefs as course')
        .select(['course.courseId', 'course.title', 'course.archivedAt'])
        .where('course.organizationId', '=', me.organizationId)
        .where((eb) =>
          eb.or([
            holdsAbove(me, permission),
            holdsOnCourse(me, permission, sql.ref('course.course_id')),
            sql<boolean>`${taught} and course.instructor_ids @> array[${me.accountId}]`,
          ]),
        )
        .$if(after !== undefined, (query) =>
          query.where('course.courseId', '>', after?.[0] as CourseId),
        )
        .orderBy('course.courseId')
        .limit(limit + 1)
        .execute()
    },

    /** Those of the courses that are the organisation's. */
    async coursesOf(
      organizationId: OrganizationId,
      courseIds: readonly CourseId[],
    ): Promise<Pick<CourseFacts, 'courseId' | 'instructorIds'>[]> {
      return db
        .selectFrom('courseRefs')
        .select(['courseId', 'instructorIds'])
        .where('organizationId', '=', organizationId)
        .where(sql<boolean>`course_id = any(${[...courseIds]})`)
        .execute()
    },

    /** The envelope names the organisation that the change is in; a platform grant's names none. */
    emit: (organizationId: OrganizationId | null, events: readonly RbacEvent[]) =>
      writeOutbox({ ...tx, tenant: organizationId ?? '*' }, rbacEvents, events),
  }

  /** Ends what has run out for one account at one place. @returns whether there was any. */
  async function endDue({
    accountId,
    organizationId,
  }: Pick<Grant, 'accountId' | 'organizationId'>): Promise<boolean> {
    const ended = await db
      .updateTable('grants')
      .set({ endedAt: sql<Instant>`expires_at` })
      .where('accountId', '=', accountId)
      .where('organizationId', 'is not distinct from', organizationId)
      .where('endedAt', 'is', null)
      .where('expiresAt', '<=', at(tx.now))
      .returning('grantId')
      .execute()
    return ended.length > 0
  }

  function withRole() {
    return db
      .selectFrom('grants as grant')
      .leftJoin('roles as role', 'role.roleId', 'grant.role')
      .selectAll('grant')
      .select('role.permissions as custom')
  }

  function live(eb: ExpressionBuilder<{ grant: GrantRow }, 'grant'>) {
    return eb.and([
      eb('grant.endedAt', 'is', null),
      eb.or([eb('grant.expiresAt', 'is', null), eb('grant.expiresAt', '>', at(tx.now))]),
    ])
  }

  // The policy as SQL: the same rules as `permissionsAt`, so that a list needs no second look.
  function holdsAbove(me: In, permission: Permission) {
    return sql<SqlBool>`exists (
      select from rbac.grants g left join rbac.roles r on r.role_id = g.role
      where g.account_id = ${me.accountId} and ${allows(permission)}
        and (g.scope = 'platform' or (g.scope = 'organization' and g.organization_id = ${me.organizationId}))
    )`
  }

  function holdsOnCourse(me: In, permission: Permission, courseId: ReturnType<typeof sql.ref>) {
    return sql<SqlBool>`exists (
      select from rbac.grants g left join rbac.roles r on r.role_id = g.role
      where g.account_id = ${me.accountId} and ${allows(permission)} and g.course_id = ${courseId}
    )`
  }

  function allows(permission: Permission) {
    return sql<SqlBool>`g.ended_at is null
      and (g.expires_at is null or g.expires_at > ${at(tx.now)})
      and (g.role = any(${builtInWith(permission)}) or ${permission} = any(r.permissions))`
  }
}

const countsIn =
  (organizationId: OrganizationId) => (eb: ExpressionBuilder<{ grant: GrantRow }, 'grant'>) =>
    eb.or([eb('grant.scope', '=', 'platform'), eb('grant.organizationId', '=', organizationId)])

const nameAsConflict = async (write: () => Promise<unknown>): Promise<void> => {
  try {
    await write()
  } catch (error) {
    throw isUniqueViolation(error, 'roles_name') ? roleExists() : error
  }
}

type GrantRow = Omit<Grant, 'createdAt' | 'expiresAt' | 'endedAt'> & {
  readonly createdAt: InstantColumn
  readonly expiresAt: NullableInstantColumn
  readonly endedAt: NullableInstantColumn
}

type Tables = {
  roles: Omit<Role, 'permissions'> & { permissions: Permission[] }
  roleCounts: { organizationId: OrganizationId; roleCount: number }
  grants: GrantRow
  roleVersions: {
    accountId: AccountId
    organizationId: OrganizationId | typeof PLATFORM
    version: number
  }
  courseRefs: {
    courseId: CourseId
    organizationId: OrganizationId
    title: string
    instructorIds: AccountId[]
    archivedAt: NullableInstantColumn
  }
}

const toHeld = ({
  custom,
  ...grant
}: Selectable<GrantRow> & { custom: readonly Permission[] | null }): Held => ({
  ...grant,
  // A role that is gone allows nothing; its grants have ended with it.
  permissions: isBuiltIn(grant.role) ? builtIn(grant.role).permissions : (custom ?? []),
})
