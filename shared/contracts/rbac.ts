import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { pageOf, pageQuery } from '../kernel/page.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineContract, type Permission } from './define.ts'
import { type BuiltInRoleName, builtInRoles } from './roles.ts'

/** Live grants on single courses that an account holds at most: they travel in a header. */
export const COURSE_GRANTS_MAX = 100
export const ROLES_PER_ORGANIZATION_MAX = 100
export const PERMISSIONS_PER_ROLE_MAX = 100
export const CHECKS_PER_BATCH_MAX = 100
/** Grants that an explanation lists, live ones first. */
export const EXPLAINED_GRANTS_MAX = 500

const permissionSchema = z
  .string()
  .regex(/^[a-z-]+:[a-z-]+$/)
  .meta({ examples: ['course:update'] }) as unknown as z.ZodType<Permission, Permission>

export const grantsSchema = z.object({
  platform: z.array(permissionSchema),
  organization: z.array(permissionSchema),
  courses: z.record(z.string(), z.array(permissionSchema)),
})

const scopeSchema = z.enum(['platform', 'organization', 'course'])
const customScopeSchema = z.enum(['organization', 'course'])

/** A built-in role by its name, a custom one by its id. */
const roleRefSchema = z.union([
  z.enum(Object.keys(builtInRoles) as [BuiltInRoleName, ...BuiltInRoleName[]]),
  idSchema('role'),
])

const roleNameSchema = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .meta({ examples: ['Course librarian'] })

const rolePermissionsSchema = z
  .array(permissionSchema)
  .max(PERMISSIONS_PER_ROLE_MAX)
  .meta({ examples: [['course:update', 'content:update']] })

const customRoleSchema = z.object({
  roleId: idSchema('role'),
  name: z.string(),
  scope: customScopeSchema,
  permissions: z.array(permissionSchema),
  /** Grows with every change; it is the ETag. */
  revision: z.int().positive(),
})

const sourceSchema = z.enum(['membership', 'direct', 'configuration'])

const grantSchema = z.object({
  grantId: idSchema('grant'),
  accountId: idSchema('account'),
  scope: scopeSchema,
  organizationId: idSchema('organization').nullable(),
  courseId: idSchema('course').nullable(),
  role: roleRefSchema,
  /** What the role allows at this moment. */
  permissions: z.array(permissionSchema),
  source: sourceSchema,
  grantedBy: z.string(),
  createdAt: isoSchema,
  expiresAt: isoSchema.nullable(),
})

const consideredSchema = z.object({
  /** Null for who teaches the course: a fact of the course, not a grant (decision 0002). */
  grantId: idSchema('grant').nullable(),
  scope: scopeSchema,
  courseId: idSchema('course').nullable(),
  role: roleRefSchema,
  source: z.enum([...sourceSchema.options, 'instructor']),
  expiresAt: isoSchema.nullable(),
  verdict: z.enum(['counts', 'lacks_permission', 'other_course', 'expired', 'ended']),
})

const question = { permission: permissionSchema, courseId: idSchema('course').optional() }

const read = { scope: 'organization', permission: 'organization:read' } as const
const roles = { scope: 'organization', permission: 'access:roles' } as const
const platform = { scope: 'platform', permission: 'platform:operate' } as const

const roleParams = z.strictObject({ roleId: idSchema('role') })
const grantParams = z.strictObject({ grantId: idSchema('grant') })

export const rbacContract = defineContract({
  service: 'rbac',
  prefix: '/v1/access',
  title: 'Roles and permissions',
  operations: {
    getPrincipal: {
      method: 'GET',
      path: '/principals/{accountId}',
      summary: 'Effective permissions of an account in an organisation: asked by the gateway',
      scope: 'internal',
      params: z.strictObject({ accountId: idSchema('account') }),
      query: z.strictObject({ organizationId: idSchema('organization') }),
      status: 200,
      answer: z.object({
        grants: grantsSchema,
        roleVersion: z.int().nonnegative(),
        /** When the first of these grants ends by itself (ISO 8601), else null. */
        expiresAt: z.iso.datetime().nullable(),
      }),
      errors: [],
    },
    listPermissions: {
      method: 'GET',
      path: '/permissions',
      summary: 'The catalogue: every permission, where it can be granted and what asks for it',
      scope: 'organization',
      permission: 'access:read',
      status: 200,
      answer: z.object({
        items: z.array(
          z.object({
            permission: permissionSchema,
            scopes: z.array(scopeSchema),
            operations: z.array(
              z.object({
                service: z.string(),
                operation: z.string(),
                method: z.string(),
                path: z.string(),
                summary: z.string(),
              }),
            ),
          }),
        ),
      }),
      errors: [],
    },
    listRoles: {
      method: 'GET',
      path: '/roles',
      summary: 'The built-in roles, and a page of the organisation’s own',
      scope: 'organization',
      permission: 'access:read',
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(customRoleSchema).extend({
        builtIn: z.array(
          z.object({
            name: z.string(),
            scope: scopeSchema,
            description: z.string(),
            permissions: z.array(permissionSchema),
          }),
        ),
      }),
      errors: ['request.cursor'],
    },
    createRole: {
      method: 'POST',
      path: '/roles',
      summary: 'Make a role of permissions that the caller holds',
      ...roles,
      body: z.strictObject({
        name: roleNameSchema,
        scope: customScopeSchema.default('organization'),
        permissions: rolePermissionsSchema,
      }),
      status: 201,
      answer: customRoleSchema,
      errors: [
        'access.above_self',
        'access.permission_unknown',
        'access.role_exists',
        'access.roles_full',
      ],
      idempotency: 'optional',
      etag: 'revision',
    },
    getRole: {
      method: 'GET',
      path: '/roles/{roleId}',
      summary: 'One of the organisation’s own roles',
      scope: 'organization',
      permission: 'access:read',
      params: roleParams,
      status: 200,
      answer: customRoleSchema,
      errors: ['access.role_not_found'],
      etag: 'revision',
    },
    updateRole: {
      method: 'PATCH',
      path: '/roles/{roleId}',
      summary: 'Rename a role or change what it allows, for everybody who has it',
      description: 'The caller must hold what the role allows, before and after.',
      ...roles,
      params: roleParams,
      body: z.strictObject({ name: roleNameSchema, permissions: rolePermissionsSchema }).partial(),
      status: 200,
      answer: customRoleSchema,
      errors: [
        'access.role_not_found',
        'access.revision_stale',
        'access.above_self',
        'access.permission_unknown',
        'access.role_exists',
      ],
      ifMatch: true,
      etag: 'revision',
    },
    deleteRole: {
      method: 'DELETE',
      path: '/roles/{roleId}',
      summary: 'Delete a role; its grants end',
      ...roles,
      params: roleParams,
      status: 204,
      errors: ['access.role_not_found', 'access.above_self'],
    },
    listGrants: {
      method: 'GET',
      path: '/grants',
      summary: 'Live grants that the caller may see: one’s own, and others’ with access:read',
      ...read,
      query: z.strictObject({
        ...pageQuery,
        accountId: idSchema('account').optional(),
        courseId: idSchema('course').optional(),
      }),
      status: 200,
      answer: pageOf(grantSchema),
      errors: ['request.cursor'],
    },
    createGrant: {
      method: 'POST',
      path: '/grants',
      summary: 'Give a member a role, in the organisation or on one course, for good or until then',
      description: 'A role may only be granted by those who hold everything that it allows, there.',
      scope: 'course',
      permission: 'access:grant',
      body: z.strictObject({
        accountId: idSchema('account'),
        role: roleRefSchema,
        /** Wanted by roles on courses, refused by others. */
        courseId: idSchema('course').optional(),
        expiresAt: isoSchema.optional(),
      }),
      status: 201,
      answer: grantSchema,
      errors: [
        'access.denied',
        'access.above_self',
        'access.role_not_found',
        'access.scope_mismatch',
        'access.expiry_past',
        'access.member_not_found',
        'access.grant_exists',
        'access.course_grants_full',
        'course.not_found',
        'course.unavailable',
      ],
      idempotency: 'optional',
    },
    revokeGrant: {
      method: 'DELETE',
      path: '/grants/{grantId}',
      summary: 'End a grant that was given by hand',
      description: 'What comes from membership ends there (organisation service).',
      scope: 'course',
      permission: 'access:grant',
      params: grantParams,
      status: 204,
      errors: ['access.grant_not_found', 'access.grant_follows', 'access.above_self'],
    },
    listPlatformGrants: {
      method: 'GET',
      path: '/platform-grants',
      summary: 'Who stands above organisations',
      ...platform,
      query: z.strictObject(pageQuery),
      status: 200,
      answer: pageOf(grantSchema),
      errors: ['request.cursor'],
    },
    createPlatformGrant: {
      method: 'POST',
      path: '/platform-grants',
      summary: 'Let an account stand above organisations',
      ...platform,
      body: z.strictObject({ accountId: idSchema('account'), expiresAt: isoSchema.optional() }),
      status: 201,
      answer: grantSchema,
      errors: ['access.above_self', 'access.expiry_past', 'access.grant_exists'],
      idempotency: 'optional',
    },
    revokePlatformGrant: {
      method: 'DELETE',
      path: '/platform-grants/{grantId}',
      summary: 'End a platform grant; the last one that does not expire stays',
      ...platform,
      params: grantParams,
      status: 204,
      errors: ['access.grant_not_found', 'access.above_self', 'access.last_platform_admin'],
    },
    check: {
      method: 'POST',
      path: '/check',
      summary: 'Whether the caller may do each of these, as it stands now',
      ...read,
      body: z.strictObject({
        checks: z.array(z.strictObject(question)).min(1).max(CHECKS_PER_BATCH_MAX),
      }),
      status: 200,
      answer: z.object({ results: z.array(z.object({ allowed: z.boolean() })) }),
      errors: [],
    },
    explain: {
      method: 'GET',
      path: '/explain',
      summary: 'Why an account may or may not do something: every grant that was considered',
      scope: 'organization',
      permission: 'access:read',
      query: z.strictObject({ accountId: idSchema('account'), ...question }),
      status: 200,
      answer: z.object({
        allowed: z.boolean(),
        considered: z.array(consideredSchema),
        /** Whether older, ended grants were left out. */
        truncated: z.boolean(),
      }),
      errors: ['access.member_not_found', 'course.not_found'],
    },
    listAllowedCourses: {
      method: 'GET',
      path: '/courses',
      summary: 'The courses on which the caller holds a permission',
      ...read,
      query: z.strictObject({ ...pageQuery, permission: permissionSchema }),
      status: 200,
      answer: pageOf(
        z.object({
          courseId: idSchema('course'),
          title: z.string(),
          isArchived: z.boolean(),
        }),
      ),
      errors: ['request.cursor'],
    },
  },
})
