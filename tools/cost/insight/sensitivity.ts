import type { MicroUsd } from '../bill/money.ts'
import type { Inputs } from '../design/inputs.ts'
import { serverlessBill } from '../design/serverless.ts'
import { AMOUNTS } from '../inputs/scenario.ts'

export type Sensitivity = {
  readonly name: string
  readonly kind: 'load' | 'assumption'
  /** How the bill changes with half, and with twice of it. */
  readonly half: MicroUsd
  readonly twice: MicroUsd
}

const ASSUMED = [
  ...[
    'duration.http',
    'duration.bus',
    'coldShare',
    'eventsPerNudge',
    'recordsPerBatch',
    'callLogKb',
  ],
  ...['topicMetrics', 'engineLogGb', 'bitrateShare', 'oldShare', 'gatewayCpu', 'answerKb'],
]

/** What the bill hangs on: each number of the load and of the larger assumptions halved and doubled, largest first. */
export const sensitivities = (inputs: Inputs): readonly Sensitivity[] => {
  const { total } = serverlessBill(inputs)
  const change = (changed: Inputs) => serverlessBill(changed).total - total
  const ofLoad = AMOUNTS.filter((name) => inputs.scenario[name] > 0).map((name) => ({
    name,
    kind: 'load' as const,
    half: change(scaleLoad(inputs, name, 0.5)),
    twice: change(scaleLoad(inputs, name, 2)),
  }))
  const ofAssumptions = ASSUMED.map((name) => ({
    name,
    kind: 'assumption' as const,
    half: change(scaleAssumption(inputs, name, 0.5)),
    twice: change(scaleAssumption(inputs, name, 2)),
  }))
  return [...ofLoad, ...ofAssumptions]
    .filter(({ half, twice }) => half !== 0n || twice !== 0n)
    .toSorted((one, other) => Number(reach(other) - reach(one)))
}

const reach = ({ half, twice }: Sensitivity): bigint => {
  const span = twice - half
  return span < 0n ? -span : span
}

const scaleLoad = (inputs: Inputs, name: (typeof AMOUNTS)[number], factor: number): Inputs => ({
  ...inputs,
  scenario: { ...inputs.scenario, [name]: inputs.scenario[name] * factor },
})

/** The same inputs with one assumption scaled. */
export const scaleAssumption = (inputs: Inputs, name: string, factor: number): Inputs => {
  const { value, origin } = inputs.assumptions.of(name)
  return {
    ...inputs,
    assumptions: inputs.assumptions.with({ [name]: value.times(factor).toFixed() }, origin.text),
  }
}
