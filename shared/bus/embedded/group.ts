import type pg from 'pg'
import { CHANNEL, GROUP_PREFIX } from './channel.ts'
import type { TopicPartition } from './heads.ts'

/** Who is in a group and wants what. */
export type Member = { readonly id: string; readonly topics: readonly string[] }

/** A partition that a member holds: from where it reads, and the epoch that its commits must name. */
export type Claim = TopicPartition & { readonly nextOffset: number; readonly epoch: number }

/** The rows of one consumer group, as one member reads and writes them. Each method is one short transaction. */
export type Group = {
  /** Says that the member lives, drops those that do not, and fixes where a new group begins. */
  beat(): Promise<{ readonly members: readonly Member[]; readonly held: readonly Claim[] }>
  /** Takes those of `targets` that nobody living holds. */
  claim(targets: readonly TopicPartition[]): Promise<readonly Claim[]>
  /** @returns whether the claim still stood; if not, nothing was written. */
  commit(claim: Claim, nextOffset: number): Promise<boolean>
  release(claim: Claim): Promise<void>
  leave(): Promise<void>
}

export const openGroup = (
  pool: pg.Pool,
  {
    group,
    memberId,
    topics,
    fromBeginning,
    sessionTimeoutMs,
  }: {
    group: string
    memberId: string
    topics: readonly string[]
    fromBeginning: boolean
    sessionTimeoutMs: number
  },
): Group => {
  const announce = () =>
    pool.query('select pg_notify($1, $2)', [CHANNEL, `${GROUP_PREFIX}${group}`])
  return {
    async beat() {
      const { rows: changes } = await pool.query<{ isNew: boolean }>(BEAT, [
        group,
        memberId,
        topics,
        sessionTimeoutMs,
        fromBeginning,
      ])
      if (changes.some(({ isNew }) => isNew)) await announce()
      const { rows: members } = await pool.query<Member>(
        `select member_id as id, topics from event_log.member
         where group_name = $1 and expires_at > now() order by member_id`,
        [group],
      )
      const { rows: held } = await pool.query<Claim>(
        `select topic, partition, next_offset::float8 as "nextOffset", epoch::float8 as epoch
         from event_log.position where group_name = $1 and owner = $2`,
        [group, memberId],
      )
      return { members, held }
    },
    async claim(targets) {
      if (targets.length === 0) return []
      const { rows } = await pool.query<Claim>(CLAIM, [
        group,
        memberId,
        targets.map(({ topic }) => topic),
        targets.map(({ partition }) => partition),
      ])
      return rows
    },
    async commit({ topic, partition, epoch }, nextOffset) {
      const { rowCount } = await pool.query(
        `update event_log.position set next_offset = $6
         where group_name = $1 and topic = $2 and partition = $3 and owner = $4 and epoch = $5`,
        [group, topic, partition, memberId, epoch, nextOffset],
      )
      return rowCount === 1
    },
    async release({ topic, partition, epoch }) {
      await pool.query(
        `update event_log.position set owner = null
         where group_name = $1 and topic = $2 and partition = $3 and owner = $4 and epoch = $5`,
        [group, topic, partition, memberId, epoch],
      )
      await announce()
    },
    async leave() {
      await pool.query(
        'update event_log.position set owner = null where group_name = $1 and owner = $2',
        [group, memberId],
      )
      await pool.query('delete from event_log.member where group_name = $1 and member_id = $2', [
        group,
        memberId,
      ])
      await announce()
    },
  }
}

// `xmax = 0` is true of a row that this statement inserted and false of one that it updated.
const BEAT = `
  with dropped as (
    delete from event_log.member
    where group_name = $1 and member_id <> $2 and expires_at <= now()
    returning true as is_new
  ), alive as (
    insert into event_log.member (group_name, member_id, topics, expires_at)
    values ($1, $2, $3, now() + $4 * interval '1 ms')
    on conflict (group_name, member_id) do update set expires_at = excluded.expires_at
    returning xmax = 0 as is_new
  ), begun as (
    insert into event_log.position (group_name, topic, partition, next_offset)
    select $1, topic, partition, case when $5 then 0 else next_offset end
    from event_log.head where topic = any($3)
    on conflict do nothing
  )
  select is_new as "isNew" from alive union all select is_new from dropped`

const CLAIM = `
  update event_log.position p set owner = $2, epoch = p.epoch + 1
  from unnest($3::text[], $4::int[]) as t(topic, partition)
  where p.group_name = $1 and p.topic = t.topic and p.partition = t.partition
    and (p.owner is null or not exists (
      select 1 from event_log.member m
      where m.group_name = $1 and m.member_id = p.owner and m.expires_at > now()))
  returning p.topic, p.partition, p.next_offset::float8 as "nextOffset", p.epoch::float8 as epoch`
