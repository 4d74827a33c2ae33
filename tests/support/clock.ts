import { addMs, type Clock, type Instant, instantOf } from '../../shared/kernel/time.ts'

export type FakeClock = {
  readonly now: Clock
  advanceMs(durationMs: number): void
  set(at: Instant): void
}

/** A clock that stands until a test moves it. */
export const fakeClock = (start = '2026-03-01T10:00:00.000Z'): FakeClock => {
  let now = instantOf(start)
  return {
    now: () => now,
    advanceMs(durationMs) {
      now = addMs(now, durationMs)
    },
    set(at) {
      now = at
    },
  }
}
