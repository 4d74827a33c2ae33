import type { Clock } from '../../shared/kernel/time.ts'
import { admit, type Breaker, closedBreaker, record, released } from './domain.ts'
import { serviceUnavailable } from './errors.ts'
import type { Outcome } from './proxy.ts'

/** One circuit breaker a service: a broken one is refused at once, and its callers hold nothing. */
export type Breakers = {
  /**
   * @returns to be told what came of the call. `cancelled`: the caller left, which says nothing of the service.
   * @throws Refusal 503 with `Retry-After` while the service is broken.
   */
  enter(service: string): (outcome: Outcome) => void
}

/** @param trialMs the longest a call can take; after it, a silent trial is given up. */
export const createBreakers = ({ clock, trialMs }: { clock: Clock; trialMs: number }): Breakers => {
  const breakers = new Map<string, Breaker>()
  const of = (service: string) => breakers.get(service) ?? closedBreaker(clock())
  return {
    enter(service) {
      const { breaker, retryAfterMs } = admit(of(service), clock(), trialMs)
      if (retryAfterMs > 0) throw serviceUnavailable(service, retryAfterMs / 1_000)
      breakers.set(service, breaker)
      return (outcome) => {
        const current = of(service)
        // A trial decides alone: calls that were under way when it began, and a trial that was given up, do not.
        if (current.state === 'half_open' && current !== breaker) return
        breakers.set(
          service,
          outcome === 'cancelled' ? released(current, clock()) : record(current, outcome, clock()),
        )
      }
    },
  }
}
