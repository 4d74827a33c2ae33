import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 20

/**
 * Asks again until `attempt` stops throwing, then gives its result; the last error once `timeoutMs` is over.
 * For effects that travel: never sleep, await the condition.
 */
export const eventually = async <Result>(
  attempt: () => Result | Promise<Result>,
  { timeoutMs = 5_000 }: { timeoutMs?: number } = {},
): Promise<Result> => {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await delay(POLL_MS)
    }
  }
}
