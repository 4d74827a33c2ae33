import { sweepRows } from '../../shared/db/batches.ts'
import { addMs, DAY_MS } from '../../shared/kernel/time.ts'
import type { Jobs } from '../../shared/service/define.ts'
import type { Deps } from './routes.ts'
import { emailChanges } from './store.ts'

/** Longer than the window in which requests are counted. */
const EMAIL_CHANGE_KEPT_MS = 30 * DAY_MS

export const jobs: Jobs<Deps> = {
  /** Daily: forgets addresses that were asked for long ago. */
  async sweepEmailChanges(call) {
    const before = addMs(call.now, -EMAIL_CHANGE_KEPT_MS)
    const swept = await sweepRows(call, (tx, limit) => emailChanges(tx).sweep(before, limit))
    call.log.info('email changes swept', { swept })
  },
}
