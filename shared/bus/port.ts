import type { Instant } from '../kernel/time.ts'

/** One header; a name may repeat, so headers are a list. */
export type Header = readonly [name: string, value: Buffer]

/** What a producer hands over. Records of one key stay in order; a null value is a tombstone. */
export type OutboundRecord = {
  readonly topic: string
  /** Null spreads over the partitions, without any order. */
  readonly key: string | Buffer | null
  readonly value: string | Buffer | null
  readonly headers?: readonly Header[]
}

/** A record as it stands in the log. */
export type LogRecord = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestamp: Instant
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly Header[]
}

/** Records of one partition, in order, at least one. */
export type Batch = {
  readonly topic: string
  readonly partition: number
  readonly records: readonly LogRecord[]
  /** Aborted when the member closes or has lost the partition: whatever comes of the batch is void. */
  readonly signal: AbortSignal
}

/** The rest of a batch, from this offset on, is to be delivered again. */
export type Resume = { readonly resumeAtOffset: number }

/**
 * Resolved: the batch is done and its offset is committed (with a {@link Resume}: up to there).
 * Thrown: the batch comes again after a growing pause, for ever; other partitions go on.
 */
export type BatchHandler = (batch: Batch) => Promise<Resume | undefined>

export type Subscription = {
  readonly group: string
  readonly topics: readonly string[]
  readonly handler: BatchHandler
  /** Records in one batch at most. */
  readonly batchSizeMax?: number
  /** Where a group without a committed offset begins: the oldest record kept, or the next one. */
  readonly fromBeginning: boolean
  /** After this silence a member is out of the group. Kafka's brokers refuse less than 6 s. */
  readonly sessionTimeoutMs?: number
  /** The longest pause between two deliveries of a failing batch. */
  readonly retryDelayMsMax?: number
}

/** One member of a consumer group. */
export type Consumer = {
  /** Leaves the group. A handler gets {@link CLOSE_GRACE_MS} to end; later its commit is void. */
  close(): Promise<void>
}

export type PartitionLag = {
  readonly topic: string
  readonly partition: number
  /** The next offset that the group will read. */
  readonly committedOffset: number
  /** The next offset that a record will get. */
  readonly endOffset: number
  readonly lag: number
}

/**
 * The event log as the hub sees it: Kafka, or a durable log in PostgreSQL (decision 0011). One conformance
 * suite holds for both. Delivery is at least once, in order per partition.
 */
export type Bus = {
  /** Creates the topics that are missing; those that exist stay as they are. */
  ensureTopics(topics: readonly string[], options: { readonly partitions: number }): Promise<void>
  /**
   * Resolves once every record is durable; order per key is kept.
   *
   * @throws BusUnavailableError when it is not known to be: some, all or none may have arrived.
   * @throws UnknownTopicError when a topic does not exist; what was meant for others may have arrived.
   * @throws RecordTooLargeError before anything was sent.
   */
  send(records: readonly OutboundRecord[]): Promise<void>
  consume(subscription: Subscription): Consumer
  /** How far the group is behind, for each partition that it has a position on. */
  lag(group: string): Promise<readonly PartitionLag[]>
  close(): Promise<void>
}

/** The log did not acknowledge: it is away, or it answers too late. */
export class BusUnavailableError extends Error {
  override readonly name = 'BusUnavailableError'
}

/** A topic of the request does not exist: the log is well, what was deployed is not. */
export class UnknownTopicError extends Error {
  override readonly name = 'UnknownTopicError'
}

/** A record above {@link RECORD_BYTES_MAX} can never be sent. */
export class RecordTooLargeError extends Error {
  override readonly name = 'RecordTooLargeError'
}

/** Key, value and headers together: below Kafka's default `message.max.bytes` of 1,048,588 with room to spare. */
export const RECORD_BYTES_MAX = 1_000_000
/** One request carries at most so much for all topics, so that no partition's part breaks the broker's limit. */
export const SEND_BYTES_MAX = RECORD_BYTES_MAX
export const SEND_RECORDS_MAX = 1_000
export const BATCH_SIZE_MAX = 500
export const BATCH_BYTES_MAX = 6 * 1_024 * 1_024
export const SESSION_TIMEOUT_MS = 10_000
export const CLOSE_GRACE_MS = 5_000
export const RETRY_DELAY_MS_MIN = 100
export const RETRY_DELAY_MS_MAX = 10_000

/** The pause before delivery number `failures + 1`: doubling, bounded. */
export const retryDelayMs = (failures: number, delayMsMax: number = RETRY_DELAY_MS_MAX): number =>
  Math.min(RETRY_DELAY_MS_MIN * 2 ** Math.min(failures - 1, 20), delayMsMax)

/**
 * Cuts what is to be sent into requests within the limits, in order.
 *
 * @throws RecordTooLargeError for a record that fits in none.
 */
export const requestsOf = (
  records: readonly OutboundRecord[],
): readonly (readonly OutboundRecord[])[] => {
  const requests: OutboundRecord[][] = []
  let request: OutboundRecord[] = []
  let bytes = 0
  for (const record of records) {
    const size = recordBytes(record)
    if (size > RECORD_BYTES_MAX)
      throw new RecordTooLargeError(`a record of ${size} bytes for ${record.topic} is too large`)
    if (request.length === SEND_RECORDS_MAX || bytes + size > SEND_BYTES_MAX) {
      requests.push(request)
      request = []
      bytes = 0
    }
    request.push(record)
    bytes += size
  }
  if (request.length > 0) requests.push(request)
  return requests
}

export const recordBytes = (record: OutboundRecord): number =>
  byteLength(record.key) +
  byteLength(record.value) +
  (record.headers ?? []).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + value.length,
    0,
  )

const byteLength = (value: string | Buffer | null): number =>
  value === null ? 0 : Buffer.byteLength(value)
