import * as z from 'zod'
import { accessTokens } from '../../shared/auth/access-token.ts'
import { readEmailChange } from '../../shared/auth/email-change-proof.ts'
import { opaqueTokens } from '../../shared/auth/opaque-token.ts'
import { argon2idPasswords } from '../../shared/auth/passwords.ts'
import { seal } from '../../shared/auth/seal.ts'
import { loadConfig } from '../../shared/config/load.ts'
import { secretKeyVariable } from '../../shared/config/secret-key.ts'
import { authContract } from '../../shared/contracts/auth.ts'
import { defineService } from '../../shared/service/define.ts'
import { jobs } from './jobs.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'

const configSchema = z.object({
  /** Seals the private signing keys at rest. */
  AUTH_KEY_ENCRYPTION_KEY: secretKeyVariable,
  /** Seals mailed tokens for notification. */
  SEAL_KEY: secretKeyVariable,
  /** Proves address changes between user and auth. */
  EMAIL_CHANGE_KEY: secretKeyVariable,
})

export const auth = defineService({
  contract: authContract,
  routes,
  reactions,
  jobs,
  deps: ({ config, environment }): Deps => {
    const keys = loadConfig(configSchema, environment)
    return {
      passwords: argon2idPasswords(),
      tokens: opaqueTokens,
      accessTokens: accessTokens({
        issuer: config.PUBLIC_URL,
        encryptionKey: keys.AUTH_KEY_ENCRYPTION_KEY,
      }),
      sealForMail: (token) => seal(token, keys.SEAL_KEY),
      readEmailChange: (proof, now) => readEmailChange(proof, { key: keys.EMAIL_CHANGE_KEY, now }),
      publicOrigin: new URL(config.PUBLIC_URL).origin,
    }
  },
})
