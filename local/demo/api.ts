import { setTimeout as delay } from 'node:timers/promises'
import type * as z from 'zod'
import {
  type Contract,
  type Operation,
  pathOf,
  type SentTo,
} from '../../shared/contracts/define.ts'
import { type Problem, problemSchema } from '../../shared/http/problem.ts'

/** The hub said no: its problem document (RFC 9457), as the demo shows it. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly status: number
  readonly problem: Problem | undefined

  constructor(status: number, problem: Problem | undefined, operation: string) {
    super(
      `${problem?.detail ?? problem?.title ?? `HTTP ${status}`} (${operation}: ${problem?.code ?? status})`,
    )
    this.status = status
    this.problem = problem
  }
}

type Answer<Op extends Operation> = Op['status'] extends 302
  ? { readonly location: string }
  : Op['answer'] extends z.ZodType
    ? z.output<Op['answer']>
    : undefined

export type CallOptions = { readonly ifMatch?: number; readonly idempotencyKey?: string }

/** One client of the public API: calls are typed by the very contracts that the services mount. */
export type Api = {
  /** @throws Refused for every answer that is no success. */
  call<C extends Contract, Name extends keyof C['operations'] & string>(
    contract: C,
    name: Name,
    input?: Partial<SentTo<C['operations'][Name]>>,
    options?: CallOptions,
  ): Promise<Answer<C['operations'][Name]>>
  /** The same client, signed in. */
  as(accessToken: string): Api
}

const TIMEOUT_MS = 30_000
/** A busy hub asks to come back; a client that knows manners does, so often. */
const RETRIES_MAX = 5

export const openApi = (url: string, accessToken?: string): Api => ({
  as: (token) => openApi(url, token),
  async call(contract, name, input = {}, options = {}) {
    // The name is a key of this contract's operations.
    const operation = contract.operations[name] as Operation
    for (let attempt = 0; ; attempt += 1) {
      const response = await fetch(urlOf(url, contract, operation, input), {
        method: operation.method,
        headers: headersOf({ accessToken, hasBody: 'body' in input, ...options }),
        ...('body' in input && { body: JSON.stringify(input.body) }),
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      const text = await response.text()
      if (response.status < 400) return readAnswer(operation, response, text) as never
      const waitSeconds = Number(response.headers.get('retry-after') ?? Number.NaN)
      const isBusy = response.status === 429 || response.status === 503
      if (!isBusy || Number.isNaN(waitSeconds) || attempt === RETRIES_MAX)
        throw new Refused(response.status, problemIn(text), name)
      await delay(waitSeconds * 1_000)
    }
  },
})

// Typed by `Answer` above, from the same contract.
const readAnswer = (operation: Operation, response: Response, text: string): unknown => {
  if (operation.status === 302) return { location: response.headers.get('location') ?? '' }
  return operation.answer?.parse(operation.answerType ? text : JSON.parse(text))
}

const urlOf = (
  base: string,
  contract: Contract,
  operation: Operation,
  input: { readonly params?: unknown; readonly query?: unknown },
): string => {
  const params = (input.params ?? {}) as Record<string, string>
  const path = pathOf(contract, operation).replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ''),
  )
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(input.query ?? {}))
    if (value !== undefined) query.append(name, String(value))
  return `${base}${path}${query.size > 0 ? `?${query}` : ''}`
}

const headersOf = (call: {
  accessToken: string | undefined
  hasBody: boolean
  ifMatch?: number
  idempotencyKey?: string
}): Record<string, string> => ({
  ...(call.accessToken && { authorization: `Bearer ${call.accessToken}` }),
  ...(call.hasBody && { 'content-type': 'application/json' }),
  ...(call.ifMatch !== undefined && { 'if-match': `"${call.ifMatch}"` }),
  ...(call.idempotencyKey && { 'idempotency-key': call.idempotencyKey }),
})

const problemIn = (text: string): Problem | undefined => {
  try {
    return problemSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
