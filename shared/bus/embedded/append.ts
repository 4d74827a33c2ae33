import { createHash } from 'node:crypto'
import type pg from 'pg'
import { assert } from '../../kernel/assert.ts'
import { type OutboundRecord, UnknownTopicError } from '../port.ts'
import { APPENDED, CHANNEL } from './channel.ts'

/**
 * Appends one request in one transaction: all of it, or nothing. The heads' row locks are taken in one order, so
 * that two producers cannot wait for each other, and are held to the commit, so that offsets have no gaps.
 *
 * @param partitionsOf how many partitions a topic has; undefined where it does not exist.
 */
export const append = async (
  pool: pg.Pool,
  records: readonly OutboundRecord[],
  partitionsOf: (topic: string) => number | undefined,
): Promise<void> => {
  const placed = records.map((record) => ({ record, partition: place(record, partitionsOf) }))
  const byPartition = Map.groupBy(placed, ({ record, partition }) =>
    JSON.stringify([record.topic, partition]),
  )
  const targets = [...byPartition.values()].map((group) => {
    const [first] = group
    assert(first, 'a group has a member')
    return { topic: first.record.topic, partition: first.partition, count: group.length }
  })
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query('begin')
    const nextOffsets = await lockHeads(client, targets)
    const offsets = placed.map(({ record, partition }) => {
      const name = JSON.stringify([record.topic, partition])
      const offset = nextOffsets.get(name)
      assert(offset !== undefined, 'every target was locked')
      nextOffsets.set(name, offset + 1)
      return offset
    })
    await insert(client, placed, offsets)
    await moveHeads(client, targets)
    await client.query('select pg_notify($1, $2)', [CHANNEL, APPENDED])
    await client.query('commit')
  } catch (error) {
    broken = error instanceof Error ? error : new Error('append failed', { cause: error })
    // A connection that cannot roll back is closed below, and the server rolls back for it.
    await client.query('rollback').then(
      () => {
        broken = undefined
      },
      () => {},
    )
    throw error
  } finally {
    client.release(broken)
  }
}

type Target = { readonly topic: string; readonly partition: number; readonly count: number }

let spread = 0

const place = (
  { topic, key }: OutboundRecord,
  partitionsOf: (topic: string) => number | undefined,
): number => {
  const partitions = partitionsOf(topic)
  if (!partitions) throw new UnknownTopicError(`topic ${topic} does not exist`)
  if (key !== null) return createHash('md5').update(key).digest().readUInt32BE(0) % partitions
  spread = (spread + 1) % Number.MAX_SAFE_INTEGER
  return spread % partitions
}

const lockHeads = async (
  client: pg.PoolClient,
  targets: readonly Target[],
): Promise<Map<string, number>> => {
  const { rows } = await client.query<{ topic: string; partition: number; next_offset: string }>(
    `select h.topic, h.partition, h.next_offset from event_log.head h
     where (h.topic, h.partition) in (select * from unnest($1::text[], $2::int[]))
     order by h.topic, h.partition for update`,
    [targets.map(({ topic }) => topic), targets.map(({ partition }) => partition)],
  )
  assert(rows.length === targets.length, 'a topic keeps its partitions')
  return new Map(
    rows.map((row) => [JSON.stringify([row.topic, row.partition]), Number(row.next_offset)]),
  )
}

const insert = (
  client: pg.PoolClient,
  placed: readonly { readonly record: OutboundRecord; readonly partition: number }[],
  offsets: readonly number[],
) =>
  client.query(
    `insert into event_log.record (topic, partition, record_offset, key, value, headers)
     select * from unnest($1::text[], $2::int[], $3::bigint[], $4::bytea[], $5::bytea[], $6::jsonb[])`,
    [
      placed.map(({ record }) => record.topic),
      placed.map(({ partition }) => partition),
      offsets,
      placed.map(({ record }) => toBuffer(record.key)),
      placed.map(({ record }) => toBuffer(record.value)),
      placed.map(({ record }) =>
        JSON.stringify(
          (record.headers ?? []).map(([name, value]) => [name, value.toString('base64')]),
        ),
      ),
    ],
  )

const moveHeads = (client: pg.PoolClient, targets: readonly Target[]) =>
  client.query(
    `update event_log.head h set next_offset = h.next_offset + t.count
     from unnest($1::text[], $2::int[], $3::int[]) as t(topic, partition, count)
     where h.topic = t.topic and h.partition = t.partition`,
    [
      targets.map(({ topic }) => topic),
      targets.map(({ partition }) => partition),
      targets.map(({ count }) => count),
    ],
  )

const toBuffer = (value: string | Buffer | null): Buffer | null =>
  typeof value === 'string' ? Buffer.from(value) : value
