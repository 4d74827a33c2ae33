import type { LogRecord } from '../../../shared/bus/port.ts'
import { type Envelope, envelopeSchema } from '../../../shared/events/envelope.ts'
import { eventually } from '../../support/eventually.ts'
import type { Campus } from '../campus/campus.ts'
import { campusTopics, PARTITIONS } from '../campus/nursery.ts'

export type Logged = {
  readonly topic: string
  readonly partition: number
  readonly envelope: Envelope
}

const READ_TIMEOUT_MS = 60_000
let readers = 0

/**
 * Everything in the log that is an event, in the order of each partition, repetitions included.
 */
export const readLog = async (campus: Campus): Promise<readonly Logged[]> => {
  const raw = await readRaw(campus, () => true)
  return raw.flatMap(({ topic, partition, value }) => {
    const envelope = envelopeSchema.safeParse(parse(value))
    return envelope.success ? [{ topic, partition, envelope: envelope.data }] : []
  })
}

/** Every record of some topics, read by a consumer of its own, so that it is the same for every log. */
export const readRaw = async (
  { bus }: Campus,
  isWanted: (topic: string) => boolean,
): Promise<readonly LogRecord[]> => {
  readers += 1
  const group = `reader-${process.pid}-${readers}`
  const topics = campusTopics.filter(isWanted)
  const read: LogRecord[] = []
  const reader = bus.consume({
    group,
    topics,
    fromBeginning: true,
    async handler({ records }) {
      read.push(...records)
      return undefined
    },
  })
  try {
    await eventually(
      async () => {
        const lags = await bus.lag(group)
        const isDone =
          lags.length >= topics.length * PARTITIONS && lags.every(({ lag }) => lag === 0)
        if (!isDone) throw new Error('the log is not read yet')
      },
      { timeoutMs: READ_TIMEOUT_MS },
    )
  } finally {
    await reader.close()
  }
  return read
}

const parse = (value: Buffer | null): unknown => {
  try {
    return JSON.parse(value?.toString('utf8') ?? 'null')
  } catch {
    return undefined
  }
}
