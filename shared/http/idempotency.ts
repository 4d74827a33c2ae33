import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { at, type InstantColumn, type JsonColumn, json } from '../db/columns.ts'
import { sqlState } from '../db/open.ts'
import type { Tx } from '../db/transaction.ts'
import { DomainError } from '../kernel/errors.ts'
import { addMs, DAY_MS } from '../kernel/time.ts'

export const IDEMPOTENCY_KEY_LENGTH_MAX = 255
const KEPT_MS = DAY_MS
/** How long a second request waits for the first one's commit before it is told to come back. */
const IN_FLIGHT_WAIT_MS = 50

type Tables = {
  idempotency: {
    owner: string
    key: string
    fingerprint: string
    status: number | null
    answer: JsonColumn<unknown> | null
    expiresAt: InstantColumn
  }
}

export type StoredAnswer = { readonly status: number; readonly answer: unknown }

/** The request as the key stands for it: operation, target and payload. */
export type KeyedRequest = {
  /** Whose key it is: two callers may use the same one, and one caller in two organisations. */
  readonly owner: string
  readonly key: string
  readonly operation: string
  readonly input: unknown
}

/**
 * Claims an `Idempotency-Key` inside the transaction of the effect (IETF httpapi-idempotency-key draft).
 *
 * @returns the first answer, when this request has already run; undefined when it may run now.
 * @throws 422 `idempotency.key_reused` for another payload, 409 `idempotency.in_flight` while the first runs.
 */
export const claimIdempotencyKey = async (
  tx: Tx,
  request: KeyedRequest,
): Promise<StoredAnswer | undefined> => {
  const db = tx.tables<Tables>()
  const expiresAt = at(addMs(tx.now, KEPT_MS))
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([request.operation, request.input]))
    .digest('hex')
  const claimed = await inFlightAsConflict(async () => {
    await sql`select set_config('lock_timeout', ${`${IN_FLIGHT_WAIT_MS}ms`}, true)`.execute(db)
    const row = await db
      .insertInto('idempotency')
      .values({
        owner: request.owner,
        key: request.key,
        fingerprint,
        status: null,
        answer: null,
        expiresAt,
      })
      .onConflict((conflict) =>
        conflict
          .columns(['owner', 'key'])
          .doUpdateSet({ fingerprint, status: null, answer: null, expiresAt })
          .where('idempotency.expiresAt', '<', at(tx.now)),
      )
      .returning('key')
      .executeTakeFirst()
    await sql`select set_config('lock_timeout', '0', true)`.execute(db)
    return row
  })
  if (claimed) return undefined
  const first = await db
    .selectFrom('idempotency')
    .select(['fingerprint', 'status', 'answer'])
    .where('owner', '=', request.owner)
    .where('key', '=', request.key)
    .executeTakeFirstOrThrow()
  if (first.fingerprint !== fingerprint) throw keyReused()
  if (first.status === null) throw inFlight()
  return { status: first.status, answer: first.answer }
}

/** Stores the answer that every repetition of the key will get. */
export const storeAnswer = async (
  tx: Tx,
  { owner, key }: Pick<KeyedRequest, 'owner' | 'key'>,
  { status, answer }: StoredAnswer,
): Promise<void> => {
  await tx
    .tables<Tables>()
    .updateTable('idempotency')
    .set({ status, answer: json(answer ?? null) })
    .where('owner', '=', owner)
    .where('key', '=', key)
    .execute()
}

/** Gives the key back in the transaction that claimed it: an error is no answer to repeat. */
export const releaseIdempotencyKey = async (
  tx: Tx,
  { owner, key }: Pick<KeyedRequest, 'owner' | 'key'>,
): Promise<void> => {
  await tx
    .tables<Tables>()
    .deleteFrom('idempotency')
    .where('owner', '=', owner)
    .where('key', '=', key)
    .execute()
}

const inFlightAsConflict = async <Result>(claim: () => Promise<Result>): Promise<Result> => {
  try {
    return await claim()
  } catch (error) {
    const lockNotAvailable = sqlState(error) === '55P03'
    throw lockNotAvailable ? inFlight() : error
  }
}

const keyReused = () =>
  new DomainError(
    'unprocessable',
    'idempotency.key_reused',
    'This Idempotency-Key was used for another request.',
  )

const inFlight = () =>
  new DomainError(
    'conflict',
    'idempotency.in_flight',
    'The first request with this Idempotency-Key is still running.',
    { retryAfterSeconds: 1 },
  )
