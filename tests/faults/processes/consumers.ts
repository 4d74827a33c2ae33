import { consume } from '../../../shared/bus/consume.ts'
import type { Bus, LogRecord } from '../../../shared/bus/port.ts'
import { openDatabase } from '../../../shared/db/open.ts'
import { systemClock } from '../../../shared/kernel/time.ts'
import type { Log } from '../../../shared/observe/logger.ts'
import { campusServices, mappingsOf, nameOf } from '../campus/services.ts'
import type { Settings } from './settings.ts'

const CONNECTIONS_PER_SERVICE = 3
const RETRY_DELAY_MS_MAX = 1_000

/** Every service's bus door: what its event-source mappings and its function do, in one process. */
export const consumeAll = (settings: Settings, { bus, log }: { bus: Bus; log: Log }): void => {
  for (const service of campusServices) {
    const database = openDatabase({
      url: settings.DATABASE_URL,
      service: nameOf(service),
      password: settings.DATABASE_PASSWORD,
      connectionsMax: CONNECTIONS_PER_SERVICE,
    })
    const options = {
      consumer: nameOf(service),
      reactions: service.reactions ?? {},
      // No reaction of these services asks for anything beside the transaction.
      deps: {},
      database,
      clock: systemClock,
      log,
    }
    for (const { group, topic } of mappingsOf(service))
      bus.consume({
        group,
        topics: [topic],
        fromBeginning: true,
        retryDelayMsMax: RETRY_DELAY_MS_MAX,
        ...(settings.SESSION_TIMEOUT_MS && { sessionTimeoutMs: settings.SESSION_TIMEOUT_MS }),
        async handler({ records }) {
          for (const record of records) await consume(toInbound(record), options)
          return undefined
        },
      })
  }
}

const toInbound = ({ topic, partition, offset, key, value }: LogRecord) => ({
  ...{ topic, partition, offset },
  key: key?.toString('utf8') ?? null,
  value: value?.toString('utf8') ?? null,
})
