import { addMs, type Clock, type Instant, instantOf } from '../../../shared/kernel/time.ts'

/** The one clock of a simulation: it stands until somebody moves it. */
export type SimulatedClock = { readonly now: Clock; advanceMs(durationMs: number): void }

export const simulatedClock = (
  start: Instant = instantOf('2026-03-01T10:00:00Z'),
): SimulatedClock => {
  let now = start
  return {
    now: () => now,
    advanceMs(durationMs) {
      now = addMs(now, durationMs)
    },
  }
}
