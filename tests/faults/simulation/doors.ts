import { consume, type Outcome } from '../../../shared/bus/consume.ts'
import type { Contract } from '../../../shared/contracts/define.ts'
import type { Database } from '../../../shared/db/open.ts'
import { transaction } from '../../../shared/db/transaction.ts'
import type { Clock } from '../../../shared/kernel/time.ts'
import type { StepCall } from '../../../shared/lambda/step.ts'
import { silentLog } from '../../../shared/observe/logger.ts'
import { continueTrace } from '../../../shared/observe/trace.ts'
import type { Service } from '../../../shared/service/define.ts'

/** The doors of a service as one actor uses them: over its own connection, at the simulation's time. */
export const doorsOf = <C extends Contract, Deps>(
  service: Service<C, Deps>,
  { database, clock, deps }: { database: Database; clock: Clock; deps: Deps },
) => {
  const call = (): StepCall => {
    const now = clock()
    const traceparent = continueTrace(undefined)
    return {
      ...{ now, traceparent, log: silentLog },
      transaction: (tenant, work) =>
        transaction(database, { tenant, now, actorId: 'system', traceparent }, work),
    }
  }
  return {
    /** What a workflow's step is handed. */
    call,
    async job(name: string): Promise<void> {
      const job = service.jobs?.[name]
      if (!job) throw new Error(`there is no job ${name}`)
      await job({ ...call(), input: undefined }, deps)
    },
    take: (envelope: object): Promise<Outcome> =>
      consume(
        { topic: 't', partition: 0, offset: 0, key: null, value: JSON.stringify(envelope) },
        {
          ...{ consumer: service.contract.service, reactions: service.reactions ?? {}, deps },
          ...{ database, clock, log: silentLog },
        },
      ),
  }
}

/** An event as its producer would have told it; the same envelope twice is a redelivery. */
export const envelopeOf = (options: {
  readonly id: string
  readonly type: string
  readonly data: object
  readonly organizationId: string
  readonly at: string
}): object => ({
  ...{ specversion: '1.0', id: options.id, source: '/simulation', type: options.type },
  ...{ subject: 'simulated', time: options.at, datacontenttype: 'application/json' },
  ...{ organizationid: options.organizationId, actorid: 'system', sequence: 1 },
  traceparent: continueTrace(undefined),
  data: options.data,
})
