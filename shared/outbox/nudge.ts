import type { Environment } from '../config/load.ts'
import { invokeLater } from '../lambda/invoke-later.ts'
import type { Log } from '../observe/logger.ts'

/** What the publisher is told: whose outbox has something new. */
export type Nudge = { readonly service: string }

/**
 * Wakes the publisher after a commit; the publishing is not awaited. A nudge may be lost: the schedule that runs the
 * publisher every minute finds what was left. Never throws.
 */
export const nudgePublisher = ({
  publisher,
  service,
  environment,
  log,
}: {
  publisher: string
  service: string
  environment: Environment
  log: Log
}): (() => Promise<void>) => {
  const payload: Nudge = { service }
  return invokeLater({ functionName: publisher, payload, environment, log })
}
