import type * as z from 'zod'
import type { DeepReadonly } from '../kernel/readonly.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/**
 * Who may call an operation, and whose rows it sees.
 *
 * - `public`: anybody; the handler proves what it needs itself (a signed grant, a mailed token).
 * - `account`: any signed-in person, about what is their own, in any organisation.
 * - `organization`: holders of `permission` in the active organisation; rows of that organisation only.
 * - `course`: as above, or holders of `permission` on the very course: the handler ends the check with
 *   `caller.require(permission, course)`.
 * - `platform`: holders of `permission` above all organisations.
 * - `internal`: our own parts, never a client; the gateway does not route it.
 */
export type Scope = 'public' | 'account' | 'organization' | 'course' | 'platform' | 'internal'

/** `<noun>:<verb>`, granted through roles. */
export type Permission = `${string}:${string}`

/** One operation as data: all that a client, the OpenAPI document, the permission catalogue and `mount` need. */
export type Operation = {
  readonly method: Method
  /** Below the contract's prefix; `{name}` marks a parameter. */
  readonly path: string
  readonly summary: string
  readonly description?: string
  readonly scope: Scope
  /** Wanted by the scopes `organization`, `course` and `platform`. */
  readonly permission?: Permission
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  /** Strict: an unknown field is a 400. */
  readonly body?: z.ZodType
  /** The body is handed over as the text that came, unparsed: a signature covers its bytes. */
  readonly rawBody?: true
  /** Status of success. 204 and redirects (302, with `location`) have no body. */
  readonly status: 200 | 201 | 202 | 204 | 302
  /** Fields that it does not name never leave the service. */
  readonly answer?: z.ZodType
  /** Media type of a textual answer; JSON unless stated. */
  readonly answerType?: string
  /** Codes of the refusals that this operation adds to the common ones. */
  readonly errors: readonly string[]
  /** Honours `Idempotency-Key`; `'required'` refuses to run without one. */
  readonly idempotency?: 'optional' | 'required'
  /** The caller must send `If-Match` with the ETag that it read. */
  readonly ifMatch?: true
  /** The answer's field that becomes the ETag. */
  readonly etag?: string
  /** How strictly the gateway counts: sign-in and its like are `sensitive`. */
  readonly rateClass?: 'sensitive' | 'media'
}

export type Contract<
  Operations extends Readonly<Record<string, Operation>> = Readonly<Record<string, Operation>>,
> = {
  readonly service: string
  /** One prefix a service: one balancer rule. */
  readonly prefix: `/v1/${string}`
  readonly title: string
  readonly operations: Operations
}

/** Keeps the literal types of the operations. */
export const defineContract = <const Operations extends Readonly<Record<string, Operation>>>(
  contract: Contract<Operations>,
): Contract<Operations> => contract

type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined

type Sent<Schema> = Schema extends z.ZodType ? DeepReadonly<z.input<Schema>> : undefined

/** What a client sends for `Op`: before defaults and coercion. */
export type SentTo<Op extends Operation> = {
  readonly params: Sent<Op['params']>
  readonly query: Sent<Op['query']>
  readonly body: Sent<Op['body']>
}

/** What a handler of `Op` gets: checked, with defaults. */
export type InputOf<Op extends Operation> = {
  readonly params: Parsed<Op['params']>
  readonly query: Parsed<Op['query']>
  readonly body: Parsed<Op['body']>
}

/** What a handler of `Op` gives back. */
export type AnswerOf<Op extends Operation> = Op['status'] extends 302
  ? { readonly location: string }
  : Op['answer'] extends z.ZodType
    ? DeepReadonly<z.input<Op['answer']>>
    : undefined

/** The full path template of an operation: `/v1/courses/{courseId}`. */
export const pathOf = (contract: Contract, operation: Operation): string =>
  operation.path === '/' ? contract.prefix : `${contract.prefix}${operation.path}`
