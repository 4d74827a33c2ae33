import { join } from 'node:path'
import { functionKeyOf, type Template } from '../../local/template/template.ts'
import { type Measurement, readMeasurement } from '../measure/function-figures.ts'
import { keysOf } from '../measure/packaged.ts'
import { root } from '../measure/root.ts'
import type { Arguments } from './arguments.ts'
import { readAccessLog } from './traffic/access-log.ts'
import { readMetrics } from './traffic/cloudwatch.ts'
import { builtInTraffic, PROFILE_NAMES } from './traffic/profiles.ts'
import type { Traffic } from './traffic/traffic.ts'

const MEASURED = join(root, 'docs', 'measurements', 'functions.json')

export type Inputs = { readonly traffic: Traffic; readonly measurement: Measurement }

/** Calls and durations, as they were asked for. @throws InputError or an Error in one sentence. */
export const readInputs = async (args: Arguments, template: Template): Promise<Inputs> => {
  const timeouts = new Map(
    template.functions.map(({ name, timeoutSeconds }) => [functionKeyOf(name), timeoutSeconds]),
  )
  const file = args.durations ?? MEASURED
  const measurement = await readMeasurement(file, keysOf(template), timeouts)
  return { traffic: await trafficOf(args, template), measurement }
}

const trafficOf = async (args: Arguments, template: Template): Promise<Traffic> => {
  if (args.logs) return readAccessLog(args.logs, template.listenerRules)
  if (args.metrics) {
    const names = template.functions.map(({ name }) => name)
    const { period: periodSeconds, stage } = args
    return (await readMetrics(args.metrics, { names, stage, periodSeconds })).traffic
  }
  const traffic = builtInTraffic(args.profile, args.learners)
  if (traffic) return traffic
  throw new Error(`There is no profile ${args.profile}; there are: ${PROFILE_NAMES.join(', ')}.`)
}
