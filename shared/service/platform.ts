import type { JWK } from 'jose'
import * as z from 'zod'
import { type Environment, jsonVariable, loadConfig } from '../config/load.ts'
import type { Clock } from '../kernel/time.ts'
import type { Log } from '../observe/logger.ts'

// jose checks the rest when it imports the key.
const jwk = z.looseObject({ kty: z.string() }) as unknown as z.ZodType<JWK>

/** What every Lambda of every service reads from its environment. */
export const platformSchema = z.object({
  /** Host, port and database; each service signs in as its own role. */
  DATABASE_URL: z.url(),
  DATABASE_PASSWORD: z.string().min(1),
  /** Public Ed25519 keys of the gateway, as a JSON array of JWKs. */
  INTERNAL_JWKS: jsonVariable(z.array(jwk).min(1)),
  /** The internal balancer: the way to another service. */
  INTERNAL_URL: z.url(),
  /** Where people reach the hub: links in mails and credentials begin with it. */
  PUBLIC_URL: z.url(),
  /** Name of the outbox publisher function; without it the schedule alone publishes. */
  OUTBOX_PUBLISHER: z.string().optional(),
})

export type PlatformConfig = z.output<typeof platformSchema>

/** What a service is handed when it is put together: never more than it could read by itself. */
export type Platform = {
  readonly config: PlatformConfig
  readonly environment: Environment
  readonly clock: Clock
  readonly log: Log
}

export const loadPlatform = (parts: {
  readonly environment: Environment
  readonly clock: Clock
  readonly log: Log
}): Platform => ({ ...parts, config: loadConfig(platformSchema, parts.environment) })
