import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { pause } from '../../kernel/pulse.ts'
import { instantOf } from '../../kernel/time.ts'
import { describeError, type Log } from '../../observe/logger.ts'
import {
  BATCH_BYTES_MAX,
  BATCH_SIZE_MAX,
  CLOSE_GRACE_MS,
  type Consumer,
  type Header,
  type LogRecord,
  retryDelayMs,
  SESSION_TIMEOUT_MS,
  type Subscription,
} from '../port.ts'
import { assign } from './assign.ts'
import { type Claim, type Group, openGroup } from './group.ts'
import type { Heads, TopicPartition } from './heads.ts'

/** Beats of a member within its session timeout. */
const BEATS_PER_SESSION = 4

type Parts = { readonly pool: pg.Pool; readonly heads: Heads; readonly log: Log }

/** A partition being read by this member. */
type Lane = { readonly claim: Claim; readonly stopping: AbortController; done: Promise<void> }

/**
 * One member of a consumer group: a heart that beats, compares what it holds with what it should hold, and starts
 * and stops one lane for each partition.
 */
export const startMember = (subscription: Subscription, parts: Parts): Consumer => {
  const { group: groupName, topics } = subscription
  const sessionTimeoutMs = subscription.sessionTimeoutMs ?? SESSION_TIMEOUT_MS
  const memberId = randomUUID()
  const { pool, heads, log } = parts
  const group = openGroup(pool, {
    group: groupName,
    memberId,
    topics,
    fromBeginning: subscription.fromBeginning,
    sessionTimeoutMs,
  })
  const lanes = new Map<string, Lane>()
  const closing = new AbortController()

  const tick = async () => {
    if (!topics.every(heads.partitionsOf)) await heads.refresh()
    const { members, held } = await group.beat()
    const wanted = new Set(
      (assign(members, partitionsOf(topics, heads)).get(memberId) ?? []).map(nameOf),
    )
    const epochs = new Map(held.map((claim) => [nameOf(claim), claim.epoch]))
    // Unwanted: hand it over. Another epoch: somebody took it while this member slept.
    for (const [name, lane] of lanes)
      if (!wanted.has(name) || epochs.get(name) !== lane.claim.epoch) lane.stopping.abort()
    // A claim without a lane was made just before a fault: given back, it is free to be taken again.
    await Promise.all(held.filter((each) => !lanes.has(nameOf(each))).map(group.release))
    const free = partitionsOf(topics, heads).filter(
      (target) => wanted.has(nameOf(target)) && !lanes.has(nameOf(target)),
    )
    for (const claim of await group.claim(free)) startLane(claim)
  }

  const startLane = (claim: Claim) => {
    const stopping = new AbortController()
    const signal = AbortSignal.any([stopping.signal, closing.signal])
    const lane: Lane = { claim, stopping, done: Promise.resolve() }
    lanes.set(nameOf(claim), lane)
    lane.done = runLane({ claim, group, subscription, signal, ...parts }).then(async () => {
      await group.release(claim).catch((error) => log.warn('release failed', describeError(error)))
      lanes.delete(nameOf(claim))
      // Somebody may have given it back to us while the last batch was still in hand.
      heads.regrouped(groupName).fire()
    })
  }

  const beating = (async () => {
    while (!closing.signal.aborted) {
      await tick().catch((error) => log.warn('consumer group away', describeError(error)))
      await heads.regrouped(groupName).wait({
        timeoutMs: sessionTimeoutMs / BEATS_PER_SESSION,
        signal: closing.signal,
      })
    }
  })()

  return {
    async close() {
      closing.abort()
      const grace = new AbortController()
      await Promise.race([
        beating.then(() => Promise.all([...lanes.values()].map(({ done }) => done))),
        pause(CLOSE_GRACE_MS, grace.signal),
      ])
      grace.abort()
      await group.leave().catch((error) => log.warn('leave failed', describeError(error)))
    },
  }
}

/** Reads one partition, batch by batch, until it is told to stop or finds that it has lost it. */
const runLane = async ({
  claim,
  group,
  subscription,
  signal,
  pool,
  heads,
  log,
}: Parts & {
  claim: Claim
  group: Group
  subscription: Subscription
  signal: AbortSignal
}): Promise<void> => {
  const { topic, partition } = claim
  let position = claim.nextOffset
  let failures = 0
  while (!signal.aborted) {
    if (heads.endOf(claim) <= position) {
      await heads.appended.wait({ signal })
      continue
    }
    try {
      const end = heads.endOf(claim)
      const records = await read(pool, claim, position, subscription.batchSizeMax)
      const last = records.at(-1)
      if (!last) {
        // Everything up to the end that was seen is older than the retention.
        position = end
        continue
      }
      const resume = await subscription.handler({ topic, partition, records, signal })
      const next = resume?.resumeAtOffset ?? last.offset + 1
      if (!(await group.commit(claim, next))) return
      position = next
      failures = resume ? failures + 1 : 0
    } catch (error) {
      failures += 1
      log.warn('batch failed', {
        group: subscription.group,
        topic,
        partition,
        offset: position,
        failures,
        ...describeError(error),
      })
    }
    if (failures > 0) await pause(retryDelayMs(failures, subscription.retryDelayMsMax), signal)
  }
}

const read = async (
  pool: pg.Pool,
  { topic, partition }: TopicPartition,
  position: number,
  batchSizeMax: number = BATCH_SIZE_MAX,
): Promise<readonly LogRecord[]> => {
  const { rows } = await pool.query<Row>(READ, [
    topic,
    partition,
    position,
    batchSizeMax,
    BATCH_BYTES_MAX,
  ])
  return rows.map((row) => ({
    topic,
    partition,
    offset: row.offset,
    timestamp: instantOf(row.appendedAt),
    key: row.key,
    value: row.value,
    headers: row.headers.map(([name, value]): Header => [name, Buffer.from(value, 'base64')]),
  }))
}

type Row = {
  offset: number
  key: Buffer | null
  value: Buffer | null
  headers: [string, string][]
  appendedAt: Date
}

// The sum is of the records before: the first one always comes, however large.
const READ = `
  select record_offset::float8 as "offset", key, value, headers, appended_at as "appendedAt"
  from (
    select *, sum(coalesce(length(value), 0) + coalesce(length(key), 0))
      over (order by record_offset rows between unbounded preceding and 1 preceding) as bytes_before
    from (
      select * from event_log.record
      where topic = $1 and partition = $2 and record_offset >= $3
      order by record_offset limit $4
    ) page
  ) sized
  where coalesce(bytes_before, 0) < $5
  order by record_offset`

const partitionsOf = (topics: readonly string[], heads: Heads): readonly TopicPartition[] =>
  topics.flatMap((topic) =>
    Array.from({ length: heads.partitionsOf(topic) ?? 0 }, (_, partition) => ({
      topic,
      partition,
    })),
  )

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}-${partition}`
