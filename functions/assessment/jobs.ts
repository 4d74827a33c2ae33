import { addMs, SECOND_MS } from '../../shared/kernel/time.ts'
import { describeError } from '../../shared/observe/logger.ts'
import type { Jobs } from '../../shared/service/define.ts'
import { closeAttempt, lockAttempt } from './commands.ts'
import { isOverdue } from './domain/attempt.ts'
import { attempts, type Overdue } from './store/attempts.ts'

const PAGE_ROWS_MAX = 100
/** One run closes so many pages at most; the next one, a minute later, goes on. */
const PAGES_MAX = 10
/**
 * A save that was received in time may still be on its way to its commit: as long as a request can take (the
 * function's timeout), the sweeper leaves the attempt alone.
 */
export const SWEEP_GRACE_MS = 15 * SECOND_MS

export const jobs: Jobs<unknown> = {
  /** Hands in what is past its deadline with what was saved, each in a transaction of its own. */
  async submitOverdue({ now, log, transaction }) {
    const before = addMs(now, -SWEEP_GRACE_MS)
    let last: Overdue | undefined
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const rows = await transaction('*', (tx) =>
        attempts(tx).overdue({ before, last, limit: PAGE_ROWS_MAX }),
      )
      for (const { attemptId, organizationId } of rows)
        try {
          await transaction(organizationId, async (tx) => {
            const attempt = await lockAttempt(tx, attemptId)
            if (attempt && isOverdue(attempt, now)) await closeAttempt(tx, attempt, now)
          })
        } catch (error) {
          // One that cannot be closed must not keep the others: it is met again in the next run.
          log.error('attempt not submitted', { attemptId, ...describeError(error) })
        }
      last = rows.at(-1)
      if (rows.length < PAGE_ROWS_MAX) return
    }
  },
}
