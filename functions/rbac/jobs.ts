import { describeError } from '../../shared/observe/logger.ts'
import type { Jobs } from '../../shared/service/define.ts'
import { changeGrants } from './commands.ts'
import type { Deps } from './routes.ts'
import { grants } from './store.ts'

/** One run ends what has run out for so many accounts; the next minute goes on. */
export const EXPIRED_ACCOUNTS_PER_RUN_MAX = 1_000

export const jobs: Jobs<Deps> = {
  /** A grant ends by its clock, whether or not this has run; this tells those who remember it. */
  async expireGrants({ transaction, log }) {
    const due = await transaction('*', (tx) => grants(tx).listDue(EXPIRED_ACCOUNTS_PER_RUN_MAX))
    for (const who of due)
      await transaction('*', (tx) => changeGrants(tx, who, () => grants(tx).endDue(who))).catch(
        // One whose end cannot be told now must not keep the others: it is met again in the next run.
        (error: unknown) => log.error('grants not ended', { ...who, ...describeError(error) }),
      )
    if (due.length > 0) log.info('grants have expired', { accounts: due.length })
  },
}
