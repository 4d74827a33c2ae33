import { eachDue } from '../../shared/db/batches.ts'
import type { Jobs } from '../../shared/service/define.ts'
import { rebuild } from './commands.ts'
import { WAITING_LEARNERS_MAX } from './reactions.ts'
import { progress, type Waiting } from './store.ts'

export const jobs: Jobs<unknown> = {
  /** Every minute: settles learners who were enrolled before their version was known here. */
  settleWaiting: (call) =>
    eachDue<Waiting>(call, {
      ...{ rowsMax: WAITING_LEARNERS_MAX, pagesMax: 20, failure: 'learner not settled' },
      due: (tx, page) => progress(tx).waiting(page),
      work: ({ enrollmentId: _, ...learner }) =>
        call.transaction(learner.organizationId, (tx) => rebuild(tx, learner)),
    }),
}
