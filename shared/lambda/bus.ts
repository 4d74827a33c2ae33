import { MetricUnit } from '@aws-lambda-powertools/metrics'
import type { Context, MSKEvent } from 'aws-lambda'
import * as z from 'zod'
import { consume, discard, type Outcome, redrive } from '../bus/consume.ts'
import type { InboundRecord } from '../bus/inbound.ts'
import type { Contract } from '../contracts/define.ts'
import { assert } from '../kernel/assert.ts'
import type { Service } from '../service/define.ts'
import type { Runtime } from './stack.ts'

const placeSchema = z.strictObject({
  topic: z.string().min(1).max(249),
  partition: z.int().min(0),
  offset: z.int().min(0),
})

const operatorCallSchema = z.union([
  z.strictObject({
    redrive: z.strictObject({
      recordsMax: z.int().min(1).max(1_000),
      place: placeSchema.optional(),
    }),
  }),
  z.strictObject({
    discard: z.strictObject({
      place: placeSchema,
      by: z.string().trim().min(1).max(100),
      reason: z.string().trim().min(1).max(500),
    }),
  }),
])

/**
 * An operator's call (`aws lambda invoke`, or the local hub's page): try parked records of this consumer again, or give
 * one up. Anything else fails the invocation.
 */
export type OperatorCall = z.input<typeof operatorCallSchema>

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
): ((event: MSKEvent | OperatorCall, context: Context) => Promise<unknown>) => {
  const { reactions } = service
  assert(reactions, 'a bus door needs reactions')
  const { platform, database, deps, log, isLogged, metrics } = runtime
  const consumer = service.contract.service
  const options = { consumer, reactions, deps, database, clock: platform.clock, log, isLogged }
  return runtime.wrap(async (event) => {
    if (!('records' in event)) {
      const call = operatorCallSchema.parse(event)
      return 'redrive' in call ? redrive(options, call.redrive) : discard(options, call.discard)
    }
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
