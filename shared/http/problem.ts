import * as z from 'zod'
import { DomainError, type ErrorKind } from '../kernel/errors.ts'

/** RFC 9457, with a stable `code` and the trace id that support asks for. */
export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    instance: z.string().optional(),
    code: z.string(),
    traceId: z.string().optional(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details' })

export type Problem = z.infer<typeof problemSchema>

/** Field errors that are listed at most: a hostile body must not buy a huge answer. */
const FIELD_ERRORS_MAX = 20

const kinds: Readonly<Record<ErrorKind, { status: number; title: string }>> = {
  invalid: { status: 400, title: 'Bad Request' },
  unauthenticated: { status: 401, title: 'Unauthorized' },
  forbidden: { status: 403, title: 'Forbidden' },
  not_found: { status: 404, title: 'Not Found' },
  conflict: { status: 409, title: 'Conflict' },
  gone: { status: 410, title: 'Gone' },
  precondition_failed: { status: 412, title: 'Precondition Failed' },
  too_large: { status: 413, title: 'Content Too Large' },
  unprocessable: { status: 422, title: 'Unprocessable Content' },
  precondition_required: { status: 428, title: 'Precondition Required' },
  rate_limited: { status: 429, title: 'Too Many Requests' },
  unavailable: { status: 503, title: 'Service Unavailable' },
}

export const statusOf = (kind: ErrorKind): number => kinds[kind].status

/** The kind whose answers have this status; `invalid` for any other refusal. */
export const kindOf = (status: number): ErrorKind =>
  (Object.keys(kinds) as ErrorKind[]).find((kind) => kinds[kind].status === status) ?? 'invalid'

/** The public document of any error; what is not a {@link DomainError} says nothing of itself. */
export const toProblem = (
  error: unknown,
  { instance, traceId }: { instance: string; traceId: string },
): Problem => {
  if (!(error instanceof DomainError))
    return {
      type: 'urn:hub:problem:internal',
      title: 'Internal Server Error',
      status: 500,
      code: 'internal',
      instance,
      traceId,
    }
  const { status, title } = kinds[error.kind]
  return {
    ...error.options.extensions,
    type: `urn:hub:problem:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    instance,
    traceId,
  }
}

export const problemResponse = (
  error: unknown,
  context: { instance: string; traceId: string },
): Response => {
  const problem = toProblem(error, context)
  const headers = new Headers({ 'content-type': 'application/problem+json' })
  if (error instanceof DomainError && error.options.retryAfterSeconds !== undefined)
    headers.set('retry-after', String(Math.ceil(error.options.retryAfterSeconds)))
  return new Response(JSON.stringify(problem), { status: problem.status, headers })
}

/** A request that its schema refuses, field by field as JSON pointers (RFC 6901). */
export const requestInvalid = (part: 'params' | 'query' | 'body', issues: z.core.$ZodIssue[]) =>
  new DomainError('invalid', 'request.invalid', `The ${part} of the request is not valid.`, {
    extensions: {
      errors: issues
        .flatMap(toFieldErrors)
        .slice(0, FIELD_ERRORS_MAX)
        .map(({ path, detail }) => ({
          pointer: `#/${[part, ...path].map((key) => escapePointer(String(key))).join('/')}`,
          detail,
        })),
    },
  })

const toFieldErrors = (issue: z.core.$ZodIssue): { path: PropertyKey[]; detail: string }[] =>
  issue.code === 'unrecognized_keys'
    ? issue.keys.map((key) => ({ path: [...issue.path, key], detail: 'is not a known field' }))
    : [{ path: issue.path, detail: issue.message }]

const escapePointer = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1')
