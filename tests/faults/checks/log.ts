import { type Envelope, envelopeSchema } from '../../../shared/events/envelope.ts'
import { eventually } from '../../support/eventually.ts'
import type { Campus } from '../campus/campus.ts'
import { campusTopics } from '../campus/nursery.ts'

export type Logged = {
  readonly topic: string
  readonly partition: number
  readonly envelope: Envelope
}

const READ_TIMEOUT_MS = 60_000
let readers = 0

/**
 * Everything in the log that is an event, in the order of each partition, repetitions included. Read by a consumer of
 * its own, so that it is the same for every log.
 */
export const readLog = async ({ bus }: Campus): Promise<readonly Logged[]> => {
  readers += 1
  const group = `reader-${process.pid}-${readers}`
  const logged: Logged[] = []
  const reader = bus.consume({
    group,
    topics: campusTopics,
    fromBeginning: true,
    async handler({ topic, partition, records }) {
      for (const { value } of records) {
        const envelope = envelopeSchema.safeParse(parse(value))
        if (envelope.success) logged.push({ topic, partition, envelope: envelope.data })
      }
      return undefined
    },
  })
  try {
    await eventually(
      async () => {
        const lags = await bus.lag(group)
        const isDone = lags.length >= campusTopics.length && lags.every(({ lag }) => lag === 0)
        if (!isDone) throw new Error('the log is not read yet')
      },
      { timeoutMs: READ_TIMEOUT_MS },
    )
  } finally {
    await reader.close()
  }
  return logged
}

const parse = (value: Buffer | null): unknown => {
  try {
    return JSON.parse(value?.toString('utf8') ?? 'null')
  } catch {
    return undefined
  }
}
