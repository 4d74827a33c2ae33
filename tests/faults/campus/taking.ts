import { type ConsumeOptions, consume, type Outcome } from '../../../shared/bus/consume.ts'
import { type Database, openDatabase } from '../../../shared/db/open.ts'
import { systemClock } from '../../../shared/kernel/time.ts'
import { silentLog } from '../../../shared/observe/logger.ts'
import type { Logged } from '../checks/log.ts'
import { ROLE_PASSWORD } from './nursery.ts'
import { campusServices, mappingsOf, nameOf } from './services.ts'

/** Every service's bus door over one database, driven by hand: what a row delivers, and in which order. */
export type Taking = {
  /** Hands a record to every service that reads its topic. @returns how often each came out. */
  deliver(records: readonly Logged[]): Promise<Readonly<Record<Outcome, number>>>
  /** For one service's own `redrive`. */
  optionsOf(service: string): ConsumeOptions<unknown>
  close(): Promise<void>
}

export const takeInto = (databaseUrl: string): Taking => {
  const databases: Database[] = []
  const consumers = campusServices.map((service) => {
    const database = openDatabase({
      url: databaseUrl,
      service: nameOf(service),
      password: ROLE_PASSWORD,
      connectionsMax: 2,
    })
    databases.push(database)
    const options: ConsumeOptions<unknown> = {
      consumer: nameOf(service),
      reactions: service.reactions ?? {},
      deps: {},
      database,
      clock: systemClock,
      log: silentLog,
    }
    return { options, topics: new Set(mappingsOf(service).map(({ topic }) => topic)) }
  })
  return {
    async deliver(records) {
      const outcomes = { done: 0, repeated: 0, ignored: 0, parked: 0 }
      // One service after the other, as each would read alone; within one, in the order given.
      await Promise.all(
        consumers.map(async ({ options, topics }) => {
          for (const [index, { topic, partition, envelope }] of records.entries()) {
            if (!topics.has(topic)) continue
            const value = JSON.stringify(envelope)
            const record = { topic, partition, offset: index, key: envelope.subject, value }
            outcomes[await consume(record, options)] += 1
          }
        }),
      )
      return outcomes
    },
    optionsOf(service) {
      const found = consumers.find(({ options }) => options.consumer === service)
      if (!found) throw new Error(`there is no consumer ${service}`)
      return found.options
    },
    async close() {
      await Promise.all(databases.map((database) => database.close()))
    },
  }
}
