import * as z from 'zod'
import { type Environment, loadConfig } from '../../shared/config/load.ts'
import { secretKeyVariable } from '../../shared/config/secret-key.ts'

const schema = z.object({
  SENDGRID_API_KEY: z.string().min(1),
  /** Another SendGrid than the real one. */
  SENDGRID_BASE_URL: z.url().optional(),
  /** SendGrid's public key for its events, as base64; without one they are refused. */
  SENDGRID_WEBHOOK_KEY: z.string().optional(),
  /** `Name <address>` */
  MAIL_FROM: z.string().min(3),
  /** Opens mailed tokens. */
  SEAL_KEY: secretKeyVariable,
  /** Signs the links at the foot of our mails. */
  UNSUBSCRIBE_KEY: secretKeyVariable,
  /** Name of this service's own jobs function; without it the schedule alone sends. */
  NOTIFICATION_JOBS: z.string().optional(),
})

export type Settings = Readonly<z.output<typeof schema>>

export const readSettings = (environment: Environment): Settings => loadConfig(schema, environment)
