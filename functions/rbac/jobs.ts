import { eachDue } from '../../shared/db/batches.ts'
import type { Jobs } from '../../shared/service/define.ts'
import { changeGrants } from './commands.ts'
import type { Deps } from './routes.ts'
import { type Due, grants } from './store.ts'

/** Accounts whose expired grants one run ends; the next minute's run goes on. */
export const EXPIRED_ACCOUNTS_PER_RUN_MAX = 1_000

export const jobs: Jobs<Deps> = {
  /** A grant ends by its clock, whether or not this has run; this tells those who remember it. */
  expireGrants: (call) =>
    eachDue<Due>(call, {
      ...{ rowsMax: EXPIRED_ACCOUNTS_PER_RUN_MAX, failure: 'grants not ended' },
      due: (tx, { limit }) => grants(tx).listDue(limit),
      work: (who) =>
        call.transaction('*', (tx) => changeGrants(tx, who, () => grants(tx).endDue(who))),
    }),
}
