import type { Tx } from '../db/transaction.ts'
import type { Envelope } from '../events/envelope.ts'
import type { DataOf, EventType } from '../events/registry.ts'
import type { Instant } from '../kernel/time.ts'

/** One event as a reaction sees it; `tx` is the transaction that has just claimed it in the inbox. */
export type Received<Type extends EventType> = {
  readonly event: Envelope<DataOf<Type>>
  readonly data: DataOf<Type>
  readonly now: Instant
  readonly tx: Tx
}

/**
 * What a service does when something happened elsewhere. Its effect and the inbox row commit together, so a
 * redelivered event does nothing. An effect outside the database carries `event.id` as its idempotency key.
 */
export type Reactions<Deps> = {
  readonly [Type in EventType]?: (received: Received<Type>, deps: Deps) => Promise<void>
}
