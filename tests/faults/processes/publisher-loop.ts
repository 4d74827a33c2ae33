import { openOutboxes } from '../../../functions/outbox-publisher/publisher.ts'
import { type Bus, BusUnavailableError } from '../../../shared/bus/port.ts'
import { pause } from '../../../shared/kernel/pulse.ts'
import { describeError, type Log } from '../../../shared/observe/logger.ts'
import { findOutboxes, publishOutbox } from '../../../shared/outbox/publish.ts'
import type { Settings } from './settings.ts'

/** Stands for the nudges: whatever is committed is looked for so soon. */
const PAUSE_MS = 40

/** The outbox publisher without end: what its function does for each nudge, again and again. */
export const publisherLoop = (settings: Settings, { bus, log }: { bus: Bus; log: Log }): void => {
  const database = openOutboxes(settings)
  const running = new AbortController()
  void (async () => {
    while (!running.signal.aborted) {
      await publishAll().catch((error) => log.warn('not published', describeError(error)))
      await pause(PAUSE_MS, running.signal)
    }
  })()

  async function publishAll() {
    const { kysely } = database
    for (const schema of await findOutboxes(kysely)) {
      const lease = settings.LEASE_MS === undefined ? {} : { leaseMs: settings.LEASE_MS }
      try {
        await publishOutbox({ kysely, schema, bus, signal: running.signal, ...lease })
      } catch (error) {
        if (error instanceof BusUnavailableError) throw error
        log.warn('outbox not published', { schema, ...describeError(error) })
      }
    }
  }
}
