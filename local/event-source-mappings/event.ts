import type { LogRecord } from '../../shared/bus/port.ts'

/** A record as Lambda writes it into the event: an unkeyed one has no key, a tombstone's value is null. */
export type MskRecord = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly timestampType: 'CREATE_TIME'
  readonly key?: string
  readonly value: string | null
  /** One-key objects whose value is a list of bytes, 0 to 255. */
  readonly headers: readonly Readonly<Record<string, readonly number[]>>[]
}

export type MskSource = { readonly eventSourceArn: string; readonly bootstrapServers: string }

/** What the function is invoked with; records stand under `topic-partition`, in order. */
export type MskEvent = MskSource & {
  readonly eventSource: 'aws:kafka'
  readonly records: Readonly<Record<string, readonly MskRecord[]>>
}

export const toMskRecord = (record: LogRecord): MskRecord => ({
  topic: record.topic,
  partition: record.partition,
  offset: record.offset,
  timestamp: record.timestamp,
  timestampType: 'CREATE_TIME',
  ...(record.key && { key: record.key.toString('base64') }),
  value: record.value?.toString('base64') ?? null,
  headers: record.headers.map(([name, value]) => ({ [name]: [...value] })),
})

export const partitionKeyOf = ({ topic, partition }: { topic: string; partition: number }) =>
  `${topic}-${partition}`

export const toMskEvent = (
  { eventSourceArn, bootstrapServers }: MskSource,
  records: readonly MskRecord[],
): MskEvent => ({
  eventSource: 'aws:kafka',
  eventSourceArn,
  bootstrapServers,
  records: Object.fromEntries(Map.groupBy(records, partitionKeyOf)),
})
