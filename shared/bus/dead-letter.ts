import { type RawBuilder, sql } from 'kysely'
import { type JsonColumn, json } from '../db/columns.ts'
import type { Tx } from '../db/transaction.ts'
import { deadLetterTopicOf } from '../events/topics.ts'
import { appendToStream } from '../outbox/write.ts'
import type { InboundRecord } from './inbound.ts'

/** A record that could not be digested, and why. */
export type Letter = {
  readonly consumer: string
  readonly record: InboundRecord
  readonly eventId: string | null
  readonly error: unknown
  /** How often its reaction was tried this time. */
  readonly attempts: number
}

/** Where a record stands in the log: with its consumer, the name of a dead letter. */
export type RecordPlace = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** A parked record's row stands for it until it went through; `attempts` counts over all redrives. */
export type ParkedLetter = {
  readonly consumer: string
  readonly topic: string
  readonly partition: number
  readonly recordOffset: number
  readonly record: InboundRecord
  readonly attempts: number
}

/** What a dead-letter topic carries: for people and alarms, so it is no event of the registry. */
export type RecordParked = {
  readonly type: 'record.parked'
  readonly consumer: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly eventId: string | null
  readonly error: string
  readonly attempts: number
  /** Null where it is larger than {@link ANNOUNCED_RECORD_BYTES_MAX}: see the row. */
  readonly record: StoredRecord | null
}

/** A record goes to the dead-letter topic up to this size as JSON; a larger one stays in the row alone. */
export const ANNOUNCED_RECORD_BYTES_MAX = 800_000

/**
 * Parks a record: a row to redrive it from and, through the consumer's own outbox, an event on its dead-letter
 * topic. Both commit together, and a record that is parked again is not announced again (decision 0012).
 */
export const parkLetter = async (tx: Tx, letter: Letter): Promise<void> => {
  const { consumer, record, eventId, attempts } = letter
  const stored = storedOf(record)
  const error = reasonOf(letter.error)
  const { isNew } = await tx
    .tables<Tables>()
    .insertInto('deadLetter')
    .values({
      consumer,
      topic: record.topic,
      partition: record.partition,
      recordOffset: record.offset,
      eventId,
      record: json(stored),
      error,
      attempts,
      parkedAt: sql<Date>`now()`,
      redrivenAt: null,
      ...NOT_DISCARDED,
    })
    .onConflict((conflict) =>
      conflict.columns(['consumer', 'topic', 'partition', 'recordOffset']).doUpdateSet((eb) => ({
        error,
        attempts: eb('deadLetter.attempts', '+', attempts),
        record: json(stored),
        redrivenAt: null,
        // Whoever gave it up did not know that it would come again.
        ...NOT_DISCARDED,
      })),
    )
    // True of a row that this statement inserted, false of one that it updated.
    .returning(sql<boolean>`xmax = 0`.as('isNew'))
    .executeTakeFirstOrThrow()
  if (!isNew) return
  const { topic, partition, offset } = record
  const isWhole = Buffer.byteLength(JSON.stringify(stored)) <= ANNOUNCED_RECORD_BYTES_MAX
  const parked: RecordParked = {
    type: 'record.parked',
    ...{ consumer, topic, partition, offset, eventId, error, attempts },
    record: isWhole ? stored : null,
  }
  // The subject is never an aggregate's id, so no aggregate waits for its consumer's dead letters.
  const subject = `${topic}-${partition}`
  appendToStream(tx, { subject, topic: deadLetterTopicOf(consumer) }, parked)
}

const NOT_DISCARDED = { discardedAt: null, discardedBy: null, discardReason: null } as const

/**
 * What is parked, has not gone through since and was not discarded: the least tried first, so that a hopeless one blocks
 * no other.
 *
 * @param place of the only one that is wanted.
 */
export const parkedLetters = async (
  tx: Tx,
  {
    consumer,
    recordsMax,
    place,
  }: { consumer: string; recordsMax: number; place?: RecordPlace | undefined },
): Promise<readonly ParkedLetter[]> => {
  const parked = tx
    .tables<Tables>()
    .selectFrom('deadLetter')
    .select(['consumer', 'topic', 'partition', 'recordOffset', 'record', 'attempts'])
    .where('consumer', '=', consumer)
    .where('redrivenAt', 'is', null)
    .where('discardedAt', 'is', null)
  const wanted = place
    ? parked
        .where('topic', '=', place.topic)
        .where('partition', '=', place.partition)
        .where('recordOffset', '=', place.offset)
    : parked
  const rows = await wanted
    .orderBy('attempts')
    .orderBy('parkedAt')
    .orderBy('recordOffset')
    .limit(recordsMax)
    .execute()
  return rows.map((row) => ({ ...row, record: recordOf(row.record) }))
}

/** @returns false where the letter is not parked any more: it went through, or was discarded. */
export const markRedriven = (
  tx: Tx,
  { consumer, topic, partition, recordOffset }: ParkedLetter,
): Promise<boolean> => {
  const place = { topic, partition, offset: recordOffset }
  return endParked(tx, { consumer, place }, { redrivenAt: sql<Date>`now()` })
}

/**
 * Gives a parked record up, for good: nothing redrives it, and it counts as parked no more. The row stays.
 *
 * @returns false where no such record is parked (any more).
 */
export const discardLetter = (
  tx: Tx,
  {
    consumer,
    place,
    by,
    reason,
  }: { consumer: string; place: RecordPlace; by: string; reason: string },
): Promise<boolean> => {
  const changes = { discardedAt: sql<Date>`now()`, discardedBy: by, discardReason: reason }
  return endParked(tx, { consumer, place }, changes)
}

/** @returns false where it is not parked (any more). */
const endParked = async (
  tx: Tx,
  { consumer, place }: { consumer: string; place: RecordPlace },
  changes: Partial<
    Record<'redrivenAt' | 'discardedAt', RawBuilder<Date>> &
      Record<'discardedBy' | 'discardReason', string>
  >,
): Promise<boolean> => {
  const ended = await tx
    .tables<Tables>()
    .updateTable('deadLetter')
    .set(changes)
    .where('consumer', '=', consumer)
    .where('topic', '=', place.topic)
    .where('partition', '=', place.partition)
    .where('recordOffset', '=', place.offset)
    .where('redrivenAt', 'is', null)
    .where('discardedAt', 'is', null)
    .returning('consumer')
    .executeTakeFirst()
  return ended !== undefined
}

type Tables = {
  deadLetter: {
    consumer: string
    topic: string
    partition: number
    recordOffset: number
    eventId: string | null
    record: JsonColumn<StoredRecord>
    error: string
    attempts: number
    parkedAt: Date | RawBuilder<Date>
    redrivenAt: Date | null
    discardedAt: Date | null
    discardedBy: string | null
    discardReason: string | null
  }
}

/** Text as an operator reads it; what PostgreSQL refuses in text (a NUL) as base64. */
export type StoredText = string | { readonly base64: string }

export type StoredRecord = Omit<InboundRecord, 'key' | 'value'> & {
  readonly key: StoredText | null
  readonly value: StoredText | null
}

const storedOf = ({ topic, partition, offset, key, value }: InboundRecord): StoredRecord => ({
  ...{ topic, partition, offset },
  key: key === null ? null : storedTextOf(key),
  value: value === null ? null : storedTextOf(value),
})

const recordOf = ({ key, value, ...place }: StoredRecord): InboundRecord => ({
  ...place,
  key: key === null ? null : textOf(key),
  value: value === null ? null : textOf(value),
})

const storedTextOf = (text: string): StoredText =>
  text.includes('\0') ? { base64: Buffer.from(text).toString('base64') } : text

const textOf = (stored: StoredText): string =>
  typeof stored === 'string' ? stored : Buffer.from(stored.base64, 'base64').toString()

const REASON_LENGTH_MAX = 1_000

const reasonOf = (error: unknown): string =>
  (error instanceof Error ? `${error.name}: ${error.message}` : String(error))
    .slice(0, REASON_LENGTH_MAX)
    .replaceAll('\0', '')
