import { setTimeout as delay } from 'node:timers/promises'
import { INTERNAL_TOKEN_HEADER } from '../../shared/auth/internal-token.ts'
import type { Clock } from '../../shared/kernel/time.ts'
import type { SignIn } from './campus/people.ts'
import type { Attempt, Caller, History, Operation } from './history.ts'

export type Wanted = Pick<Operation, 'id' | 'kind' | 'method' | 'path'> & {
  readonly as: Caller
  readonly body?: unknown
  /** An Idempotency-Key, sent with every try. */
  readonly key?: string | undefined
  readonly ifMatch?: number
  /** Problem codes with which the hub may refuse this, for good. */
  readonly mayBeRefused?: readonly string[]
}

export type Client = {
  /** Tries until there is an answer that counts, and writes into the history what came of it. */
  perform(wanted: Wanted): Promise<Operation>
}

/** No single try may take longer: the gateway's own limit for the head of an answer. */
export const ATTEMPT_TIMEOUT_MS = 20_000
/** A client gives up after so long; that none has to is part of the promise. */
export const OPERATION_TIMEOUT_MS = 120_000
const RETRY_DELAY_MS = 60

/** Refusals that say "not now": the client comes back with the same key. */
const RETRIED_CODES = new Set(['idempotency.in_flight', 'progress.version_pending'])

/**
 * A client with manners: it repeats what got no answer, 502 and 503, and "in flight", with the same key.
 *
 * @param urls of the doors; which one a try goes to is nobody's promise.
 */
export const createClient = (options: {
  readonly urls: () => readonly string[]
  /** Needed where somebody stands at the doors themselves, behind no gateway. */
  readonly signIn?: SignIn
  readonly history: History
  /** What the machine of a door takes for now; its gateway has the same clock. */
  readonly clockOf?: (url: string) => Clock
}): Client => {
  const { urls, history } = options
  let turn = 0
  return {
    async perform(wanted) {
      const attempts: Attempt[] = []
      const deadline = performance.now() + OPERATION_TIMEOUT_MS
      const { id, kind, key, method, path, body, as } = wanted
      const finish = (outcome: Operation['outcome'], answer: unknown) => {
        const operation = { id, kind, key, method, path, body, as, attempts, outcome, answer }
        history.add(operation)
        return operation
      }
      while (performance.now() < deadline) {
        turn += 1
        const all = urls()
        const url = all[turn % all.length] ?? ''
        const tried = await attempt(wanted, { ...options, url })
        attempts.push(tried.attempt)
        for (const sentence of tried.violations) history.violate(`${kind} ${id}: ${sentence}`)
        const { status = 0, code = '' } = tried.attempt
        if (status >= 200 && status < 300) return finish('acknowledged', tried.answer)
        const isFinal = status >= 400 && status < 500 && status !== 429 && !RETRIED_CODES.has(code)
        if (isFinal) {
          if (!wanted.mayBeRefused?.includes(code))
            history.violate(`G4 ${kind} ${id} was refused with ${status} ${code}`)
          return finish('refused', tried.answer)
        }
        await delay(RETRY_DELAY_MS)
      }
      history.violate(
        `G4 ${kind} ${id} got no answer in ${OPERATION_TIMEOUT_MS} ms: ${lastOf(attempts)}`,
      )
      return finish('unknown', undefined)
    },
  }
}

type Tried = {
  readonly attempt: Attempt
  readonly answer: unknown
  readonly violations: readonly string[]
}

const attempt = async (
  { as, method, path, body, key, ifMatch }: Wanted,
  {
    url,
    signIn,
    clockOf,
  }: {
    url: string
    signIn?: SignIn | undefined
    clockOf?: ((url: string) => Clock) | undefined
  },
): Promise<Tried> => {
  const startedAt = performance.now()
  const since = () => Math.round(performance.now() - startedAt)
  try {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(await identityOf(as, { signIn, clock: clockOf?.(url) })),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(key && { 'idempotency-key': key }),
        ...(ifMatch !== undefined && { 'if-match': `"${ifMatch}"` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS),
    })
    const text = await response.text()
    const answer = parse(text)
    const code = response.ok ? undefined : codeIn(answer)
    return {
      attempt: { status: response.status, code, durationMs: since() },
      answer,
      violations: [...leaksOf(response, text)],
    }
  } catch (error) {
    const isHang = error instanceof Error && error.name === 'TimeoutError'
    const violations = isHang ? [`G4 no answer within ${ATTEMPT_TIMEOUT_MS} ms`] : []
    return {
      attempt: { status: undefined, code: String(error), durationMs: since() },
      answer: undefined,
      violations,
    }
  }
}

const identityOf = async (
  as: Caller,
  { signIn, clock }: { signIn: SignIn | undefined; clock: Clock | undefined },
): Promise<Record<string, string>> => {
  if ('accessToken' in as) return { authorization: `Bearer ${as.accessToken}` }
  return signIn ? { [INTERNAL_TOKEN_HEADER]: await signIn(as, clock) } : {}
}

// Statements, stacks, files, addresses and secrets of our own making.
const INTERNALS =
  /\b(select|insert into|update|delete from) [a-z_"]+|\n\s+at |node_modules|\.ts:\d|postgres:|ECONN|relation "|constraint|hub_[a-z]+|127\.0\.0\.1/i

/** What an error says too much, and what must never be said at all: an unhandled one. */
function* leaksOf(response: Response, text: string): Generator<string> {
  if (response.ok) return
  if (INTERNALS.test(text)) yield `G4 leaks internals: ${text.slice(0, 200)}`
  if (response.status === 500) yield `G4 an unhandled error: ${text.slice(0, 200)}`
  const isOurs = response.headers.get('content-type')?.includes('problem+json') ?? false
  const isBalancers = response.status === 502 || response.status === 504
  if (!isOurs && !isBalancers) yield `G4 ${response.status} is no problem document`
  if (response.status === 503 && !response.headers.has('retry-after'))
    yield 'G4 503 without Retry-After'
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const codeIn = (answer: unknown): string | undefined =>
  typeof answer === 'object' && answer !== null && 'code' in answer
    ? String(answer.code)
    : undefined

const lastOf = (attempts: readonly Attempt[]): string => {
  const last = attempts.at(-1)
  return `${attempts.length} tries, the last ${last?.status ?? 'without status'} ${last?.code ?? ''}`
}
