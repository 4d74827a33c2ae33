import type { Jobs } from '../../shared/service/define.ts'
import { turnKeys } from './commands/sessions.ts'
import type { Deps } from './routes.ts'
import { sweep } from './store.ts'

/** A transaction sweeps so many rows of each kind, a run so many times: the next run goes on. */
const SWEPT_ROWS_MAX = 1_000
const SWEEPS_MAX = 100

export const jobs: Jobs<Deps> = {
  /** Daily: publishes the coming signing key a day before it signs, and retires what no token names. */
  async rotateKeys({ transaction, log }, { accessTokens }) {
    const keys = await transaction('*', (tx) => turnKeys(tx, accessTokens))
    log.info('signing keys turned', { published: keys.length })
  },

  /** Hourly: deletes tokens, counts and sessions that are past their time. */
  async sweepExpired({ transaction, log }) {
    let swept = 0
    for (let run = 0; run < SWEEPS_MAX; run += 1) {
      const rows = await transaction('*', (tx) => sweep(tx, SWEPT_ROWS_MAX))
      if (rows === 0) break
      swept += rows
    }
    log.info('expired rows swept', { swept })
  },
}
