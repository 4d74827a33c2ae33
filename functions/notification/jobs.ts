import { addMs, DAY_MS } from '../../shared/kernel/time.ts'
import type { Jobs } from '../../shared/service/define.ts'
import { sendDue } from './commands/send.ts'
import type { Deps } from './routes.ts'
import { deliveries } from './store/deliveries.ts'
import { notifications } from './store/notifications.ts'

/** An ended delivery proves until then that its event was told; the log keeps events for a shorter time. */
const DELIVERY_KEPT_MS = 30 * DAY_MS
const NOTIFICATION_KEPT_MS = 365 * DAY_MS
/** A transaction sweeps so many rows of each kind, a run so many times: the next run goes on. */
const SWEPT_ROWS_MAX = 1_000
const SWEEPS_MAX = 100

export const jobs: Jobs<Deps> = {
  /** Every minute, and after each commit that has something to send. Safe to repeat, and to run many times at once. */
  sendDeliveries: sendDue,

  /** Daily: forgets what is long past. */
  async sweepOld({ now, transaction, log }) {
    let swept = 0
    for (let run = 0; run < SWEEPS_MAX; run += 1) {
      const rows = await transaction('*', async (tx) => {
        const ended = await deliveries(tx).sweep(addMs(now, -DELIVERY_KEPT_MS), SWEPT_ROWS_MAX)
        const old = await notifications(tx).sweep(addMs(now, -NOTIFICATION_KEPT_MS), SWEPT_ROWS_MAX)
        return ended + old
      })
      swept += rows
      if (rows === 0) break
    }
    log.info('old notifications swept', { swept })
  },
}
