import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { defineContract, type Permission } from './define.ts'

/** An account holds at most so many live grants on single courses: they travel in a header. */
export const COURSE_GRANTS_MAX = 100

const permissionSchema = z
  .string()
  .regex(/^[a-z-]+:[a-z-]+$/)
  .meta({ examples: ['course:update'] }) as unknown as z.ZodType<Permission, Permission>

export const grantsSchema = z.object({
  platform: z.array(permissionSchema),
  organization: z.array(permissionSchema),
  courses: z.record(z.string(), z.array(permissionSchema)),
})

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
  },
})
