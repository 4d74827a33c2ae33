import * as z from 'zod'
import { busSchema } from '../../../shared/bus/open.ts'
import { jsonVariable } from '../../../shared/config/load.ts'

const crashSchema = z.object({
  armedBy: z.string(),
  step: z.int().positive(),
  side: z.enum(['before', 'after']),
})

const settingsSchema = z.looseObject({
  ...busSchema.shape,
  ROLE: z.enum(['doors', 'publisher', 'consumers']),
  PORT: z.coerce.number().int(),
  DATABASE_URL: z.url(),
  DATABASE_PASSWORD: z.string(),
  CRASH: jsonVariable(crashSchema).optional(),
  /** Production's are a minute and ten seconds; shorter ones shorten the wait for a dead holder, not the rule. */
  LEASE_MS: z.coerce.number().int().positive().optional(),
  SESSION_TIMEOUT_MS: z.coerce.number().int().positive().optional(),
  /** Connections of each service. */
  CONNECTIONS_MAX: z.coerce.number().int().positive().default(6),
  /** Requests under way at once; a door with more refuses (AWS: reserved concurrency). */
  IN_FLIGHT_MAX: z.coerce.number().int().positive().default(1_000),
})

export type Settings = z.output<typeof settingsSchema>

export const readSettings = (environment: NodeJS.ProcessEnv): Settings =>
  settingsSchema.parse(environment)
