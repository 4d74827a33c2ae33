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
const bus = await openBus(config, { log })
const publisher = createPublisher({ database, bus, log, metrics })
const sweeper = createSweeper({ database, log })

export const publish = wrap(async (event: PublisherEvent | SweepEvent) =>
  isSweep(event) ? sweeper.sweep() : publisher.publish(event),
)
