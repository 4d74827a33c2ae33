import { sweepRows } from '../../shared/db/batches.ts'
import type { Jobs } from '../../shared/service/define.ts'
import { rotateSigningKeys } from './commands/sessions.ts'
import type { Deps } from './routes.ts'
import { sweep } from './store.ts'

export const jobs: Jobs<Deps> = {
  /** Daily: publishes the coming signing key a day before it signs, and retires what no token names. */
  async rotateKeys({ transaction, log }, { accessTokens }) {
    const keys = await transaction('*', (tx) => rotateSigningKeys(tx, accessTokens))
    log.info('signing keys turned', { published: keys.length })
  },

  /** Hourly: deletes tokens, counts and sessions that are past their time. */
  async sweepExpired(call) {
    call.log.info('expired rows swept', { swept: await sweepRows(call, sweep) })
  },
}
