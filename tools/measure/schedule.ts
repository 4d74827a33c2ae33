import { setTimeout as delay } from 'node:timers/promises'

/** The longest sleep between two looks at the clock; a timer may be a millisecond late. */
const SLEEP_MS_MAX = 50

/**
 * Begins work on a fixed schedule, whatever became of what began before (an open loop), and waits for all of it.
 *
 * @param dueMs when each begins, from now, in ascending order.
 * @param work is handed its index and its intended moment (`performance.now()`), from which latencies count.
 */
export const sendOnSchedule = async (
  dueMs: readonly number[],
  work: (index: number, intendedAt: number) => Promise<unknown>,
): Promise<void> => {
  const startedAt = performance.now()
  const running: Promise<unknown>[] = []
  for (let index = 0; index < dueMs.length; ) {
    const dueAt = startedAt + (dueMs[index] ?? 0)
    const waitMs = dueAt - performance.now()
    if (waitMs > 0) {
      await delay(Math.min(waitMs, SLEEP_MS_MAX))
      continue
    }
    const begun = work(index, dueAt)
    // What fails before the last has begun is told below, when all have begun.
    begun.catch(() => {})
    running.push(begun)
    index += 1
  }
  await Promise.all(running)
}
