import { beforeAll, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type * as z from 'zod'
import { openApi } from '../../local/demo/api.ts'
import { meet } from '../../local/demo/people.ts'
import { SAMPLE_ADMIN_EMAIL } from '../../local/hub/hub.ts'
import { contracts } from '../../shared/contracts/catalogue.ts'
import { type Contract, type Operation, pathOf } from '../../shared/contracts/define.ts'
import { problemSchema } from '../../shared/http/problem.ts'
import { almost, arbitraryOf } from '../support/arbitrary.ts'
import { useHub } from './hub.ts'

// Hostile and careless input for every operation of the merged contracts, through the whole way a client's request goes:
// no 5xx, no answer outside its schema, no refusal that the contract does not declare. Seeds are printed by fast-check.

const RATES = {
  RATE_DEFAULT: '1000000',
  RATE_WRITE: '1000000',
  RATE_SENSITIVE: '1000000',
  RATE_MEDIA: '1000000',
}
const running = useHub(RATES)

const RUNS_PER_OPERATION = Number(process.env.FUZZ_RUNS ?? 15)

/** Refusals that any operation may give; its contract lists what it adds. */
const COMMON = /^(request\.|idempotency\.|access\.|route\.|rate\.|gateway\.)/

let token: string

beforeAll(async () => {
  const api = openApi(running.hub.url)
  const person = await meet(
    { api, url: running.hub.url },
    { name: 'Fay', email: SAMPLE_ADMIN_EMAIL },
  )
  token = person.accessToken
}, 60_000)

const targets = Object.values(contracts as Record<string, Contract>).flatMap((contract) =>
  Object.entries(contract.operations)
    // What ends the very session that asks would only prove 401 from then on.
    .filter(([name]) => !/^(signOut|revokeOtherSessions|deactivate)/.test(name))
    .map(([name, operation]) => ({ title: `${contract.service} ${name}`, contract, operation })),
)

describe.each(targets)('$title', ({ contract, operation }) => {
  it('answers within its contract, whatever is sent', async () => {
    await fc.assert(
      fc.asyncProperty(requestTo(operation), async (request) => {
        const answer = await send(contract, operation, request)
        expect({ request, complaints: complaintsAbout(answer, operation) }).toEqual({
          request,
          complaints: [],
        })
      }),
      { numRuns: RUNS_PER_OPERATION },
    )
  }, 60_000)
})

type Sent = { readonly params: unknown; readonly query: unknown; readonly body: unknown }
type Answer = { readonly status: number; readonly type: string; readonly text: string }

const requestTo = ({ params, query, body }: Operation): fc.Arbitrary<Sent> =>
  fc.record({ params: mixed(params), query: mixed(query), body: mixed(body) })

const mixed = (schema: z.ZodType | undefined): fc.Arbitrary<unknown> => {
  if (!schema) return fc.constant(undefined)
  const valid = arbitraryOf(schema)
  return fc.oneof(valid, almost(valid))
}

const asText = (value: unknown): string =>
  typeof value === 'string' ? value : (JSON.stringify(value) ?? '')

const send = async (contract: Contract, operation: Operation, sent: Sent): Promise<Answer> => {
  const params = (sent.params ?? {}) as Record<string, unknown>
  const path = pathOf(contract, operation).replaceAll(
    /\{(\w+)\}/g,
    (_, name: string) => encodeURIComponent(asText(params?.[name]).toWellFormed()) || '-',
  )
  const query = new URLSearchParams()
  if (typeof sent.query === 'object' && sent.query !== null)
    for (const [name, value] of Object.entries(sent.query)) query.append(name, asText(value))
  const response = await fetch(`${running.hub.url}${path}${query.size > 0 ? `?${query}` : ''}`, {
    method: operation.method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(operation.body && { 'content-type': 'application/json' }),
      ...(operation.ifMatch && { 'if-match': '"1"' }),
    },
    ...(operation.body && operation.method !== 'GET' && { body: JSON.stringify(sent.body) ?? '' }),
    redirect: 'manual',
  })
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    text: await response.text(),
  }
}

/** What is wrong with an answer, one sentence each. */
const complaintsAbout = ({ status, type, text }: Answer, operation: Operation): string[] => {
  if (status >= 500) return [`${status}: ${text.slice(0, 300)}`]
  if (status >= 400) {
    const problem = problemSchema.safeParse(safeJson(text))
    if (!problem.success || !type.startsWith('application/problem+json'))
      return [`a refusal that is no problem document: ${status} ${type} ${text.slice(0, 200)}`]
    const { code } = problem.data
    return COMMON.test(code) || operation.errors.includes(code) ? [] : [`undeclared code ${code}`]
  }
  if (status !== operation.status) return [`${status} instead of ${operation.status}`]
  if (!operation.answer || operation.status === 302) return []
  const shown = operation.answerType ? text : safeJson(text)
  const parsed = operation.answer.safeParse(shown)
  return parsed.success ? [] : [`outside its schema: ${parsed.error.message.slice(0, 300)}`]
}

const safeJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
