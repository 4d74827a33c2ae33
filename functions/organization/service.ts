import * as z from 'zod'
import { loadConfig } from '../../shared/config/load.ts'
import { courseContract } from '../../shared/contracts/course.ts'
import { organizationContract } from '../../shared/contracts/organization.ts'
import { clientOf } from '../../shared/http/client.ts'
import { defineService } from '../../shared/service/define.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'

const SEAL_KEY_BYTES = 32

const configSchema = z.object({
  /** Seals invitation tokens on their way to the mailer: 32 bytes in base64. */
  SEAL_KEY: z
    .base64()
    .transform((text) => new Uint8Array(Buffer.from(text, 'base64')))
    .refine((key) => key.length === SEAL_KEY_BYTES, { error: `must be ${SEAL_KEY_BYTES} bytes` }),
})

export const organization = defineService({
  contract: organizationContract,
  routes,
  reactions,
  deps: ({ config, environment }): Deps => ({
    course: clientOf(courseContract, { baseUrl: config.INTERNAL_URL }),
    sealKey: loadConfig(configSchema, environment).SEAL_KEY,
  }),
})
