import { randomUUID } from 'node:crypto'
import type { Bus, Consumer, PartitionLag } from '../../shared/bus/port.ts'
import { topicOf } from '../../shared/events/topics.ts'
import { pause } from '../../shared/kernel/pulse.ts'
import { SECOND_MS } from '../../shared/kernel/time.ts'
import { describeError, type Log } from '../../shared/observe/logger.ts'
import { producersHeard } from './reactions.ts'

/** How often the log is looked at: is it there, and is this replica behind? */
export const LAG_POLL_MS = 2 * SECOND_MS
export const JOIN_POLL_MS = SECOND_MS / 2

export type Events = {
  /** Whether changes are heard as they happen; if not, answers are trusted for a second only. */
  isListening(): boolean
  /** Whether the log answered when it was last asked. */
  isConnected(): boolean
  close(): Promise<void>
}

/**
 * Hears the changes that concern the gateway. Every process is a consumer group of its own that begins at the end
 * of the log: it has remembered nothing that an older event could change.
 */
export const listen = ({
  bus,
  replica,
  onRecord,
  log,
}: {
  bus: Bus
  replica: string
  onRecord: (value: Buffer | null) => void
  log: Log
}): Events => {
  const group = `hub.gateway.${replica}.${randomUUID()}`
  const topics = producersHeard.map(topicOf)
  const closing = new AbortController()
  let isConnected = false
  let isListening = false

  const consumer: Consumer = bus.consume({
    group,
    topics,
    fromBeginning: false,
    handler: async ({ records }) => {
      for (const { value } of records) onRecord(value)
      return undefined
    },
  })

  let before: readonly PartitionLag[] = []
  const look = async () => {
    try {
      const lags = await bus.lag(group)
      // A group that begins at the end has a position as soon as it has joined.
      const hasJoined = topics.every((topic) => lags.some((lag) => lag.topic === topic))
      isConnected = true
      isListening = hasJoined && !lags.some((lag) => isStuck(lag, before))
      before = lags
    } catch (error) {
      log.warn('event log away', describeError(error))
      isConnected = false
      isListening = false
    }
  }
  const looking = (async () => {
    while (!closing.signal.aborted) {
      await look()
      await pause(isListening ? LAG_POLL_MS : JOIN_POLL_MS, closing.signal)
    }
  })()

  return {
    isListening: () => isListening,
    isConnected: () => isConnected,
    async close() {
      closing.abort()
      await Promise.all([consumer.close(), looking])
    },
  }
}

/** Something waits, and nothing was taken since the last look. */
const isStuck = (lag: PartitionLag, before: readonly PartitionLag[]): boolean =>
  lag.lag > 0 &&
  before.some(
    ({ topic, partition, committedOffset }) =>
      topic === lag.topic && partition === lag.partition && committedOffset === lag.committedOffset,
  )
