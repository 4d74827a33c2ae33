import pg from 'pg'
import { createPulse, type Pulse, pause } from '../../kernel/pulse.ts'
import { describeError, type Log } from '../../observe/logger.ts'
import { APPENDED, CHANNEL, GROUP_PREFIX } from './channel.ts'

export type TopicPartition = { readonly topic: string; readonly partition: number }

/**
 * The end of every partition, kept fresh by LISTEN and, where an announcement is lost, by a poll: one query
 * for all consumers of a process, however many wait.
 */
export type Heads = {
  endOf(target: TopicPartition): number
  /** Undefined where the topic does not exist. */
  partitionsOf(topic: string): number | undefined
  refresh(): Promise<void>
  /** Fires when any partition has grown. */
  readonly appended: Pulse
  /** Fires when members of this group came, went or gave a partition back. */
  regrouped(group: string): Pulse
  close(): Promise<void>
}

const POLL_MS = 1_000
const RECONNECT_DELAY_MS = 1_000

export const watchHeads = ({ url, pool, log }: { url: string; pool: pg.Pool; log: Log }): Heads => {
  const ends = new Map<string, readonly number[]>()
  const appended = createPulse()
  const groups = new Map<string, Pulse>()
  const closing = new AbortController()
  const wanted = createPulse()

  const refresh = async () => {
    const { rows } = await pool.query<{ topic: string; ends: number[] }>(
      `select topic, array_agg(next_offset::float8 order by partition) as ends
       from event_log.head group by topic`,
    )
    let grown = false
    for (const row of rows) {
      const known = ends.get(row.topic)
      // Of two queries at once, the older may answer last.
      if (known && sum(row.ends) <= sum(known)) continue
      ends.set(row.topic, row.ends)
      grown = true
    }
    if (grown) appended.fire()
  }

  let isAnnounced = false
  const announce = () => {
    isAnnounced = true
    wanted.fire()
  }
  const poll = async () => {
    while (!closing.signal.aborted) {
      isAnnounced = false
      await refresh().catch((error) => log.warn('event log away', describeError(error)))
      // What was announced while the query ran may not be in its answer.
      if (!isAnnounced) await wanted.wait({ timeoutMs: POLL_MS, signal: closing.signal })
    }
  }
  const listen = async () => {
    while (!closing.signal.aborted) {
      await listenOnce(url, closing.signal, {
        onAppend: announce,
        onGroup: (group) => groups.get(group)?.fire(),
        onListening: () => {
          announce()
          for (const pulse of groups.values()) pulse.fire()
        },
      }).catch((error) => log.warn('event log away', describeError(error)))
      await pause(RECONNECT_DELAY_MS, closing.signal)
    }
  }
  const running = Promise.all([poll(), listen()])

  return {
    endOf: ({ topic, partition }) => ends.get(topic)?.[partition] ?? 0,
    partitionsOf: (topic) => ends.get(topic)?.length,
    refresh,
    appended,
    regrouped(group) {
      const pulse = groups.get(group) ?? createPulse()
      groups.set(group, pulse)
      return pulse
    },
    async close() {
      closing.abort()
      await running
    },
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)

/** Listens until the connection ends or `signal` aborts. */
const listenOnce = async (
  url: string,
  signal: AbortSignal,
  {
    onAppend,
    onGroup,
    onListening,
  }: { onAppend(): void; onGroup(group: string): void; onListening(): void },
): Promise<void> => {
  const client = new pg.Client({ connectionString: url })
  const ended = new Promise<void>((resolve) => {
    client.on('end', resolve)
    client.on('error', () => resolve())
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  client.on('notification', ({ payload = '' }) =>
    payload === APPENDED ? onAppend() : onGroup(payload.slice(GROUP_PREFIX.length)),
  )
  try {
    await client.connect()
    await client.query(`listen ${CHANNEL}`)
    // What was announced before was not heard.
    onListening()
    await ended
  } finally {
    await client.end().catch(() => {})
  }
}
