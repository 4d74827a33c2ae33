import type * as z from 'zod'
import { INTERNAL_TOKEN_HEADER } from '../auth/internal-token.ts'
import { type Contract, type Operation, pathOf, type SentTo } from '../contracts/define.ts'
import { DomainError } from '../kernel/errors.ts'
import { kindOf, problemSchema } from './problem.ts'

export type ClientOptions = {
  /** The internal balancer. */
  readonly baseUrl: string
  readonly timeoutMs?: number
}

/** Who asks: the caller's own internal token and trace go on to the next service. */
export type Forwarded = { readonly headers: Headers; readonly traceparent: string }

type Answer<Op extends Operation> = Op['answer'] extends z.ZodType
  ? z.output<Op['answer']>
  : undefined

/** Typed calls of another service's operations, made from its contract. */
export type Client<C extends Contract> = {
  readonly [Name in keyof C['operations']]: (
    input: Partial<SentTo<C['operations'][Name]>>,
    as: Forwarded,
  ) => Promise<Answer<C['operations'][Name]>>
}

const TIMEOUT_MS = 3_000

/**
 * A client for the synchronous questions that events cannot answer in time.
 *
 * Its methods throw the other's refusal as a {@link DomainError} of the same status and code, and `unavailable`
 * `<service>.unavailable` when it does not answer in time.
 */
export const clientOf = <C extends Contract>(contract: C, options: ClientOptions): Client<C> =>
  Object.fromEntries(
    Object.entries(contract.operations).map(([name, operation]) => [
      name,
      (input: Partial<SentTo<Operation>>, as: Forwarded) =>
        call(contract, operation, { input, as, options }),
    ]),
    // Built from the same contract that types it.
  ) as Client<C>

const call = async (
  contract: Contract,
  operation: Operation,
  {
    input,
    as,
    options,
  }: { input: Partial<SentTo<Operation>>; as: Forwarded; options: ClientOptions },
): Promise<unknown> => {
  const unavailable = (cause?: unknown) =>
    new DomainError(
      'unavailable',
      `${contract.service}.unavailable`,
      'Please try again in a moment.',
      {
        retryAfterSeconds: 1,
        cause,
      },
    )
  const { response, text } = await answerOf(urlOf(contract, operation, { input, options }), {
    method: operation.method,
    headers: headersOf(as, input.body !== undefined),
    ...(input.body !== undefined && { body: JSON.stringify(input.body) }),
    signal: AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS),
  }).catch((cause: unknown) => {
    throw unavailable(cause)
  })
  if (response.ok) return operation.answer?.parse(JSON.parse(text))
  const problem = problemSchema.safeParse(safeJson(text))
  if (!problem.success || response.status >= 500) throw unavailable()
  throw new DomainError(kindOf(response.status), problem.data.code, problem.data.detail ?? '')
}

/**
 * A function that slept may hold a connection that the balancer has closed meanwhile. What only asks is asked once more, on
 * another connection and within the same time.
 */
const answerOf = async (url: string, request: RequestInit) => {
  const ask = async () => {
    const response = await fetch(url, request)
    return { response, text: await response.text() }
  }
  try {
    return await ask()
  } catch (error) {
    if (request.method !== 'GET' || !isBroken(error)) throw error
    return ask()
  }
}

const BROKEN = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']

const isBroken = (error: unknown): boolean =>
  BROKEN.includes(String((error as { cause?: { code?: unknown } }).cause?.code))

const urlOf = (
  contract: Contract,
  operation: Operation,
  { input, options }: { input: Partial<SentTo<Operation>>; options: ClientOptions },
): string => {
  const params = (input.params ?? {}) as Record<string, string>
  const path = pathOf(contract, operation).replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ''),
  )
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries((input.query ?? {}) as Record<string, unknown>))
    if (value !== undefined) query.append(name, String(value))
  return `${options.baseUrl}${path}${query.size > 0 ? `?${query}` : ''}`
}

const headersOf = (as: Forwarded, hasBody: boolean): Headers => {
  const headers = new Headers({ traceparent: as.traceparent })
  const token = as.headers.get(INTERNAL_TOKEN_HEADER)
  if (token) headers.set(INTERNAL_TOKEN_HEADER, token)
  if (hasBody) headers.set('content-type', 'application/json')
  return headers
}

const safeJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
