import { openBus } from '../../shared/bus/open.ts'
import { startStack } from '../../shared/lambda/stack.ts'
import { describeError } from '../../shared/observe/logger.ts'
import { createPublisherMetrics } from './metrics.ts'
import {
  createPublisher,
  isTick,
  loadPublisherConfig,
  openOutboxes,
  type PublisherEvent,
} from './publisher.ts'
import { createSweeper, isSweep, type SweepEvent } from './sweeper.ts'

const { environment, log, metrics, wrap } = startStack('outbox-publisher')
const config = loadPublisherConfig(environment)
// Opened at the cold start and kept: connecting to the brokers costs more than a publish.
const database = openOutboxes(config)
const { published: onPublished, oldestWait } = createPublisherMetrics(metrics)
const bus = await openBus(config, { log })
const publisher = createPublisher({ database, bus, log, onPublished })
const sweeper = createSweeper({ database, log })

export const publish = wrap(async (event: PublisherEvent | SweepEvent) => {
  if (isSweep(event)) return sweeper.sweep()
  // Before publishing, which fails as long as the log is away: just then the wait must be told.
  if (isTick(event))
    await publisher
      .oldestWaitSeconds()
      .then(oldestWait, (error) => log.error('outboxes not measured', describeError(error)))
  return publisher.publish(event)
})
