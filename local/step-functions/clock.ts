import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../../shared/kernel/time.ts'
import { Interrupted } from './errors.ts'

/** The longest delay a Node timer takes, in milliseconds (24.8 days). */
const TIMER_MS_MAX = 2_147_483_647

/** Waits until `clock` shows `untilMs` (Unix milliseconds). @throws Interrupted when aborted. */
export async function sleepUntil(
  untilMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (let left = untilMs - clock(); left > 0; left = untilMs - clock()) {
    try {
      await delay(Math.min(left, TIMER_MS_MAX), undefined, { signal })
    } catch {
      break
    }
  }
  if (signal.aborted) throw new Interrupted('the wait was interrupted')
}
