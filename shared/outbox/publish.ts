import { randomUUID } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { type Bus, type Header, type OutboundRecord, UnknownTopicError } from '../bus/port.ts'
import type { Envelope } from '../events/envelope.ts'

/** Streams that one batch leases. */
export const STREAMS_PER_BATCH_MAX = 50
/** Events of one stream in one batch; the rest is the next batch's. */
export const EVENTS_PER_STREAM_MAX = 20
/** One batch holds at most so much, as JSON; a single event may be larger. */
export const BATCH_BYTES_MAX = 4 * 1_024 * 1_024
/** Batches that one call publishes at most; the next nudge or tick goes on. */
export const BATCHES_MAX = 1_000
/** Longer than a send with all its retries, so that only a dead publisher's lease runs out. */
export const LEASE_MS = 60_000

export type PublishOptions = {
  readonly kysely: Kysely<unknown>
  /** The schema whose outbox is published. */
  readonly schema: string
  readonly bus: Pick<Bus, 'send'>
  /** The time budget: aborted, no further batch begins. */
  readonly signal: AbortSignal
  readonly leaseMs?: number
  /** Told the types of what has just left the outbox. Only where a lease ran out can an event be told of twice. */
  readonly onPublished?: ((types: readonly string[]) => void) | undefined
}

export type Published = {
  readonly events: number
  readonly batches: number
  /** Nothing was left that another publisher had not leased. */
  readonly isDrained: boolean
}

/**
 * Sends what a service has committed to its outbox, each aggregate's events in order, and forgets what the log
 * has acknowledged. Any number may run at once: a lease keeps them off each other's streams.
 *
 * At least once: after a crash between the acknowledgement and the settling the same events are sent again. Even
 * so the *first* arrival of every event is in order, because each sender starts behind what was acknowledged.
 *
 * @throws BusUnavailableError, or the database's error; what was not settled is sent by a later call.
 * @throws UnknownTopicError once everything for other topics was sent.
 */
export const publishOutbox = async ({
  kysely,
  schema,
  bus,
  signal,
  leaseMs = LEASE_MS,
  onPublished,
}: PublishOptions): Promise<Published> => {
  const outbox = outboxOf(kysely, schema)
  let events = 0
  let batches = 0
  // Going round through all streams in order, none is starved by those before it.
  let after = FIRST
  let round = EMPTY_ROUND
  let wasOutdated = false
  let unknownTopic: UnknownTopicError | undefined
  while (!signal.aborted && batches < BATCHES_MAX) {
    const lease: Lease = { token: randomUUID(), ms: leaseMs }
    const { streams, read } = await outbox.claim({ after, lease })
    if (streams.length > 0) {
      const sent = await publishBatch({ outbox, bus, lease, streams, read, onPublished })
      events += sent.events
      round = {
        events: round.events + sent.events,
        isOutdated: round.isOutdated || new Set(read.map(streamOf)).size < streams.length,
      }
      batches += 1
      unknownTopic ??= sent.unknownTopic
    }
    if (streams.length === STREAMS_PER_BATCH_MAX) {
      after = streams.at(-1) ?? FIRST
      continue
    }
    // What a claim could not see yet is looked for once more: the nudge for it may have met our lease, and left.
    const isOver = round.events === 0 && (!round.isOutdated || wasOutdated)
    if (isOver) {
      if (unknownTopic) throw unknownTopic
      return { events, batches, isDrained: streams.length === 0 }
    }
    wasOutdated = round.isOutdated && round.events === 0
    after = FIRST
    round = EMPTY_ROUND
  }
  if (unknownTopic) throw unknownTopic
  return { events, batches, isDrained: false }
}

/** The schemas that hold an outbox which this role may publish: no list that could forget a service. */
export const findOutboxes = async (kysely: Kysely<unknown>): Promise<readonly string[]> => {
  const { rows } = await sql<{ schema: string }>`
    select n.nspname as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relname = 'outbox_stream' and has_schema_privilege(n.oid, 'usage')
    order by 1`.execute(kysely)
  return rows.map(({ schema }) => schema)
}

/**
 * For how many seconds the oldest event that is committed in these schemas has been waiting to be published; 0 where none
 * is. It reads what waits, all of it: no index is worth its price to every write for a question asked once a minute.
 */
export const oldestUnpublishedSeconds = async (
  kysely: Kysely<unknown>,
  schemas: readonly string[],
): Promise<number> => {
  if (schemas.length === 0) return 0
  const oldest = schemas.map(
    (schema) => sql`select min(created_at) as created_at from ${sql.id(schema, 'outbox')}`,
  )
  const { rows } = await sql<{ seconds: number | null }>`
    select extract(epoch from now() - min(created_at))::float8 as seconds
    from (${sql.join(oldest, sql` union all `)}) oldest`.execute(kysely)
  return Math.max(0, rows[0]?.seconds ?? 0)
}

const FIRST = ''

/** Outdated: a stream was leased whose due events had been committed after the claim had begun to look. */
const EMPTY_ROUND = { events: 0, isOutdated: false }

const streamOf = ({ aggregateId }: OutboxEvent): string => aggregateId

type Lease = { readonly token: string; readonly ms: number }

/** A stream whose turn in the batch did not come, or whose events have just been sent by another. */
type Nothing = { readonly seq: null }

type OutboxEvent = {
  readonly aggregateId: string
  readonly seq: number
  readonly topic: string
  /** The envelope as JSON; whole, it would be parsed here only to be written again. */
  readonly value: string
} & Pick<Envelope, 'id' | 'type' | 'traceparent'>

/** Streams that are leased, in order, and their next events, in order. */
type Claimed = { readonly streams: readonly string[]; readonly read: readonly OutboxEvent[] }

type Sent = { readonly events: number; readonly unknownTopic: UnknownTopicError | undefined }

const publishBatch = async ({
  outbox,
  bus,
  lease,
  streams,
  read,
  onPublished,
}: Claimed & {
  readonly outbox: Outbox
  readonly lease: Lease
} & Pick<PublishOptions, 'bus' | 'onPublished'>): Promise<Sent> => {
  // Published up to here; 0 where nothing of the stream was sent.
  const seqs = new Map(streams.map((stream) => [stream, 0]))
  const types: string[] = []
  let unknownTopic: UnknownTopicError | undefined
  try {
    // A stream has one topic. Sent apart, a dead-letter topic that was forgotten holds up no other.
    for (const ofTopic of Map.groupBy(read, ({ topic }) => topic).values()) {
      try {
        await bus.send(ofTopic.map(toRecord))
      } catch (error) {
        if (!(error instanceof UnknownTopicError)) throw error
        unknownTopic = error
        continue
      }
      for (const { aggregateId, seq, type } of ofTopic) {
        seqs.set(aggregateId, seq)
        types.push(type)
      }
    }
    await outbox.settle(seqs, lease)
  } catch (error) {
    // A lease that stays behind only costs time, so the first error is the one to tell.
    await outbox.settle(seqs, lease).then(
      () => onPublished?.(types),
      () => {},
    )
    throw error
  }
  onPublished?.(types)
  return { events: types.length, unknownTopic }
}

/** A CloudEvent in structured mode; what a consumer routes and traces by stands in the headers as well. */
const toRecord = ({
  topic,
  aggregateId,
  value,
  id,
  type,
  traceparent,
}: OutboxEvent): OutboundRecord => ({
  ...{ topic, key: aggregateId, value: compacted(value) },
  headers: [
    header('content-type', 'application/cloudevents+json; charset=utf-8'),
    header('ce_id', id),
    header('ce_type', type),
    header('traceparent', traceparent),
  ],
})

/** PostgreSQL writes JSON with blanks; a large event goes out as it was measured (`EVENT_BYTES_MAX`). */
const COMPACT_ABOVE = 500_000

const compacted = (value: string): string =>
  value.length > COMPACT_ABOVE ? JSON.stringify(JSON.parse(value)) : value

const header = (name: string, value: string): Header => [name, Buffer.from(value)]

/** The statements over one schema's outbox. */
type Outbox = ReturnType<typeof outboxOf>

const outboxOf = (kysely: Kysely<unknown>, schema: string) => {
  const stream = sql.id(schema, 'outbox_stream')
  const event = sql.id(schema, 'outbox')
  /** @returns the streams settled; without `isWaiting`, those that a writer holds right now are left out. */
  const settleSome = async (
    seqs: ReadonlyMap<string, number>,
    { token }: Lease,
    { isWaiting }: { isWaiting: boolean },
  ): Promise<readonly string[]> => {
    const { rows } = await sql<{ aggregateId: string }>`
      with sent as (
        select * from unnest(${[...seqs.keys()]}::text[], ${[...seqs.values()]}::bigint[])
          as sent(aggregate_id, seq)
      ), locked as materialized (
        select s.aggregate_id from ${stream} s join sent using (aggregate_id)
        for update of s ${isWaiting ? sql`` : sql`skip locked`}
      ), moved as (
        update ${stream} s set
          published_seq = greatest(s.published_seq, sent.seq),
          claimed_by = nullif(s.claimed_by, ${token}),
          claimed_until = case when s.claimed_by = ${token} then null else s.claimed_until end
        from sent join locked using (aggregate_id)
        where s.aggregate_id = sent.aggregate_id
        returning s.aggregate_id
      ), forgotten as (
        delete from ${event} o using sent join moved using (aggregate_id)
        where o.aggregate_id = sent.aggregate_id and o.seq <= sent.seq
      )
      select aggregate_id from moved`.execute(kysely)
    return rows.map(({ aggregateId }) => aggregateId)
  }
  return {
    /**
     * Leases the next streams that have something to send, and reads their next events within the limits of a batch:
     * both in one request. What was committed since it began is the next batch's.
     */
    async claim({ after, lease }: { after: string; lease: Lease }): Promise<Claimed> {
      const { rows } = await sql<{ stream: string } & (OutboxEvent | Nothing)>`
        with due as materialized (
          select aggregate_id from ${stream}
          where published_seq < last_seq and aggregate_id > ${after}
            and (claimed_until is null or claimed_until <= now())
          order by aggregate_id limit ${STREAMS_PER_BATCH_MAX} for update skip locked
        ), claimed as (
          update ${stream} s
          set claimed_by = ${lease.token}, claimed_until = now() + ${lease.ms} * interval '1 ms'
          from due where s.aggregate_id = due.aggregate_id
          returning s.aggregate_id, s.published_seq
        ), sized as (
          select o.*, sum(octet_length(o.value)) over (
            order by o.aggregate_id, o.seq rows between unbounded preceding and 1 preceding
          ) as bytes_before
          from claimed cross join lateral (
            select o.aggregate_id, o.seq, o.topic, o.envelope::text as value, o.envelope ->> 'id' as id,
              o.envelope ->> 'type' as type, o.envelope ->> 'traceparent' as traceparent
            from ${event} o
            where o.aggregate_id = claimed.aggregate_id and o.seq > claimed.published_seq
            order by o.seq limit ${EVENTS_PER_STREAM_MAX}
          ) o
        )
        select claimed.aggregate_id as stream, e.aggregate_id, e.seq, e.topic, e.value, e.id, e.type, e.traceparent
        from claimed left join sized e
          on e.aggregate_id = claimed.aggregate_id and coalesce(e.bytes_before, 0) < ${BATCH_BYTES_MAX}
        order by claimed.aggregate_id, e.seq`.execute(kysely)
      return {
        streams: [...new Set(rows.map(({ stream }) => stream))],
        read: rows.filter((row) => row.seq !== null),
      }
    },
    /**
     * Notes what the log has acknowledged, drops it, and gives the streams back. What was acknowledged stays so even
     * if the lease ran out meanwhile, so it only ever grows.
     *
     * A writer locks several streams in an order of its own: whoever waits here holds no other lock.
     */
    async settle(seqs: ReadonlyMap<string, number>, lease: Lease): Promise<void> {
      const settled = new Set(await settleSome(seqs, lease, { isWaiting: false }))
      for (const [stream, seq] of seqs)
        if (!settled.has(stream))
          await settleSome(new Map([[stream, seq]]), lease, { isWaiting: true })
    },
  }
}
