import { proveEmailChange } from '../../shared/auth/email-change-proof.ts'
import { opaqueTokens } from '../../shared/auth/opaque-token.ts'
import { seal } from '../../shared/auth/seal.ts'
import { authContract } from '../../shared/contracts/auth.ts'
import { mediaContract } from '../../shared/contracts/media.ts'
import { userContract } from '../../shared/contracts/user.ts'
import { clientOf } from '../../shared/http/client.ts'
import { defineService } from '../../shared/service/define.ts'
import { jobs } from './jobs.ts'
import { reactions } from './reactions.ts'
import { type Deps, routes } from './routes.ts'
import { readSettings } from './settings.ts'

export const user = defineService({
  contract: userContract,
  routes,
  reactions,
  jobs,
  deps: ({ config, environment }): Deps => {
    const { SEAL_KEY, EMAIL_CHANGE_KEY } = readSettings(environment)
    return {
      media: clientOf(mediaContract, { baseUrl: config.INTERNAL_URL }),
      auth: clientOf(authContract, { baseUrl: config.INTERNAL_URL }),
      tokens: opaqueTokens,
      sealForMail: (token) => seal(token, SEAL_KEY),
      proveEmailChange: (change, now) => proveEmailChange(change, { key: EMAIL_CHANGE_KEY, now }),
    }
  },
})
