import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../shared/kernel/time.ts'
import { describeError, type Log } from '../../shared/observe/logger.ts'
import { checkLength, hasBody, linger, openBody } from './body.ts'
import type { Breakers } from './breakers.ts'
import type { Cors } from './cors.ts'
import { type Route, rateKeyOf } from './domain.ts'
import {
  gatewayBusy,
  headersTooLarge,
  Refusal,
  rateLimited,
  routeNotFound,
  signInFirst,
} from './errors.ts'
import { forwardedHeaders, HEADERS_MAX, securityHeaders, type Tags, tagsOf } from './headers.ts'
import { bearerOf, type Identified, type Identify } from './identity.ts'
import type { Metrics } from './metrics.ts'
import { writeProblem } from './problems.ts'
import { Failed, type Forwarder, type Outcome } from './proxy.ts'
import type { RateLimiter } from './rate-limit.ts'
import { type Router, readTarget } from './routing.ts'

/** More at once are refused, so that those under way are answered in time. */
export const IN_FLIGHT_MAX = 2_000

export type HttpOptions = {
  readonly router: Router
  readonly identify: Identify
  readonly limiter: RateLimiter
  readonly breakers: Breakers
  readonly proxy: Forwarder
  readonly cors: Cors
  readonly metrics: Metrics
  readonly publicUrl: URL
  readonly trustedHops: number
  /** Answers of the gateway itself, by path. */
  readonly ownPages: Readonly<Record<string, () => OwnPage>>
  readonly isDraining: () => boolean
  readonly clock: Clock
  readonly log: Log
}

export type OwnPage = {
  readonly status: number
  readonly contentType: string
  readonly cacheControl: string
  readonly body: string
}

/** Answers one request. Never rejects: whatever goes wrong is a problem document and a log line. */
export type HandleRequest = (request: IncomingMessage, response: ServerResponse) => Promise<void>

type Exchange = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly tags: Tags
  /** Said on the answer, whoever gives it; written once, as setting them one by one costs a tenth of a request. */
  readonly said: Record<string, string>
  /** Filled in as far as the request came. */
  route: Route | undefined
  identified: Identified | undefined
}

export const createHttp = (
  options: HttpOptions,
): { handle: HandleRequest; inFlight: () => number; lastAnswers: () => void } => {
  const security = securityHeaders(options.publicUrl)
  const inFlight = new Set<ServerResponse>()

  const handle: HandleRequest = async (request, response) => {
    const startedAt = performance.now()
    const tags = tagsOf(request, options.trustedHops)
    const said = {
      ...security,
      ...options.cors.headersFor(request),
      'x-request-id': tags.requestId,
    }
    const exchange: Exchange = {
      ...{ request, response, tags, said },
      ...{ route: undefined, identified: undefined },
    }
    inFlight.add(response)
    response.once('close', () => {
      inFlight.delete(response)
      report(exchange, { startedAt, options })
    })
    // A connection that stays open past the drain would have to be cut: its last answer says so instead.
    if (options.isDraining()) response.shouldKeepAlive = false
    try {
      if (inFlight.size > IN_FLIGHT_MAX) throw gatewayBusy()
      await answer(exchange, options)
    } catch (error) {
      await refuse(exchange, error, options)
    }
  }
  return {
    handle,
    inFlight: () => inFlight.size,
    lastAnswers() {
      for (const response of inFlight) response.shouldKeepAlive = false
    },
  }
}

const answer = async (exchange: Exchange, options: HttpOptions): Promise<void> => {
  const { request } = exchange
  if (request.rawHeaders.length / 2 > HEADERS_MAX) throw headersTooLarge()
  const { path } = readTarget(request.url ?? '')
  const page = options.ownPages[path]
  if (page && (request.method === 'GET' || request.method === 'HEAD'))
    return writePage(exchange, page())
  if (options.cors.isPreflight(request)) return preflight(exchange, path, options)
  const route = options.router.find(request.method ?? '', path)
  exchange.route = route
  checkLength(request)
  exchange.identified = await identify(exchange, route, options)
  await count(exchange, route, options)
  await forward(exchange, route, options)
}

const preflight = (
  { response, said }: Exchange,
  path: string,
  { router, cors }: HttpOptions,
): void => {
  const methods = router.methodsOf(path)
  if (methods.length === 0) throw routeNotFound()
  response.writeHead(204, { ...said, ...cors.preflightHeaders(methods) })
  response.end()
}

/** A public operation takes anybody: a token that does not hold is ignored there, so that it can be refreshed. */
const identify = async (
  { request, tags }: Exchange,
  route: Route,
  options: HttpOptions,
): Promise<Identified | undefined> => {
  const { authorization } = request.headers
  try {
    const identified = await options.identify(bearerOf(authorization), tags)
    if (!identified && !route.isPublic) throw signInFirst()
    return identified
  } catch (error) {
    const isIdentity = error instanceof Refusal && error.status !== 429
    if (route.isPublic && isIdentity) return undefined
    throw error
  }
}

const count = async (
  { said, identified, tags }: Exchange,
  { rateClass }: Route,
  { limiter }: HttpOptions,
): Promise<void> => {
  const { clientAddress } = tags
  const key = rateKeyOf(rateClass, { access: identified?.access, clientAddress })
  const rate = await limiter.take(rateClass, key)
  Object.assign(said, rate.headers)
  if (!rate.isAllowed) throw rateLimited(rate.retryAfterSeconds)
}

const forward = async (
  { request, response, said, identified, tags }: Exchange,
  { service }: Route,
  { breakers, proxy, publicUrl }: HttpOptions,
): Promise<void> => {
  const leave = breakers.enter(service)
  let outcome: Outcome = 'cancelled'
  try {
    const body = await openBody(request, response)
    const internalToken = identified?.internalToken
    outcome = await proxy.forward(
      {
        service,
        method: request.method ?? '',
        target: request.url ?? '',
        headers: forwardedHeaders(request.headers, { tags, internalToken, publicUrl }),
        body,
        said,
      },
      response,
    )
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    outcome = error.outcome
    throw error.refusal
  } finally {
    leave(outcome)
  }
}

const writePage = ({ response, said }: Exchange, page: OwnPage): void => {
  response.writeHead(page.status, {
    ...said,
    'content-type': page.contentType,
    'content-length': Buffer.byteLength(page.body),
    'cache-control': page.cacheControl,
  })
  response.end(page.body)
}

const refuse = async (
  { request, response, said, tags, route }: Exchange,
  error: unknown,
  { metrics, log }: HttpOptions,
): Promise<void> => {
  const code = error instanceof Refusal ? error.code : 'internal'
  metrics.refused(code)
  const isOurs = !(error instanceof Refusal)
  const cause = error instanceof Refusal ? error.cause : error
  if (cause !== undefined)
    log[isOurs ? 'error' : 'warn']('request refused', {
      trace: tags.traceId,
      operation: route?.name,
      refused: code,
      ...describeError(cause),
    })
  if (response.headersSent || response.destroyed) return void response.destroy()
  const instance = (request.url ?? '').split('?')[0] ?? ''
  const context = { instance, traceId: tags.traceId }
  const isBodyComing = hasBody(request) && !request.complete
  // What is still being sent would be taken for the next request; cut off now, it would cost the refusal too.
  if (isBodyComing) response.shouldKeepAlive = false
  writeProblem(response, error, { ...context, said })
  if (isBodyComing) await linger(request)
  response.end()
}

/** One line a request. No path (it may hold a token), no query, no header: the template and the ids say enough. */
const report = (
  { request, response, tags, route, identified }: Exchange,
  { startedAt, options }: { startedAt: number; options: HttpOptions },
): void => {
  const durationMs = performance.now() - startedAt
  // 499: the client left before the answer was whole (nginx's number).
  const status = response.writableFinished ? response.statusCode : 499
  options.metrics.answered({ service: route?.service ?? 'gateway', status, durationMs })
  options.log.info('request', {
    method: request.method,
    route: route?.template,
    operation: route?.name,
    status,
    durationMs: Math.round(durationMs * 10) / 10,
    trace: tags.traceId,
    requestId: tags.requestId,
    account: identified?.access.accountId,
    organization: identified?.access.organizationId,
  })
}
