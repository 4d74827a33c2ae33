import { MetricUnit } from '@aws-lambda-powertools/metrics'
import { openBus } from '../../shared/bus/open.ts'
import { startStack } from '../../shared/lambda/stack.ts'
import {
  createPublisher,
  loadPublisherConfig,
  openOutboxes,
  type PublisherEvent,
} from './publisher.ts'
import { createSweeper, isSweep, type SweepEvent } from './sweeper.ts'

const { environment, log, metrics, wrap } = startStack('outbox-publisher')
const config = loadPublisherConfig(environment)
// Opened at the cold start and kept: connecting to the brokers costs more than a publish.
const database = openOutboxes(config)
const publisher = createPublisher({ database, bus: await openBus(config, { log }), log })
const sweeper = createSweeper({ database, log })

export const publish = wrap(async (event: PublisherEvent | SweepEvent) => {
  if (isSweep(event)) return sweeper.sweep()
  const published = await publisher.publish(event)
  metrics.addMetric('EventsPublished', MetricUnit.Count, published.events)
  return published
})
