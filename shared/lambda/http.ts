import { MetricUnit } from '@aws-lambda-powertools/metrics'
import type { ALBEvent, ALBResult, Context } from 'aws-lambda'
import { internalTokenVerifier } from '../auth/internal-token.ts'
import type { Contract } from '../contracts/define.ts'
import { mount } from '../http/mount.ts'
import { withoutTokens } from '../observe/logger.ts'
import { continueTrace, traceIdOf, traceparentOf } from '../observe/trace.ts'
import type { Service } from '../service/define.ts'
import { toRequest, toResult } from './alb.ts'
import type { Runtime } from './stack.ts'

/** The HTTP door: an ALB target. */
export const httpDoor = <C extends Contract, Deps>(
  service: Service<C, Deps>,
  runtime: Runtime<Deps>,
): ((event: ALBEvent, context: Context) => Promise<ALBResult>) => {
  const { platform, database, deps, log, isLogged, metrics } = runtime
  const app = mount({
    contract: service.contract,
    routes: service.routes,
    deps,
    database,
    verifyToken: internalTokenVerifier(platform.config.INTERNAL_JWKS),
    clock: platform.clock,
    log,
  })
  return runtime.wrap(async (event) => {
    const request = toRequest(event)
    const traceparent = continueTrace(traceparentOf(request.headers))
    request.headers.set('traceparent', traceparent)
    const traceId = traceIdOf(traceparent)
    runtime.trace(traceId)
    const response = await app.fetch(request)
    metrics.addMetric(`Status${Math.floor(response.status / 100)}xx`, MetricUnit.Count, 1)
    if (response.status >= 400 || isLogged(traceId))
      log.info('request', {
        method: event.httpMethod,
        path: withoutTokens(event.path),
        status: response.status,
      })
    return toResult(response)
  })
}
