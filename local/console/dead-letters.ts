import pg from 'pg'
import type { RecordPlace, StoredRecord, StoredText } from '../../shared/bus/dead-letter.ts'
import { schemaOf } from '../../shared/db/names.ts'
import { traceIdIn } from './log-ring.ts'

export type LetterState = 'parked' | 'redriven' | 'discarded'

/** A dead letter as a list shows it. */
export type LetterSummary = {
  readonly consumer: string
  readonly place: RecordPlace
  readonly eventId: string | null
  readonly error: string
  readonly attempts: number
  readonly parkedAt: Date
  readonly state: LetterState
}

export type LetterDetails = LetterSummary & {
  readonly redrivenAt: Date | null
  readonly discarded:
    | { readonly at: Date; readonly by: string; readonly reason: string }
    | undefined
  readonly key: string | null
  /** As it stood in the log. */
  readonly value: string | null
  /** Of what caused the event, where the record still tells. */
  readonly trace: string | undefined
}

/** The dead letters of every consumer, to look at; what is done to them is done by their consumers. */
export type DeadLetters = {
  /** A page of them, newest first; `page` counts from 1. */
  list(wanted: {
    consumer: string | undefined
    state: LetterState
    limit: number
    page: number
  }): Promise<readonly LetterSummary[]>
  find(consumer: string, place: RecordPlace): Promise<LetterDetails | undefined>
  /** How many are parked, of those consumers that have any. */
  parked(): Promise<ReadonlyMap<string, number>>
  close(): Promise<void>
}

const STATEMENT_TIMEOUT_MS = 5_000
const CONNECTIONS_MAX = 2

/**
 * Reads them from the consumers' own schemas.
 *
 * @param url the owner's.
 * @param consumers each has a schema.
 */
export const openDeadLetters = ({
  url,
  consumers,
}: {
  url: string
  consumers: readonly string[]
}): DeadLetters => {
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS_MAX,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    allowExitOnIdle: true,
  })
  // An idle connection that the server ends must not end the hub; the next look opens another.
  pool.on('error', () => {})
  const overAll = (select: string, among = consumers) =>
    among
      .map((one) =>
        select.replace('dead_letter', `${pg.escapeIdentifier(schemaOf(one))}.dead_letter`),
      )
      .join(' union all ')
  return {
    async list({ consumer, state, limit, page }) {
      const among = consumers.filter((one) => consumer === undefined || one === consumer)
      if (among.length === 0) return []
      const all = overAll(`select ${SUMMARY} from dead_letter where ${WHERE[state]}`, among)
      const { rows } = await pool.query<Row>(
        `select * from (${all}) as letter order by parked_at desc, record_offset desc, topic, partition, consumer limit $1 offset $2`,
        [limit, (page - 1) * limit],
      )
      return rows.map(summaryOf)
    },
    async find(consumer, { topic, partition, offset }) {
      if (!consumers.includes(consumer)) return undefined
      const { rows } = await pool.query<DetailsRow>(
        `${overAll(`select ${SUMMARY}, record, discarded_by, discard_reason from dead_letter`, [consumer])}
          where consumer = $1 and topic = $2 and partition = $3 and record_offset = $4`,
        [consumer, topic, partition, offset],
      )
      return rows[0] && detailsOf(rows[0])
    },
    async parked() {
      if (consumers.length === 0) return new Map()
      const { rows } = await pool.query<{ consumer: string; parked: number }>(
        overAll(
          `select consumer, count(*)::int as parked from dead_letter where ${WHERE.parked} group by consumer`,
        ),
      )
      return new Map(rows.map(({ consumer, parked }) => [consumer, parked]))
    },
    close: () => pool.end(),
  }
}

const SUMMARY =
  'consumer, topic, partition, record_offset, event_id, error, attempts, parked_at, redriven_at, discarded_at'

const WHERE: Readonly<Record<LetterState, string>> = {
  parked: 'redriven_at is null and discarded_at is null',
  redriven: 'redriven_at is not null',
  discarded: 'discarded_at is not null',
}

type Row = {
  readonly consumer: string
  readonly topic: string
  readonly partition: number
  readonly record_offset: string
  readonly event_id: string | null
  readonly error: string
  readonly attempts: number
  readonly parked_at: Date
  readonly redriven_at: Date | null
  readonly discarded_at: Date | null
}

type DetailsRow = Row & {
  readonly record: StoredRecord
  readonly discarded_by: string | null
  readonly discard_reason: string | null
}

const summaryOf = (row: Row): LetterSummary => ({
  consumer: row.consumer,
  place: { topic: row.topic, partition: row.partition, offset: Number(row.record_offset) },
  eventId: row.event_id,
  error: row.error,
  attempts: row.attempts,
  parkedAt: row.parked_at,
  state: row.discarded_at ? 'discarded' : row.redriven_at ? 'redriven' : 'parked',
})

const detailsOf = (row: DetailsRow): LetterDetails => {
  const { discarded_at: at, discarded_by: by, discard_reason: reason } = row
  const value = textOf(row.record.value)
  return {
    ...summaryOf(row),
    redrivenAt: row.redriven_at,
    discarded: at && by !== null && reason !== null ? { at, by, reason } : undefined,
    key: textOf(row.record.key),
    value,
    trace: traceOf(value),
  }
}

const textOf = (stored: StoredText | null): string | null =>
  stored === null || typeof stored === 'string'
    ? stored
    : Buffer.from(stored.base64, 'base64').toString()

/** A record may be parked for being no event at all. */
const traceOf = (value: string | null): string | undefined => {
  try {
    const event: unknown = JSON.parse(value ?? '')
    return typeof event === 'object' && event !== null && 'traceparent' in event
      ? traceIdIn(event.traceparent)
      : undefined
  } catch {
    return undefined
  }
}
