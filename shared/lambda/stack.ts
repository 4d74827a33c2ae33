import { Logger } from '@aws-lambda-powertools/logger'
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware'
import { Metrics } from '@aws-lambda-powertools/metrics'
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware'
import { Tracer } from '@aws-lambda-powertools/tracer'
import { captureLambdaHandler } from '@aws-lambda-powertools/tracer/middleware'
import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import type { Environment } from '../config/load.ts'
import { type Database, openDatabase } from '../db/open.ts'
import { systemClock } from '../kernel/time.ts'
import type { Log } from '../observe/logger.ts'
import { type Sampling, samplingOf } from '../observe/sampling.ts'
import { nudgePublisher } from '../outbox/nudge.ts'
import type { Service } from '../service/define.ts'
import { loadPlatform, type Platform } from '../service/platform.ts'

/** What the doors of one execution environment share: built at import, once per cold start. */
export type Runtime<Deps> = Stack & {
  readonly platform: Platform
  readonly database: Database
  readonly deps: Deps
}

/** What every function stands on, a service or not: how it is observed, and what it was given. */
export type Stack = {
  readonly environment: Environment
  readonly log: Log
  /** Which traces write that all went well; `LOG_SHARE` of them. */
  readonly isLogged: Sampling
  readonly metrics: Metrics
  /** Adds the trace id to every log line of this invocation, and to its X-Ray segment as `annotation.trace_id`. */
  trace(traceId: string): void
  /** The one middy stack: powertools' logger, tracer and EMF metrics around every door. */
  wrap<Event, Result>(
    door: (event: Event, context: Context) => Promise<Result>,
  ): (event: Event, context: Context) => Promise<Result>
}

// The one place that reads the process's environment in a Lambda.
// biome-ignore lint/style/noProcessEnv: config enters here and nowhere else (style 3.10)
const processEnvironment: Environment = process.env

/** Puts a service on Lambda's feet. @throws when the environment is not right: the cold start fails visibly. */
export const startRuntime = <Deps>(
  service: Pick<Service<never, Deps>, 'deps'> & { readonly contract: { readonly service: string } },
  environment: Environment = processEnvironment,
): Runtime<Deps> => {
  const name = service.contract.service
  const stack = startStack(name, environment)
  const { log } = stack
  const platform = loadPlatform({ environment, clock: systemClock, log })
  const { config } = platform
  const database = openDatabase({
    url: config.DATABASE_URL,
    service: name,
    password: config.DATABASE_PASSWORD,
    connectionsMax: 1,
    ...(config.OUTBOX_PUBLISHER && {
      onEventsCommitted: nudgePublisher({
        publisher: config.OUTBOX_PUBLISHER,
        service: name,
        environment,
        log,
      }),
    }),
  })
  return { ...stack, platform, database, deps: service.deps(platform) }
}

/** The observed part of a {@link Runtime}, for a function that is no service. */
export const startStack = (name: string, environment: Environment = processEnvironment): Stack => {
  const logger = new Logger({ serviceName: name })
  const tracer = new Tracer({ serviceName: name })
  const metrics = new Metrics({ namespace: 'LearningHub', serviceName: name })
  const log: Log = {
    info: (message, fields) => logger.info(message, { ...fields }),
    warn: (message, fields) => logger.warn(message, { ...fields }),
    error: (message, fields) => logger.error(message, { ...fields }),
  }
  return {
    environment,
    log,
    isLogged: samplingOf(environment),
    metrics,
    trace: (traceId) => {
      logger.appendKeys({ trace_id: traceId })
      tracer.putAnnotation('trace_id', traceId)
    },
    wrap: (door) =>
      middy(door)
        .use(injectLambdaContext(logger, { resetKeys: true }))
        .use(captureLambdaHandler(tracer, { captureResponse: false }))
        .use(logMetrics(metrics)),
  }
}
