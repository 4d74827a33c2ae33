import type { ALBEvent } from 'aws-lambda'
import { startBalancer } from '../../../local/balancer/balancer.ts'
import { internalTokenVerifier } from '../../../shared/auth/internal-token.ts'
import { openDatabase } from '../../../shared/db/open.ts'
import { mount } from '../../../shared/http/mount.ts'
import { systemClock } from '../../../shared/kernel/time.ts'
import { toRequest, toResult } from '../../../shared/lambda/alb.ts'
import type { Log } from '../../../shared/observe/logger.ts'
import { loadPlatform } from '../../../shared/service/platform.ts'
import { campusServices, nameOf } from '../campus/services.ts'
import type { Settings } from './settings.ts'

/** Every service's HTTP door behind a balancer: requests come as an ALB's events, as they do in Lambda. */
export const serveDoors = async (settings: Settings, log: Log): Promise<void> => {
  const platform = loadPlatform({ environment: environmentOf(settings), clock: systemClock, log })
  const apps = new Map(
    campusServices.map((service) => [
      nameOf(service),
      mount({
        contract: service.contract,
        routes: service.routes,
        deps: service.deps(platform),
        database: openDatabase({
          url: settings.DATABASE_URL,
          service: nameOf(service),
          password: settings.DATABASE_PASSWORD,
          connectionsMax: settings.CONNECTIONS_MAX,
        }),
        verifyToken: internalTokenVerifier(platform.config.INTERNAL_JWKS),
        clock: platform.clock,
        log,
      }),
    ]),
  )
  let inFlight = 0
  await startBalancer({
    port: settings.PORT,
    rules: campusServices.map(ruleOf),
    async invoke(name, payload) {
      const app = apps.get(name)
      if (!app) throw new Error(`there is no service ${name}`)
      // Lambda answers a throttled invoke with an error, and the balancer with 502.
      if (inFlight >= settings.IN_FLIGHT_MAX) throw new Error('throttled')
      inFlight += 1
      try {
        const event: ALBEvent = JSON.parse(payload)
        return { payload: JSON.stringify(await toResult(await app.fetch(toRequest(event)))) }
      } finally {
        inFlight -= 1
      }
    },
    onProblem: (line) => log.warn('balancer', { line }),
  })
}

const ruleOf = (service: (typeof campusServices)[number], index: number) => {
  const { prefix } = service.contract
  return {
    priority: index + 1,
    conditions: [{ field: 'path' as const, values: [prefix, `${prefix}/*`] }],
    targetGroup: {
      arn: nameOf(service),
      functionName: nameOf(service),
      multiValueHeaders: true,
      healthCheck: undefined,
    },
  }
}

const environmentOf = (settings: Settings): Record<string, string> =>
  Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value]] : [],
    ),
  )
