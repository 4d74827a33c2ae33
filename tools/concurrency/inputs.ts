import { join } from 'node:path'
import { packageHub } from '../../local/package/package.ts'
import { functionKeyOf, type Template } from '../../local/template/template.ts'
import { type Measurement, overTimeout, readMeasurement } from '../measure/function-figures.ts'
import { keysOf, readPackaged } from '../measure/packaged.ts'
import { root } from '../measure/root.ts'
import type { Arguments } from './arguments.ts'
import { readAccessLog } from './traffic/access-log.ts'
import { type Metrics, readMetrics } from './traffic/cloudwatch.ts'
import { builtInTraffic, PROFILE_NAMES } from './traffic/profiles.ts'
import type { Traffic } from './traffic/traffic.ts'

const MEASURED = join(root, 'docs', 'measurements', 'functions.json')

export type Inputs = { readonly traffic: Traffic; readonly measurement: Measurement }

/** The packaged template: the one that was named, or that of this checkout. */
export const packagedTemplate = async (template: string | undefined): Promise<Template> =>
  readPackaged(template ?? (await packageHub({ root, reuse: true })).templatePath)

/** Calls and durations, as they were asked for. @throws InputError or an Error in one sentence. */
export const readInputs = async (args: Arguments, template: Template): Promise<Inputs> => {
  const timeouts = new Map(
    template.functions.map(({ name, timeoutSeconds }) => [functionKeyOf(name), timeoutSeconds]),
  )
  const file = args.durations ?? MEASURED
  const kept = await readMeasurement(file, keysOf(template), timeouts)
  if (!args.metrics)
    return { traffic: await trafficOf(args, template.listenerRules), measurement: kept }
  const names = template.functions.map(({ name }) => name)
  const { period: periodSeconds, stage } = args
  const metrics = await readMetrics(args.metrics, { names, stage, periodSeconds })
  return withDurations(metrics, kept, timeouts)
}

const trafficOf = async (args: Arguments, rules: Template['listenerRules']): Promise<Traffic> => {
  if (args.logs) return readAccessLog(args.logs, rules)
  const traffic = builtInTraffic(args.profile, args.learners)
  if (traffic) return traffic
  throw new Error(`There is no profile ${args.profile}; there are: ${PROFILE_NAMES.join(', ')}.`)
}

/**
 * Puts durations of AWS over those that are kept. CloudWatch counts neither imports nor events, so that these stay.
 *
 * @throws InputError for durations that cannot be.
 */
export const withDurations = (
  { traffic, durations, measuredAt }: Metrics,
  kept: Measurement,
  timeouts: ReadonlyMap<string, number>,
): Inputs => {
  if (durations.size === 0) return { traffic, measurement: kept }
  const exported = [...durations].map(([key, { invocations, durationMs, refuse }]) => {
    const { initMs = null, maxMemoryMb = null, eventsPerInvocation = 0 } = kept.functions[key] ?? {}
    const fault = overTimeout(durationMs, timeouts.get(key))
    if (fault) refuse(`${key}: ${fault.reason}`)
    const figures = { invocations, durationMs, initMs, maxMemoryMb, eventsPerInvocation }
    return [key, figures] as const
  })
  const unknown = [...durations.keys()].filter((key) => !kept.functions[key]).toSorted()
  const note =
    `Durations of ${durations.size} functions are from AWS; other durations, imports and events per call are from ` +
    `${kept.command}, ${kept.measuredAt.slice(0, 10)}, on ${kept.machine}.`
  return {
    traffic: {
      ...traffic,
      notes: [
        ...traffic.notes,
        note,
        ...(unknown.length > 0
          ? [`Imports and events are not known of, and taken for none: ${unknown.join(', ')}.`]
          : []),
      ],
    },
    measurement: {
      ...{ measuredAt, command: 'aws cloudwatch get-metric-data', machine: 'AWS' },
      functions: { ...kept.functions, ...Object.fromEntries(exported) },
    },
  }
}
