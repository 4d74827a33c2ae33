import { type Formula, times, type Value, value } from '../bill/formula.ts'
import type { Assumptions } from '../inputs/assumptions.ts'
import type { Measurements } from '../inputs/measurements.ts'
import type { Prices } from '../inputs/prices.ts'
import type { Scenario } from '../inputs/scenario.ts'
import type { Deployed, DeployedFunction } from './deployed.ts'
import type { Platform } from './sizes.ts'

/** What can be committed to for a year. */
export const COMMITMENTS = ['rds', 'elasticache', 'opensearch', 'ec2', 'lambda'] as const
export type Commitment = (typeof COMMITMENTS)[number]

/** All that a bill of the serverless design rests on. A switch changes these, never the bill. */
export type Inputs = {
  readonly prices: Prices
  readonly deployed: Deployed
  readonly platform: Platform
  readonly scenario: Scenario
  readonly measurements: Measurements | undefined
  readonly assumptions: Assumptions
  readonly commitments: readonly Commitment[]
  /** Names of the switches that are on. */
  readonly switches: readonly string[]
}

/** The price of an item, less what a commitment takes off where there is one. */
export const committed = (inputs: Inputs, commitment: Commitment, item: string): Formula =>
  inputs.commitments.includes(commitment)
    ? times(inputs.prices.of(item), inputs.prices.of(`reserved.${commitment}`))
    : inputs.prices.of(item)

/** A number of the packaged template. */
export const packaged = (name: string, number: number | string, unit: string): Value =>
  value(name, number, unit, { kind: 'template', text: 'npm run package' })

/** A figure of the measurement file, or the assumption for a function of its kind. */
const measured = (
  { measurements, assumptions }: Inputs,
  { name }: DeployedFunction,
  read: (one: Measurements['functions'][string]) => number | undefined,
  fallback: string,
  as: { readonly name: string; readonly unit: string },
): Value => {
  const one = measurements?.functions[name]
  const found = one && read(one)
  if (!measurements || found === undefined) return { ...assumptions.of(fallback), name: as.name }
  return value(`${as.name} of ${name}`, found, as.unit, {
    kind: 'measured',
    text: `docs/measurements/functions.json, ${measurements.measuredAt.slice(0, 10)}, ${measurements.machine}`,
  })
}

/** AWS gives a function one virtual CPU at this memory, and less below it in proportion. */
const FULL_CPU_MB = 1_769

const kindOf = ({ kind }: DeployedFunction) => (kind === 'publisher' ? 'jobs' : kind)

/**
 * How long a call takes, in seconds.
 *
 * A measured duration comes from a whole CPU; with less memory Lambda gives less. As nobody measures how much of a call
 * is waiting, all of it is taken as work: the dearest case.
 */
export const duration = (inputs: Inputs, one: DeployedFunction): Formula => {
  const mean = measured(
    inputs,
    one,
    ({ durationMs }) => durationMs.mean / 1_000,
    `duration.${kindOf(one)}`,
    { name: 'mean duration', unit: 's' },
  )
  return mean.origin.kind === 'measured' ? times(mean, slowdown(one)) : mean
}

/** How long a new environment takes before its first call, in seconds. */
export const start = (inputs: Inputs, one: DeployedFunction): Formula =>
  measured(inputs, one, ({ initMs }) => (initMs ? initMs.p50 / 1_000 : undefined), 'init', {
    name: 'start of an environment',
    unit: 's',
  })

const slowdown = ({ memoryMb }: DeployedFunction): Value =>
  value('slowdown by its share of a CPU', Math.max(1, FULL_CPU_MB / memoryMb).toFixed(4), 'times', {
    kind: 'template',
    text: `${FULL_CPU_MB} MB are one CPU, ${memoryMb} MB are less`,
  })

/** Events that a call writes into the outbox, on average. */
export const eventsPerCall = (inputs: Inputs, one: DeployedFunction): Value =>
  measured(inputs, one, ({ eventsPerInvocation }) => eventsPerInvocation, `events.${kindOf(one)}`, {
    name: 'events per call',
    unit: 'events',
  })
