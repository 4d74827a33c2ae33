import * as z from 'zod'
import { type BusConfig, busSchema } from '../../shared/bus/open.ts'
import { type Bus, BusUnavailableError } from '../../shared/bus/port.ts'
import { type Environment, loadConfig } from '../../shared/config/load.ts'
import { PUBLISHER_ROLE, schemaOf } from '../../shared/db/names.ts'
import { type Database, openDatabase } from '../../shared/db/open.ts'
import { describeError, type Log } from '../../shared/observe/logger.ts'
import type { Nudge } from '../../shared/outbox/nudge.ts'
import {
  findOutboxes,
  oldestUnpublishedSeconds,
  type Published,
  publishOutbox,
} from '../../shared/outbox/publish.ts'
import { createPublisherMetrics, type MetricSink, silentMetrics } from './metrics.ts'

/** A nudge names one service; the schedule's event has no such field and means all. */
export type PublisherEvent = Nudge | Readonly<Record<string, unknown>>

export const publisherSchema = busSchema.extend({
  DATABASE_URL: z.url(),
  DATABASE_PASSWORD: z.string().min(1),
})

/** Below the function's timeout by more than one send takes with all its retries. */
export const BUDGET_MS = 30_000

export type Publisher = {
  /**
   * Publishes the named service's outbox, or every one that there is; then it tells how long the oldest event waits.
   *
   * @throws BusUnavailableError at once, since the log is away for all; what one database schema threw only after the
   *   others had their turn.
   */
  publish(event: PublisherEvent): Promise<Pick<Published, 'events' | 'batches'>>
}

export const loadPublisherConfig = (
  environment: Environment,
): BusConfig & { readonly DATABASE_URL: string; readonly DATABASE_PASSWORD: string } =>
  loadConfig(publisherSchema, environment)

/** The database as the publisher's own role, which sees every outbox and nothing else. */
export const openOutboxes = (config: {
  readonly DATABASE_URL: string
  readonly DATABASE_PASSWORD: string
}): Database =>
  openDatabase({
    url: config.DATABASE_URL,
    service: 'outbox-publisher',
    role: PUBLISHER_ROLE,
    password: config.DATABASE_PASSWORD,
    connectionsMax: 1,
  })

export const createPublisher = ({
  database: { kysely },
  bus,
  log,
  metrics = silentMetrics,
  budgetMs = BUDGET_MS,
}: {
  database: Database
  bus: Pick<Bus, 'send'>
  log: Log
  metrics?: MetricSink
  budgetMs?: number
}): Publisher => {
  const { published: onPublished, oldestWait } = createPublisherMetrics(metrics)
  const measure = (schemas: readonly string[]) =>
    oldestUnpublishedSeconds(kysely, schemas).then(oldestWait, (error) =>
      log.error('outboxes not measured', describeError(error)),
    )
  return {
    async publish(event) {
      const { service } = nudgeSchema.parse(event)
      const signal = AbortSignal.timeout(budgetMs)
      const schemas = service ? [schemaOf(service)] : await findOutboxes(kysely)
      // Before publishing, which fails as long as the log is away: just then the wait must be told.
      if (!service) await measure(schemas)
      const failures: unknown[] = []
      let events = 0
      let batches = 0
      for (const schema of schemas) {
        if (signal.aborted) break
        try {
          const published = await publishOutbox({ kysely, schema, bus, signal, onPublished })
          events += published.events
          batches += published.batches
        } catch (error) {
          if (error instanceof BusUnavailableError) throw error
          log.error('outbox not published', { schema, ...describeError(error) })
          failures.push(error)
        }
      }
      if (failures.length > 0)
        throw new AggregateError(failures, 'some outboxes were not published')
      return { events, batches }
    },
  }
}

const SERVICE_NAME_LENGTH_MAX = 50

const nudgeSchema = z.object({
  service: z
    .string()
    .max(SERVICE_NAME_LENGTH_MAX)
    .regex(/^[a-z][a-z0-9-]*$/)
    .optional(),
})
