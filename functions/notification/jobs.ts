import { sweepRows } from '../../shared/db/batches.ts'
import { addMs, DAY_MS } from '../../shared/kernel/time.ts'
import type { Jobs } from '../../shared/service/define.ts'
import { sendDue } from './commands/send.ts'
import type { Deps } from './routes.ts'
import { deliveries } from './store/deliveries.ts'
import { notifications } from './store/notifications.ts'

/** An ended delivery proves until then that its event was told; the log keeps events for a shorter time. */
const DELIVERY_KEPT_MS = 30 * DAY_MS
const NOTIFICATION_KEPT_MS = 365 * DAY_MS

export const jobs: Jobs<Deps> = {
  /** Every minute, and after each commit that has something to send. Safe to repeat, and to run many times at once. */
  sendDeliveries: sendDue,

  /** Daily: forgets what is long past. */
  async sweepOld(call) {
    const { now, log } = call
    const swept = await sweepRows(call, async (tx, limit) => {
      const ended = await deliveries(tx).sweep(addMs(now, -DELIVERY_KEPT_MS), limit)
      const old = await notifications(tx).sweep(addMs(now, -NOTIFICATION_KEPT_MS), limit)
      return ended + old
    })
    log.info('old notifications swept', { swept })
  },
}
