import type { Tx } from '../db/transaction.ts'
import {
  type Emitted,
  type EventDefinitions,
  type EventOf,
  toEnvelope,
} from '../events/envelope.ts'
import { topicOf } from '../events/topics.ts'
import { assert } from '../kernel/assert.ts'

/** Events that one transaction writes at most; a bulk command works in pages. */
export const EVENTS_PER_TRANSACTION_MAX = 500

/** An event as JSON; with key and headers it fits into a record (`RECORD_BYTES_MAX` of the bus). */
export const EVENT_BYTES_MAX = 950_000

/**
 * Writes what a rule emitted into the transaction of its effect: both are committed, or neither.
 * Each aggregate's events are numbered without gaps, under the lock of its stream row, as the transaction commits.
 *
 * @param definitions the producer's own events (`shared/events/<service>.ts`).
 */
export const writeOutbox = async <Definitions extends EventDefinitions>(
  tx: Tx,
  definitions: Definitions,
  events: readonly (EventOf<Definitions> & Emitted)[],
): Promise<void> => {
  assert(events.length <= EVENTS_PER_TRANSACTION_MAX, 'too many events for one transaction')
  for (const event of events)
    appendToStream(
      tx,
      { subject: subjectOf(definitions, event), topic: topicOf(tx.service) },
      event,
    )
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
 * @param event its shape is the caller's promise.
 */
export const appendToStream = (
  tx: Tx,
  { subject, topic }: { subject: string; topic: string },
  event: Emitted,
): void => {
  const envelope = toEnvelope(event, {
    producer: tx.service,
    subject,
    context: {
      now: tx.now,
      organizationId: tx.tenant === '*' ? undefined : tx.tenant,
      actorId: tx.actorId,
      traceparent: tx.traceparent,
    },
  })
  const bytes = Buffer.byteLength(JSON.stringify(envelope))
  assert(bytes <= EVENT_BYTES_MAX, `event ${event.type} of ${bytes} bytes is too large`)
  tx.append({ subject, topic, envelope })
}
