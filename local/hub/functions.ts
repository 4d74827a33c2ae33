import type { Bus } from '../../shared/bus/port.ts'
import { startBalancer } from '../balancer/balancer.ts'
import {
  type EventSourceMappings,
  startEventSourceMappings,
  toMapping,
} from '../event-source-mappings/event-source-mappings.ts'
import { startLambdaApi } from '../lambda/api.ts'
import { createLambda, type Lambda } from '../lambda/lambda.ts'
import { startSchedules } from '../schedules/schedules.ts'
import type { Template } from '../template/template.ts'
import type { Closers } from './closers.ts'
import type { ConcurrencyFigures } from './concurrency.ts'
import type { HubLog } from './log.ts'
import { LISTENER_ARN, REGION } from './template.ts'

/** A laptop's share of what AWS would give; see local/lambda. */
const ENVIRONMENTS_PER_FUNCTION_MAX = 4
const IDLE_ENVIRONMENTS_MAX = 24
const ASYNC_RETRY_DELAYS_MS = [1_000, 2_000]

/** Lambda with every function of the template, and its API. */
export const startFunctions = async ({
  template,
  concurrency,
  codeRoot,
  environment,
  apiPort,
  hubLog,
  closers,
}: {
  template: Template
  /** Figures to play exactly: then every function has as many environments as it may run, and keeps them. */
  concurrency: ConcurrencyFigures | undefined
  codeRoot: string
  /** Beside what the template gives to each function. */
  environment: Readonly<Record<string, string>>
  apiPort: number
  hubLog: HubLog
  closers: Closers
}): Promise<Lambda> => {
  const lambda = closers.add(
    createLambda({
      functions: template.functions,
      codeRoot,
      region: REGION,
      ...(concurrency
        ? { unreservedMax: concurrency.unreserved, provisions: true }
        : {
            environmentsPerFunctionMax: ENVIRONMENTS_PER_FUNCTION_MAX,
            idleEnvironmentsMax: IDLE_ENVIRONMENTS_MAX,
          }),
      asyncRetryDelaysMs: ASYNC_RETRY_DELAYS_MS,
      onLog: (name, line) => hubLog.write(name, line),
      baseEnv: environment,
    }),
    (part) => part.close(),
  )
  closers.add(await startLambdaApi({ lambda, port: apiPort }), (part) => part.close())
  return lambda
}

/**
 * What calls functions: the internal balancer, the event-source mappings and the schedules.
 *
 * @returns the mappings: how far they are behind is worth a look.
 */
export const startTriggers = async ({
  template,
  lambda,
  bus,
  internalPort,
  hubLog,
  closers,
}: {
  template: Template
  lambda: Lambda
  bus: Bus
  internalPort: number
  hubLog: HubLog
  closers: Closers
}): Promise<EventSourceMappings> => {
  const { invoke } = lambda
  closers.add(
    await startBalancer({
      port: internalPort,
      rules: template.listenerRules.filter((rule) => rule.listenerArn === LISTENER_ARN),
      invoke,
      onProblem: (line) => hubLog.write('internal-balancer', line),
    }),
    (part) => part.close(),
  )
  const mappings = closers.add(
    startEventSourceMappings({
      mappings: template.eventSourceMappings.map(toMapping),
      bus,
      invoke,
      onError: (error, { functionName }) =>
        hubLog.write('event-source-mappings', `${functionName}: ${String(error)}`),
    }),
    (part) => part.close(),
  )
  closers.add(startSchedules({ schedules: template.schedules, invoke }), (part) => part.close())
  return mappings
}
