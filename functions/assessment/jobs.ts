import { eachDue } from '../../shared/db/batches.ts'
import { addMs, SECOND_MS } from '../../shared/kernel/time.ts'
import type { Jobs } from '../../shared/service/define.ts'
import { closeAttempt, lockAttempt } from './commands.ts'
import { isOverdue } from './domain/attempt.ts'
import { attempts, type Overdue } from './store/attempts.ts'

/**
 * A save that was received in time may still be on its way to its commit: as long as a request can take (the
 * function's timeout), the sweeper leaves the attempt alone.
 */
export const SWEEP_GRACE_MS = 15 * SECOND_MS

export const jobs: Jobs<unknown> = {
  /** Every minute: hands in what is past its deadline with what was saved. */
  async submitOverdue(call) {
    const { now, transaction } = call
    const before = addMs(now, -SWEEP_GRACE_MS)
    await eachDue<Overdue>(call, {
      ...{ rowsMax: 100, pagesMax: 10, failure: 'attempt not submitted' },
      due: (tx, page) => attempts(tx).overdue({ before, ...page }),
      work: ({ attemptId, organizationId }) =>
        transaction(organizationId, async (tx) => {
          const attempt = await lockAttempt(tx, attemptId)
          if (attempt && isOverdue(attempt, now)) await closeAttempt(tx, attempt, now)
        }),
    })
  },
}
