import * as z from 'zod'
import { type Environment, loadConfig } from '../../shared/config/load.ts'
import { secretKeyVariable } from '../../shared/config/secret-key.ts'

const schema = z.object({
  /** Seals mailed tokens for notification. */
  SEAL_KEY: secretKeyVariable,
  /** Proves address changes to auth. */
  EMAIL_CHANGE_KEY: secretKeyVariable,
})

export type Settings = Readonly<z.output<typeof schema>>

export const readSettings = (environment: Environment): Settings => loadConfig(schema, environment)
