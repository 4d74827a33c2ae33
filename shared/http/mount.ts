import { Hono } from 'hono/tiny'
import {
  type Identity,
  INTERNAL_TOKEN_HEADER,
  unauthenticated,
  type VerifyInternalToken,
} from '../auth/internal-token.ts'
import type { AnswerOf, Contract, InputOf, Operation } from '../contracts/define.ts'
import type { Database } from '../db/open.ts'
import { type Tenant, type Tx, transaction } from '../db/transaction.ts'
import { assert } from '../kernel/assert.ts'
import { DomainError } from '../kernel/errors.ts'
import type { Clock, Instant } from '../kernel/time.ts'
import { describeError, type Log } from '../observe/logger.ts'
import { traceIdOf, traceparentOf } from '../observe/trace.ts'
import { accessDenied, type Caller, mayHoldSomewhere, toCaller } from './caller.ts'
import { claimIdempotencyKey, releaseIdempotencyKey, storeAnswer } from './idempotency.ts'
import { problemResponse } from './problem.ts'
import { etagOf, readIdempotencyKey, readIfMatch, readInput } from './request.ts'

/** What a handler is handed: parsed input, who calls, what time it is, and the open transaction. */
export type Request<Op extends Operation> = InputOf<Op> & {
  /**
   * The signed-in person. It throws in `internal` operations, and in `public` ones where nobody is signed in: their handlers
   * must not read it.
   */
  readonly caller: Caller
  readonly now: Instant
  readonly tx: Tx
  /** The revision that `If-Match` names; -1 where the contract does not ask for one. */
  readonly ifMatch: number
  readonly headers: Headers
  /** Headers of the answer, for cookies and caching. */
  readonly reply: Headers
}

/**
 * The handlers of a contract: one per operation, no more, no fewer. A *thrown* error rolls everything back; a
 * *returned* {@link DomainError} is answered too, but keeps what was written (decision 0003).
 */
export type Handlers<C extends Contract, Deps> = {
  readonly [Name in keyof C['operations']]: (
    request: Request<C['operations'][Name]>,
    deps: Deps,
  ) => Promise<AnswerOf<C['operations'][Name]> | DomainError>
}

export type MountOptions<C extends Contract, Deps> = {
  readonly contract: C
  readonly routes: Handlers<C, Deps>
  readonly deps: Deps
  readonly database: Database
  readonly verifyToken: VerifyInternalToken
  readonly clock: Clock
  readonly log: Log
}

type AnyHandler = (request: unknown, deps: unknown) => Promise<unknown>

/** Puts a contract's handlers on HTTP: validate, authorise, run in one transaction, strip, answer. */
export const mount = <C extends Contract, Deps>(options: MountOptions<C, Deps>): Hono => {
  const app = new Hono()
  for (const [name, operation] of Object.entries(options.contract.operations)) {
    const handler = options.routes[name as keyof C['operations']] as AnyHandler
    const path = `${options.contract.prefix}${operation.path === '/' ? '' : operation.path}`
    app.on(operation.method, path.replaceAll(/\{(\w+)\}/g, ':$1'), (context) =>
      answer(context.req.raw, context.req.param(), { ...options, name, operation, handler }),
    )
  }
  app.notFound((context) =>
    problemResponse(routeNotFound(), {
      instance: context.req.path,
      traceId: traceIdOf(traceparentOf(context.req.raw.headers)),
    }),
  )
  return app
}

type Mounted = Omit<MountOptions<Contract, unknown>, 'routes'> & {
  readonly name: string
  readonly operation: Operation
  readonly handler: AnyHandler
}

const answer = async (
  raw: globalThis.Request,
  params: Record<string, string>,
  mounted: Mounted,
): Promise<Response> => {
  const traceparent = traceparentOf(raw.headers)
  try {
    return await run(raw, params, { ...mounted, traceparent })
  } catch (error) {
    report(error, mounted)
    return problemResponse(error, {
      instance: new URL(raw.url).pathname,
      traceId: traceIdOf(traceparent),
    })
  }
}

const run = async (
  raw: globalThis.Request,
  params: Record<string, string>,
  mounted: Mounted & { readonly traceparent: string },
): Promise<Response> => {
  const { operation, clock, database, deps, handler, name, traceparent } = mounted
  const now = clock()
  const identity = await identify(raw, mounted, now)
  const caller = authorise(identity, operation)
  const input = await readInput(raw, params, operation)
  const ifMatch = readIfMatch(raw.headers, operation)
  const key = readIdempotencyKey(raw.headers, operation)
  const actorId = caller?.accountId ?? (identity?.kind === 'service' ? identity.name : 'anonymous')
  const context = { tenant: tenantOf(operation, caller), now, actorId, traceparent }
  return transaction(database, context, async (tx) => {
    const keyed =
      key === undefined
        ? undefined
        : {
            owner: `${actorId}@${context.tenant}`,
            key,
            operation: name,
            input: { ...input, params, ifMatch },
          }
    const first = keyed && (await claimIdempotencyKey(tx, keyed))
    if (first) return replay(first, operation)
    const reply = new Headers()
    const result = await handler(
      {
        ...input,
        // Spreading a getter would read it: internal operations have no caller to read, public ones need not.
        get caller() {
          return present(caller)
        },
        now,
        tx,
        ifMatch,
        headers: raw.headers,
        reply,
      },
      deps,
    )
    if (result instanceof DomainError) {
      if (keyed) await releaseIdempotencyKey(tx, keyed)
      report(result, mounted)
      return problemResponse(result, {
        instance: new URL(raw.url).pathname,
        traceId: traceIdOf(traceparent),
      })
    }
    const shown = strip(operation, result)
    if (keyed) await storeAnswer(tx, keyed, { status: operation.status, answer: shown })
    return respond(operation, shown, reply)
  })
}

const identify = async (
  raw: globalThis.Request,
  { verifyToken }: Mounted,
  now: Instant,
): Promise<Identity | undefined> => {
  const token = raw.headers.get(INTERNAL_TOKEN_HEADER)
  return token === null ? undefined : verifyToken(token, now)
}

const authorise = (identity: Identity | undefined, operation: Operation): Caller | undefined => {
  const { scope, permission } = operation
  if (scope === 'internal') {
    // Our own parts only; to anybody else the operation does not exist.
    if (identity?.kind !== 'service') throw routeNotFound()
    return undefined
  }
  const caller = identity?.kind === 'account' ? toCaller(identity.principal) : undefined
  if (scope === 'public') return caller
  if (!caller) throw unauthenticated()
  if (scope === 'account') return caller
  assert(permission, 'the contract names a permission for this scope')
  const allowed = {
    organization: () => caller.can(permission),
    course: () => mayHoldSomewhere(caller, permission),
    platform: () => caller.grants.platform.includes(permission),
  }[scope]()
  if (!allowed) throw accessDenied(permission)
  return caller
}

// The tenant of the second wall (row-level security): where no single organisation is meant, the rule in code stands alone.
const tenantOf = (operation: Operation, caller: Caller | undefined): Tenant =>
  (operation.scope === 'organization' || operation.scope === 'course') && caller
    ? caller.organizationId
    : '*'

const present = (caller: Caller | undefined): Caller => {
  assert(caller, 'this operation has no caller')
  return caller
}

const strip = (operation: Operation, result: unknown): unknown => {
  if (operation.status === 302) return result
  return operation.answer?.parse(result)
}

const respond = (operation: Operation, shown: unknown, headers: Headers): Response => {
  const { status, answerType } = operation
  if (status === 302) {
    headers.set('location', (shown as { location: string }).location)
    return new Response(null, { status, headers })
  }
  if (shown === undefined) return new Response(null, { status, headers })
  const etag = etagOf(operation, shown)
  if (etag) headers.set('etag', etag)
  headers.set('content-type', answerType ?? 'application/json')
  const body = answerType ? String(shown) : JSON.stringify(shown)
  return new Response(body, { status, headers })
}

const replay = ({ answer: shown }: { answer: unknown }, operation: Operation): Response =>
  respond(operation, shown ?? undefined, new Headers({ 'idempotency-replayed': 'true' }))

const routeNotFound = () =>
  new DomainError('not_found', 'route.not_found', 'There is no such operation.')

const report = (error: unknown, { log, name }: Mounted): void => {
  if (error instanceof DomainError && error.kind !== 'unavailable')
    log.info('operation refused', { operation: name, code: error.code })
  else log.error('operation failed', { operation: name, ...describeError(error) })
}
