import { describeError } from '../../shared/observe/logger.ts'
import type { Jobs } from '../../shared/service/define.ts'
import { rebuild } from './commands.ts'
import { WAITING_LEARNERS_MAX } from './reactions.ts'
import { progress } from './store.ts'

/** One run settles so many pages at most; the next one, a minute later, goes on. */
const PAGES_MAX = 20

export const jobs: Jobs<unknown> = {
  /** Settles learners who were enrolled before their version was known here, each in a transaction of its own. */
  async settleWaiting({ log, transaction }) {
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const waiting = await transaction('*', (tx) =>
        progress(tx).waiting({ limit: WAITING_LEARNERS_MAX }),
      )
      for (const key of waiting)
        try {
          await transaction(key.organizationId, (tx) => rebuild(tx, key))
        } catch (error) {
          // One who cannot be counted must not keep the others: the next run meets them again.
          log.error('learner not settled', { ...describeError(error) })
        }
      if (waiting.length < WAITING_LEARNERS_MAX) return
    }
  },
}
