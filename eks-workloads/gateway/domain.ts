import type { Contract, Operation } from '../../shared/contracts/define.ts'
import type { AccountId, OrganizationId, SessionId } from '../../shared/kernel/id.ts'
import { networkOfAddress } from '../../shared/kernel/network.ts'
import type { Instant } from '../../shared/kernel/time.ts'

/** How strictly calls are counted. */
export const RATE_CLASSES = ['default', 'write', 'sensitive', 'media'] as const
export type RateClass = (typeof RATE_CLASSES)[number]

/** One operation as the gateway routes it. */
export type Route = {
  readonly service: string
  readonly name: string
  /** The path template: safe to log and to count by, as it holds no value that a caller sent. */
  readonly template: string
  readonly isPublic: boolean
  readonly rateClass: RateClass
}

/** What a verified access token says. */
export type AccessToken = {
  readonly accountId: AccountId
  readonly organizationId: OrganizationId
  readonly sessionId: SessionId
  readonly issuedAt: Instant
  readonly expiresAt: Instant
}

/** @returns what reading is counted as `default`, and changing as `write`, unless the contract says otherwise. */
export const rateClassOf = ({ method, rateClass }: Operation): RateClass =>
  rateClass ?? (method === 'GET' ? 'default' : 'write')

/** Operations between our own parts are no client's business (contract scope `internal`). */
export const isRouted = (operation: Operation): boolean => operation.scope !== 'internal'

export const routeOf = (
  contract: Contract,
  { name, operation, template }: { name: string; operation: Operation; template: string },
): Route => ({
  service: contract.service,
  name,
  template,
  isPublic: operation.scope === 'public',
  rateClass: rateClassOf(operation),
})

/** Who a call is counted for. Sign-in and its like are counted by address: a caller may hold many accounts. */
export const rateKeyOf = (
  rateClass: RateClass,
  { access, clientAddress }: { access: AccessToken | undefined; clientAddress: string },
): string =>
  access && rateClass !== 'sensitive'
    ? `${access.organizationId}|${access.accountId}`
    : `-|${networkOfAddress(clientAddress)}`

/** A breaker opens when at least this many calls in its window failed … */
export const BREAKER_FAILURES_MIN = 10
/** … and they are at least this part of all. */
export const BREAKER_FAILURE_RATIO = 0.5
export const BREAKER_WINDOW_MS = 10_000
/** How long an open breaker refuses before it lets one call try. */
export const BREAKER_OPEN_MS = 5_000

/** What a breaker remembers of one service. */
export type Breaker =
  | {
      readonly state: 'closed'
      readonly windowEndsAt: Instant
      readonly calls: number
      readonly failures: number
    }
  | { readonly state: 'open'; readonly until: Instant }
  /** One trial is under way until `until`; if nothing is heard of it, another may try. */
  | { readonly state: 'half_open'; readonly until: Instant }

export const closedBreaker = (now: Instant): Breaker => ({
  state: 'closed',
  windowEndsAt: later(now, BREAKER_WINDOW_MS),
  calls: 0,
  failures: 0,
})

/** Whether a call may go out now. @param trialMs how long a trial may take. */
export const admit = (
  breaker: Breaker,
  now: Instant,
  trialMs: number,
): { readonly breaker: Breaker; readonly retryAfterMs: number } => {
  if (breaker.state === 'closed') return { breaker, retryAfterMs: 0 }
  if (now < breaker.until) return { breaker, retryAfterMs: breaker.until - now }
  return { breaker: { state: 'half_open', until: later(now, trialMs) }, retryAfterMs: 0 }
}

/** What a finished call teaches: a trial decides alone, the others by their share in the window. */
export const record = (breaker: Breaker, outcome: 'success' | 'failure', now: Instant): Breaker => {
  if (breaker.state === 'half_open') return outcome === 'success' ? closedBreaker(now) : opened(now)
  // Calls that were under way when it opened say nothing new.
  if (breaker.state === 'open') return breaker
  const window = now < breaker.windowEndsAt ? breaker : closedBreaker(now)
  if (window.state !== 'closed') return window
  const calls = window.calls + 1
  const failures = window.failures + (outcome === 'failure' ? 1 : 0)
  const isBroken = failures >= BREAKER_FAILURES_MIN && failures / calls >= BREAKER_FAILURE_RATIO
  return isBroken ? opened(now) : { ...window, calls, failures }
}

/** What a call that was cancelled leaves: where it was the trial, the next one may try at once. */
export const released = (breaker: Breaker, now: Instant): Breaker =>
  breaker.state === 'half_open' ? { state: 'open', until: now } : breaker

/** Whether an answer says that the service is down. A 503 problem document is its own, deliberate refusal. */
export const isServiceFailure = (status: number, contentType: string): boolean =>
  status === 502 || status === 504 || (status === 503 && !contentType.includes('problem+json'))

const opened = (now: Instant): Breaker => ({ state: 'open', until: later(now, BREAKER_OPEN_MS) })

const later = (now: Instant, durationMs: number) => (now + durationMs) as Instant
