import { addMs, DAY_MS } from '../../shared/kernel/time.ts'
import type { Jobs } from '../../shared/service/define.ts'
import type { Deps } from './routes.ts'
import { emailChanges } from './store.ts'

/** Longer than the window in which requests are counted. */
const EMAIL_CHANGE_KEPT_MS = 30 * DAY_MS
/** A transaction sweeps so many rows, a run so many times: the next run goes on. */
const SWEPT_ROWS_MAX = 1_000
const SWEEPS_MAX = 100

export const jobs: Jobs<Deps> = {
  /** Daily: forgets addresses that were asked for long ago. */
  async sweepEmailChanges({ now, transaction, log }) {
    const before = addMs(now, -EMAIL_CHANGE_KEPT_MS)
    let swept = 0
    for (let run = 0; run < SWEEPS_MAX; run += 1) {
      const rows = await transaction('*', (tx) => emailChanges(tx).sweep(before, SWEPT_ROWS_MAX))
      swept += rows
      if (rows === 0) break
    }
    log.info('email changes swept', { swept })
  },
}
