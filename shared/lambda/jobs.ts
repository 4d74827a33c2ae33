import type { Context } from 'aws-lambda'
import type { Contract } from '../contracts/define.ts'
import { transaction } from '../db/transaction.ts'
import { assert } from '../kernel/assert.ts'
import { continueTrace, traceIdOf } from '../observe/trace.ts'
import type { Job, Service } from '../service/define.ts'
import type { Runtime } from './stack.ts'

/** What a schedule or an EventBridge rule sends: `{ "job": "<name>", "detail": … }` by its input transformer. */
export type JobEvent = { readonly job: string; readonly detail?: unknown }

/** The door for what AWS itself calls: schedules and EventBridge. */
export const jobsDoor = <C extends Contract, Deps>(
  service: Service<C, Deps>,
  runtime: Runtime<Deps>,
): ((event: JobEvent, context: Context) => Promise<void>) => {
  const { platform, database, deps, log } = runtime
  return runtime.wrap(async (event) => {
    const job: Job<Deps> | undefined = service.jobs?.[event.job]
    assert(job, `there is no job ${event.job}`)
    const traceparent = continueTrace(undefined)
    runtime.trace(traceIdOf(traceparent))
    const now = platform.clock()
    await job(
      {
        input: event.detail,
        now,
        log,
        transaction: (tenant, work) =>
          transaction(database, { tenant, now, actorId: 'system', traceparent }, work),
      },
      deps,
    )
  })
}
