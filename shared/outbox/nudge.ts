import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { describeError, type Log } from '../observe/logger.ts'

/** What the publisher is told: whose outbox has something new. */
export type Nudge = { readonly service: string }

const NUDGE_TIMEOUT_MS = 500

/**
 * Wakes the publisher after a commit; it queues the call and does not wait for the publishing. A nudge may be
 * lost: the schedule that runs the publisher every minute finds what was left. Never throws.
 */
export const nudgePublisher = ({
  publisher,
  service,
  log,
}: {
  publisher: string
  service: string
  log: Log
}): (() => Promise<void>) => {
  let client: LambdaClient | undefined
  return async () => {
    client ??= new LambdaClient({ maxAttempts: 1 })
    const nudge: Nudge = { service }
    try {
      await client.send(
        new InvokeCommand({
          FunctionName: publisher,
          InvocationType: 'Event',
          Payload: JSON.stringify(nudge),
        }),
        { abortSignal: AbortSignal.timeout(NUDGE_TIMEOUT_MS) },
      )
    } catch (error) {
      log.warn('nudge lost', describeError(error))
    }
  }
}
