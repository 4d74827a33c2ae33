import * as z from 'zod'
import { loadConfig } from '../../shared/config/load.ts'
import { courseContract } from '../../shared/contracts/course.ts'
import { rbacContract } from '../../shared/contracts/rbac.ts'
import { clientOf } from '../../shared/http/client.ts'
import { defineService } from '../../shared/service/define.ts'
import { jobs } from './jobs.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'

const configSchema = z.object({
  /** Whoever verifies this address gets the first platform grant; empty or unset for nobody. */
  PLATFORM_ADMIN_EMAIL: z.union([z.literal(''), z.email()]).optional(),
})

export const rbac = defineService({
  contract: rbacContract,
  routes,
  reactions,
  jobs,
  deps: ({ config, environment }): Deps => ({
    course: clientOf(courseContract, { baseUrl: config.INTERNAL_URL }),
    platformAdminEmail: loadConfig(configSchema, environment).PLATFORM_ADMIN_EMAIL || undefined,
  }),
})
