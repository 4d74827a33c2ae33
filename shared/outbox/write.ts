import type { ColumnType } from 'kysely'
import { type JsonColumn, json } from '../db/columns.ts'
import type { Tx } from '../db/transaction.ts'
import {
  type Emitted,
  type Envelope,
  type EventDefinitions,
  type EventOf,
  toEnvelope,
} from '../events/envelope.ts'
import { topicOf } from '../events/topics.ts'
import { assert } from '../kernel/assert.ts'

/** One transaction writes at most so many events; a bulk command works in pages. */
export const EVENTS_PER_TRANSACTION_MAX = 500

/** An event as JSON; with key and headers it fits into a record (`RECORD_BYTES_MAX` of the bus). */
export const EVENT_BYTES_MAX = 950_000

export type OutboxTables = {
  outboxStream: {
    aggregateId: string
    lastSeq: number
    publishedSeq: ColumnType<number, number | undefined, number>
  }
  outbox: { aggregateId: string; seq: number; topic: string; envelope: JsonColumn<Envelope> }
}

/**
 * Writes what a rule emitted into the transaction of its effect: both are committed, or neither.
 * Each aggregate's events are numbered without gaps, under the lock of its stream row.
 *
 * @param definitions the producer's own events (`shared/events/<service>.ts`).
 */
export const writeOutbox = async <Definitions extends EventDefinitions>(
  tx: Tx,
  definitions: Definitions,
  events: readonly (EventOf<Definitions> & Emitted)[],
): Promise<void> => {
  assert(events.length <= EVENTS_PER_TRANSACTION_MAX, 'too many events for one transaction')
  const bySubject = Map.groupBy<string, Emitted>(events, (event) => subjectOf(definitions, event))
  // Streams are locked in one order, so that two transactions cannot wait for each other.
  for (const subject of [...bySubject.keys()].sort())
    await appendToStream(tx, { subject, topic: topicOf(tx.service) }, bySubject.get(subject) ?? [])
}

const subjectOf = (definitions: EventDefinitions, event: Emitted): string => {
  const definition = definitions[event.type]
  assert(definition, `event ${event.type} is not one of this service`)
  const { type: _, ...data } = event
  const parsed = definition.data.parse(data)
  const subject = parsed[definition.key]
  assert(typeof subject === 'string', `event ${event.type} names its aggregate`)
  return subject
}

/**
 * Appends to one stream of the outbox, for a topic that need not be the service's own (dead letters).
 *
 * @param events at least one; their shape is the caller's promise.
 */
export const appendToStream = async (
  tx: Tx,
  { subject, topic }: { subject: string; topic: string },
  events: readonly Emitted[],
): Promise<void> => {
  assert(events.length > 0, 'something is appended')
  const db = tx.tables<OutboxTables>()
  const { lastSeq } = await db
    .insertInto('outboxStream')
    .values({ aggregateId: subject, lastSeq: events.length })
    .onConflict((conflict) =>
      conflict.column('aggregateId').doUpdateSet((eb) => ({
        lastSeq: eb('outboxStream.lastSeq', '+', events.length),
      })),
    )
    .returning('lastSeq')
    .executeTakeFirstOrThrow()
  const first = lastSeq - events.length + 1
  await db
    .insertInto('outbox')
    .values(
      events.map((event, index) => {
        const envelope = toEnvelope(event, {
          producer: tx.service,
          subject,
          sequence: first + index,
          context: {
            now: tx.now,
            organizationId: tx.tenant === '*' ? undefined : tx.tenant,
            actorId: tx.actorId,
            traceparent: tx.traceparent,
          },
        })
        const bytes = Buffer.byteLength(JSON.stringify(envelope))
        assert(bytes <= EVENT_BYTES_MAX, `event ${event.type} of ${bytes} bytes is too large`)
        return { aggregateId: subject, seq: first + index, topic, envelope: json(envelope) }
      }),
    )
    .execute()
  tx.wroteEvents()
}
