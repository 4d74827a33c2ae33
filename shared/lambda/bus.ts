import { MetricUnit } from '@aws-lambda-powertools/metrics'
import type { Context, MSKEvent } from 'aws-lambda'
import { consume, type Outcome, redrive } from '../bus/consume.ts'
import type { InboundRecord } from '../bus/inbound.ts'
import type { Contract } from '../contracts/define.ts'
import { assert } from '../kernel/assert.ts'
import type { Service } from '../service/define.ts'
import type { Runtime } from './stack.ts'

/** An operator's call (`aws lambda invoke`): try the parked records of this consumer again. */
export type RedriveEvent = { readonly redrive: { readonly recordsMax: number } }

const OUTCOME_METRICS: Readonly<Record<Outcome, string>> = {
  done: 'EventsHandled',
  repeated: 'EventsRepeated',
  ignored: 'EventsIgnored',
  parked: 'EventsParked',
}

/**
 * The bus door: an MSK event-source mapping. Records of one partition are taken in order; a record that cannot
 * be digested is parked; only a missing database fails the batch, which Lambda then delivers again.
 */
export const busDoor = <C extends Contract, Deps>(
  service: Service<C, Deps>,
  runtime: Runtime<Deps>,
): ((event: MSKEvent | RedriveEvent, context: Context) => Promise<unknown>) => {
  const { reactions } = service
  assert(reactions, 'a bus door needs reactions')
  const { platform, database, deps, log, metrics } = runtime
  const consumer = service.contract.service
  const options = { consumer, reactions, deps, database, clock: platform.clock, log }
  return runtime.wrap(async (event) => {
    if ('redrive' in event) return redrive(options, event.redrive)
    for (const records of Object.values(event.records))
      for (const record of records) {
        const outcome = await consume(toInbound(record), options)
        metrics.addMetric(OUTCOME_METRICS[outcome], MetricUnit.Count, 1)
      }
    return { batchItemFailures: [] }
  })
}

type MskRecord = MSKEvent['records'][string][number]

const toInbound = (record: MskRecord): InboundRecord => ({
  topic: record.topic,
  partition: record.partition,
  offset: record.offset,
  key: decodeText(record.key),
  value: decodeText(record.value),
})

// Lambda sends a null key or value (a tombstone) as null or leaves it out, whatever its types say.
const decodeText = (base64: string | null | undefined): string | null =>
  base64 === null || base64 === undefined ? null : Buffer.from(base64, 'base64').toString('utf8')
