import type * as z from 'zod'
import type { Operation } from '../contracts/define.ts'
import { DomainError } from '../kernel/errors.ts'
import { IDEMPOTENCY_KEY_LENGTH_MAX } from './idempotency.ts'
import { requestInvalid } from './problem.ts'

/** What a load balancer hands to a Lambda at most (AWS's guide to Lambda functions as targets). */
export const BODY_BYTES_MAX = 1_000_000

type Input = { readonly params: unknown; readonly query: unknown; readonly body: unknown }

/** Reads and checks all that a caller sent. @throws 400 `request.invalid` naming each field. */
export const readInput = async (
  raw: Request,
  params: Record<string, string>,
  operation: Operation,
): Promise<Input> => ({
  params: check('params', operation.params, mapValues(params, storable)),
  query: check('query', operation.query, readQuery(raw)),
  body: operation.body
    ? check('body', operation.body, await (operation.rawBody ? readText(raw) : readJson(raw)))
    : undefined,
})

/** The revision inside `If-Match: "7"`. @throws 428 when it is missing, 400 when it is no ETag of ours. */
export const readIfMatch = (headers: Headers, operation: Operation): number => {
  if (!operation.ifMatch) return -1
  const given = headers.get('if-match')
  if (given === null)
    throw new DomainError(
      'precondition_required',
      'request.if_match_required',
      'Send If-Match with the ETag that you read.',
    )
  const revision = /^"(\d{1,9})"$/.exec(given)?.[1]
  if (revision === undefined)
    throw new DomainError('invalid', 'request.if_match', 'If-Match is not an ETag of this API.')
  return Number(revision)
}

/** @throws 400 when the key is required and missing, or is not 1 to 255 visible ASCII characters. */
export const readIdempotencyKey = (headers: Headers, operation: Operation): string | undefined => {
  if (!operation.idempotency) return undefined
  const key = headers.get('idempotency-key')
  if (key === null) {
    if (operation.idempotency === 'optional') return undefined
    throw new DomainError(
      'invalid',
      'idempotency.key_required',
      'Send an Idempotency-Key with this request.',
    )
  }
  if (!/^[\x21-\x7e]+$/.test(key) || key.length > IDEMPOTENCY_KEY_LENGTH_MAX)
    throw new DomainError(
      'invalid',
      'idempotency.key_invalid',
      `An Idempotency-Key has 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} visible ASCII characters.`,
    )
  return key
}

/** The strong ETag of an answer: its revision, quoted. */
export const etagOf = (operation: Operation, shown: unknown): string | undefined => {
  if (!operation.etag || typeof shown !== 'object' || shown === null) return undefined
  const revision: unknown = Reflect.get(shown, operation.etag)
  return typeof revision === 'number' ? `"${revision}"` : undefined
}

const mapValues = (record: Record<string, string>, map: (text: string) => string) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]))

const check = (
  part: 'params' | 'query' | 'body',
  schema: z.ZodType | undefined,
  given: unknown,
) => {
  if (!schema) return undefined
  const result = schema.safeParse(given)
  if (!result.success) throw requestInvalid(part, result.error.issues)
  return result.data
}

/** A repeated parameter becomes a list; a schema that wants one value refuses it. */
const readQuery = (raw: Request): Record<string, string | string[]> => {
  const search = new URL(raw.url).searchParams
  return Object.fromEntries(
    [...new Set(search.keys())].map((name) => {
      const [first = '', ...others] = search.getAll(name).map(storable)
      return [name, others.length === 0 ? first : [first, ...others]]
    }),
  )
}

const readText = async (raw: Request): Promise<string> => {
  const text = await raw.text()
  if (Buffer.byteLength(text) > BODY_BYTES_MAX)
    throw new DomainError('too_large', 'request.too_large', 'The body is larger than 1 MB.')
  return text
}

const readJson = async (raw: Request): Promise<unknown> => {
  const text = await readText(raw)
  if (text === '') return undefined
  const type = raw.headers.get('content-type') ?? ''
  if (!/^application\/(json|[\w.+-]+\+json)\b/i.test(type))
    throw new DomainError('invalid', 'request.content_type', 'Send the body as application/json.')
  try {
    return JSON.parse(text, (_, value) => (typeof value === 'string' ? storable(value) : value))
  } catch (error) {
    if (error instanceof DomainError) throw error
    throw new DomainError('invalid', 'request.malformed', 'The body is not valid JSON.')
  }
}

/** Postgres stores neither U+0000 nor half a surrogate pair: refused here, once, for every field. */
const storable = (text: string): string => {
  if (text.includes('\0') || !text.isWellFormed())
    throw new DomainError(
      'invalid',
      'request.characters',
      'The request holds U+0000 or half a surrogate pair.',
    )
  return text
}
