import { evaluate, fixed, largest, named, over, times, whole } from '../bill/formula.ts'
import { type MicroUsd, microUsd } from '../bill/money.ts'
import { committed, type Inputs, packaged } from '../design/inputs.ts'
import { MONTH_HOURS, MONTH_SECONDS } from '../design/month.ts'
import { serverlessBill } from '../design/serverless.ts'
import { scaleAssumption } from './sensitivity.ts'

export type BreakEvenPoint = {
  readonly requests: number
  readonly functions: MicroUsd
  readonly nodes: MicroUsd
}

export type BreakEven = {
  readonly points: readonly BreakEvenPoint[]
  /** Requests a month at which nodes become cheaper; undefined within the range if they never do. */
  readonly at: number | undefined
  /** The same if a call took half, or twice, of a node's processor: nobody has measured it. */
  readonly atHalfCpu: number | undefined
  readonly atTwiceCpu: number | undefined
  readonly podCpuMs: number
  /** At the scenario's own requests, without its bursts. */
  readonly here: BreakEvenPoint
  readonly services: number
}

const POINTS = 41
const NODE = 'm6i.large'

/**
 * Functions against nodes that would run the same services, from no request to `requestsMax`.
 *
 * The load's other parts (videos, certificates, schedules) stay as the scenario has them. The nodes are counted as the
 * baseline runs them: every service that is deployed twice, whatever the load.
 */
export const breakEven = (inputs: Inputs, requestsMax: number): BreakEven => {
  const points = Array.from({ length: POINTS }, (_none, index) =>
    pointAt(inputs, (requestsMax * index) / (POINTS - 1)),
  )
  const withCpu = (factor: number) => {
    const scaled = scaleAssumption(inputs, 'podCpu', factor)
    return crossingIn(
      scaled,
      points.map((point) => ({ ...point, nodes: nodesAt(scaled, point.requests) })),
    )
  }
  return {
    points,
    services: evaluate(servicesOf(inputs)).toNumber(),
    podCpuMs: inputs.assumptions.of('podCpu').value.times(1_000).toNumber(),
    here: pointAt(inputs, inputs.scenario.requests),
    at: crossingIn(inputs, points),
    atHalfCpu: withCpu(0.5),
    atTwiceCpu: withCpu(2),
  }
}

const pointAt = (inputs: Inputs, requests: number): BreakEvenPoint => ({
  requests,
  functions: functionsCost(withRequests(inputs, requests)),
  nodes: nodesAt(inputs, requests),
})

const nodesAt = (inputs: Inputs, requests: number): MicroUsd =>
  microUsd(evaluate(nodesCost(inputs, requests)))

const withRequests = (inputs: Inputs, requests: number): Inputs => ({
  ...inputs,
  scenario: { ...inputs.scenario, requests, examBursts: [] },
})

/** What disappears with Lambda: the functions, their part of the logs, and the internal balancer's traffic. */
const functionsCost = (inputs: Inputs): MicroUsd =>
  serverlessBill(inputs)
    .lines.filter(({ id, service }) => service === 'AWSLambda' || id === 'alb.internal')
    .reduce((sum, { amount }) => sum + amount, 0n)

/** The busiest second of an ordinary month is some thirteen times the average one in our scenarios. */
const BUSIEST = fixed('busiest second to average', 13, 'times', 'as in the scenario `baseline`')

const nodesCost = (inputs: Inputs, requests: number) => {
  const { assumptions } = inputs
  const vcpus = assumptions.vcpus(NODE)
  const standing = over(
    times(servicesOf(inputs), assumptions.of('podReplicas'), assumptions.of('podVcpu')),
    vcpus,
  )
  const busy = over(
    times(
      over(fixed('requests', requests, 'requests', 'of the month'), MONTH_SECONDS),
      BUSIEST,
      assumptions.of('podCpu'),
    ),
    times(vcpus, assumptions.of('nodeUse')),
  )
  const nodes = named('nodes', 'nodes', whole(largest(standing, busy)))
  return named(
    'nodes of services',
    'USD',
    times(nodes, MONTH_HOURS, committed(inputs, 'ec2', `ec2.${NODE}`)),
  )
}

/** As many pods as there are services that answer: a comparison with pods that do not exist would flatter functions. */
const servicesOf = ({ deployed }: Inputs) => {
  const { length } = deployed.functions.filter(({ kind }) => kind === 'http')
  return packaged('services', length, 'services')
}

const HALVINGS = 30

const crossingIn = (inputs: Inputs, points: readonly BreakEvenPoint[]): number | undefined => {
  const cheaper = points.findIndex((point) => point.functions > point.nodes)
  const [before, after] = [points[cheaper - 1], points[cheaper]]
  if (!before || !after) return undefined
  let [low, high] = [before.requests, after.requests]
  for (let step = 0; step < HALVINGS && high - low > 1_000; step += 1) {
    const middle = (low + high) / 2
    const point = pointAt(inputs, middle)
    if (point.functions > point.nodes) high = middle
    else low = middle
  }
  return Math.round(high)
}
