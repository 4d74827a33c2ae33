import pg from 'pg'
import { EVENT_RETENTION_MS } from '../events/topics.ts'
import { pause } from '../kernel/pulse.ts'
import { describeError, type Log } from '../observe/logger.ts'
import { append } from './embedded/append.ts'
import { watchHeads } from './embedded/heads.ts'
import { startMember } from './embedded/member.ts'
import {
  type Bus,
  BusUnavailableError,
  type Consumer,
  requestsOf,
  UnknownTopicError,
} from './port.ts'

export type EmbeddedBusOptions = {
  /** Of the log's own role; the schema exists (`ensureEventLog`). */
  readonly url: string
  readonly log: Log
  readonly retention?: Retention
}

/** What the log keeps; a record beyond either bound may be gone. */
export type Retention = { readonly recordsPerPartitionMax: number; readonly ageMsMax: number }

export const RETENTION: Retention = {
  recordsPerPartitionMax: 100_000,
  ageMsMax: EVENT_RETENTION_MS,
}

/** The durable log in PostgreSQL (decision 0011): the same promises as Kafka, for one machine. */
export type EmbeddedBus = Bus & {
  /** Deletes what the retention does not keep; runs by itself every {@link TRIM_INTERVAL_MS}. */
  trim(): Promise<number>
}

export const TRIM_INTERVAL_MS = 60_000
const CONNECTIONS_MAX = 8
const CONNECT_TIMEOUT_MS = 5_000

export const openEmbeddedBus = ({
  url,
  log,
  retention = RETENTION,
}: EmbeddedBusOptions): EmbeddedBus => {
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
  // A connection that the server ends must not end the process; the next query opens another.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const heads = watchHeads({ url, pool, log })
  const consumers = new Set<Consumer>()
  const closing = new AbortController()
  const trim = () => trimOnce(pool, retention)
  const trimming = (async () => {
    while (!closing.signal.aborted) {
      await pause(TRIM_INTERVAL_MS, closing.signal)
      if (!closing.signal.aborted)
        await trim().catch((error) => log.warn('trim failed', describeError(error)))
    }
  })()

  return {
    trim,
    async ensureTopics(topics, { partitions }) {
      await pool.query(ENSURE_TOPICS, [topics, partitions])
      await heads.refresh()
    },
    async send(records) {
      const requests = requestsOf(records)
      try {
        const isKnown = records.every(({ topic }) => heads.partitionsOf(topic))
        if (!isKnown) await heads.refresh()
        for (const request of requests) await append(pool, request, heads.partitionsOf)
      } catch (error) {
        if (error instanceof UnknownTopicError) throw error
        throw new BusUnavailableError('the event log did not acknowledge', { cause: error })
      }
    },
    consume(subscription) {
      const member = startMember(subscription, { pool, heads, log })
      const consumer: Consumer = {
        async close() {
          if (consumers.delete(consumer)) await member.close()
        },
      }
      consumers.add(consumer)
      return consumer
    },
    async lag(group) {
      const { rows } = await pool.query(LAG, [group])
      return rows
    },
    async close() {
      closing.abort()
      await Promise.all([...consumers].map((consumer) => consumer.close()))
      await Promise.all([heads.close(), trimming])
      await pool.end()
    },
  }
}

const ENSURE_TOPICS = `
  with created as (
    insert into event_log.topic (name, partitions)
    select distinct name, $2::int from unnest($1::text[]) as wanted(name)
    on conflict do nothing
    returning name, partitions
  )
  insert into event_log.head (topic, partition)
  select name, generate_series(0, partitions - 1) from created`

const LAG = `
  select p.topic, p.partition, p.next_offset::float8 as "committedOffset",
    h.next_offset::float8 as "endOffset", (h.next_offset - p.next_offset)::float8 as lag
  from event_log.position p join event_log.head h using (topic, partition)
  where p.group_name = $1 order by p.topic, p.partition`

const trimOnce = async (pool: pg.Pool, retention: Retention): Promise<number> => {
  const { rowCount: old } = await pool.query(
    `delete from event_log.record where appended_at < now() - $1 * interval '1 ms'`,
    [retention.ageMsMax],
  )
  const { rowCount: surplus } = await pool.query(
    `delete from event_log.record r using event_log.head h
     where r.topic = h.topic and r.partition = h.partition
       and r.record_offset < h.next_offset - $1`,
    [retention.recordsPerPartitionMax],
  )
  return (old ?? 0) + (surplus ?? 0)
}
