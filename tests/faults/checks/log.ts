import type { LogRecord } from '../../../shared/bus/port.ts'
import { type Envelope, envelopeSchema } from '../../../shared/events/envelope.ts'
import { eventually } from '../../support/eventually.ts'
import type { Campus } from '../campus/campus.ts'
import { campusTopics } from '../campus/nursery.ts'
import { campusServices, nameOf } from '../campus/services.ts'

export type Logged = {
  readonly topic: string
  readonly partition: number
  readonly envelope: Envelope
}

const READ_TIMEOUT_MS = 60_000
let readers = 0

/**
 * Everything in the log that is an event, in the order of each partition, repetitions included. Read until every event
 * that was ever committed is there, or, where one never comes, until it should have been.
 */
export const readLog = async (campus: Campus): Promise<readonly Logged[]> => {
  const written = await countWritten(campus)
  const read: Logged[] = []
  const first = new Set<string>()
  await readUntil(campus, {
    topics: campusTopics,
    take({ topic, partition, value }) {
      const parsed = envelopeSchema.safeParse(parse(value))
      if (!parsed.success) return
      const envelope = parsed.data
      read.push({ topic, partition, envelope })
      if (isOurs(envelope)) first.add(envelope.id)
    },
    isDone: () => first.size >= written,
  })
  return read
}

/** Every record of the dead-letter topics. @param countMin wait for so many, as long as that makes sense. */
export const readDeadLetters = async (
  campus: Campus,
  countMin: number,
): Promise<readonly LogRecord[]> => {
  const read: LogRecord[] = []
  await readUntil(campus, {
    topics: campusTopics.filter((topic) => topic.endsWith('.dlq')),
    take: (record) => void read.push(record),
    isDone: () => read.length >= countMin,
  })
  return read
}

/** What the services of the campus have written, and not the tests. */
const isOurs = ({ source, type }: Envelope): boolean =>
  type !== 'record.parked' && campusServices.some((service) => source === `/${nameOf(service)}`)

const countWritten = async ({ database }: Campus): Promise<number> => {
  const sums = campusServices.map(
    (service) =>
      `(select coalesce(sum(last_seq), 0) from ${nameOf(service)}.outbox_stream
        where aggregate_id not like 'hub.%')`,
  )
  const [row] = await database.query<{ n: number }>(`select (${sums.join(' + ')})::int as n`)
  return row?.n ?? 0
}

/** Reads topics from their beginning, by a consumer group of its own: the same for every log. */
const readUntil = async (
  { bus }: Campus,
  options: {
    readonly topics: readonly string[]
    take(record: LogRecord): void
    isDone(): boolean
  },
): Promise<void> => {
  readers += 1
  const group = `reader-${process.pid}-${readers}`
  const reader = bus.consume({
    ...{ group, topics: options.topics, fromBeginning: true },
    async handler({ records }) {
      for (const record of records) options.take(record)
      return undefined
    },
  })
  try {
    await eventually(
      async () => {
        const isRead = (await bus.lag(group)).every(({ lag }) => lag === 0)
        if (!isRead || !options.isDone()) throw new Error('the log is not read yet')
      },
      { timeoutMs: READ_TIMEOUT_MS },
    ).catch(() => {})
  } finally {
    await reader.close()
  }
}

const parse = (value: Buffer | null): unknown => {
  try {
    return JSON.parse(value?.toString('utf8') ?? 'null')
  } catch {
    return undefined
  }
}
