import type { Clock } from '../../shared/kernel/time.ts'
import { admit, type Breaker, closedBreaker, record } from './domain.ts'
import { serviceUnavailable } from './errors.ts'

/** One circuit breaker a service: a broken one is refused at once, and its callers hold nothing. */
export type Breakers = {
  /** @throws Refusal 503 with `Retry-After` while the service is broken. */
  enter(service: string): void
  /** What came of it. `cancelled`: the caller left, which says nothing of the service. */
  leave(service: string, outcome: 'success' | 'failure' | 'cancelled'): void
  stateOf(service: string): Breaker['state']
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
    },
    leave(service, outcome) {
      if (outcome !== 'cancelled') breakers.set(service, record(of(service), outcome, clock()))
    },
    stateOf: (service) => of(service).state,
  }
}
