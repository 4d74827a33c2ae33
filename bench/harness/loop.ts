import { setTimeout as delay } from 'node:timers/promises'
/**
 * Work that runs one after the other in each of several clients inside this process, for a while. Such a loop waits with
 * whatever stalls, so it gives a rate and no latencies.
 */
export const closedLoop = async ({
  clients,
  seconds,
  work,
}: {
  clients: number
  seconds: number
  work: () => Promise<unknown>
}): Promise<{ readonly done: number; readonly perSecond: number }> => {
  const startedAt = performance.now()
  const deadline = startedAt + seconds * 1_000
  let done = 0
  const client = async () => {
    while (performance.now() < deadline) {
      await work()
      done += 1
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return { done, perSecond: done / ((performance.now() - startedAt) / 1_000) }
}

/**
 * Begins work on a fixed schedule, whatever became of what began before. A timer is a millisecond late at most on an idle
 * machine; `work` is handed its intended moment (`performance.now()`), from which latencies count.
 */
export const onSchedule = async ({
  perSecond,
  seconds,
  work,
}: {
  perSecond: number
  seconds: number
  work: (intendedAt: number) => Promise<unknown>
}): Promise<void> => {
  const startedAt = performance.now()
  const running: Promise<unknown>[] = []
  while (running.length < perSecond * seconds) {
    const dueAt = startedAt + (running.length / perSecond) * 1_000
    if (performance.now() < dueAt) await delay(1)
    else {
      const begun = work(dueAt)
      // What fails before the last has begun is told below, when all have begun.
      begun.catch(() => {})
      running.push(begun)
    }
  }
  await Promise.all(running)
}

/** @param share 0.99 for the 99th percentile. */
export const percentile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? Number.NaN
}
