import { type Formula, fixed, named, over, plus, times } from '../../bill/formula.ts'
import type { Line } from '../../bill/line.ts'
import type { DeployedFunction } from '../deployed.ts'
import { committed, duration, type Inputs, packaged, start } from '../inputs.ts'
import { MONTH_HOURS, MONTH_SECONDS } from '../month.ts'
import type { Volumes } from '../volumes.ts'

const NONE = fixed('no calls', 0, 'calls')
const MB_PER_GB = fixed('MB of a GB', 1_024, 'MB')
/** Comes with every function. */
const EPHEMERAL_FREE_MB = 512
/** AWS says "about ten". */
const POLLERS_PER_EPU = fixed('pollers of an EPU', 10, 'pollers', 'AWS Lambda pricing, about ten')

/** Lambda, one line a function, and Step Functions, one line a state machine. */
export const functionLines = (inputs: Inputs, volumes: Volumes): readonly Line[] => [
  ...inputs.deployed.functions.map((one) =>
    functionLine(inputs, one, volumes.calls.get(one.name) ?? NONE),
  ),
  ...pollerLines(inputs),
  ...inputs.deployed.workflows.map(
    ({ name, kind, transitions }): Line => ({
      id: `stepfunctions.${kind}`,
      title: `Workflow ${name}`,
      component: 'functions',
      service: 'AWSStepFunctions',
      group: kind === 'video' ? 'video' : 'certificates',
      cost: named(
        'workflow',
        'USD',
        times(
          volumes.executions[kind],
          fixed('transitions of an execution', transitions, 'transitions', 'its state machine'),
          inputs.prices.of('stepfunctions.transitions'),
        ),
      ),
    }),
  ),
]

const functionLine = (inputs: Inputs, one: DeployedFunction, calls: Formula): Line => {
  const { prices } = inputs
  const memory = over(packaged(`memory of ${one.name}`, one.memoryMb, 'MB'), MB_PER_GB)
  const warm = one.provisioned > 0
  const kind = warm ? 'provisioned-duration' : 'duration'
  const rate = committed(inputs, 'lambda', `lambda.${kind}.${one.architecture}`)
  const took = duration(inputs, one)
  return {
    id: `lambda.${one.name}`,
    title: `Function ${one.name}`,
    component: 'functions',
    service: 'AWSLambda',
    group: one.group,
    cost: named(
      'function',
      'USD',
      plus(
        named('requests', 'USD', times(calls, prices.of('lambda.requests'))),
        named('duration', 'USD', times(calls, took, memory, rate)),
        // What is warm has started before; its start is part of what is provisioned.
        ...(warm ? [warmth(inputs, one, memory)] : [starts(inputs, one, calls, memory, rate)]),
        ...ephemeral(inputs, one, times(calls, took)),
      ),
    ),
  }
}

const starts = (
  inputs: Inputs,
  one: DeployedFunction,
  calls: Formula,
  memory: Formula,
  rate: Formula,
) =>
  named(
    'cold starts',
    'USD',
    times(calls, inputs.assumptions.of('coldShare'), start(inputs, one), memory, rate),
  )

const warmth = (inputs: Inputs, one: DeployedFunction, memory: Formula) =>
  named(
    'kept warm',
    'USD',
    times(
      packaged('provisioned environments', one.provisioned, 'environments'),
      MONTH_SECONDS,
      memory,
      committed(inputs, 'lambda', `lambda.provisioned.${one.architecture}`),
    ),
  )

const ephemeral = (inputs: Inputs, one: DeployedFunction, seconds: Formula): readonly Formula[] =>
  one.ephemeralMb <= EPHEMERAL_FREE_MB
    ? []
    : [
        named(
          'temporary files',
          'USD',
          times(
            seconds,
            over(
              packaged('storage beyond 512 MB', one.ephemeralMb - EPHEMERAL_FREE_MB, 'MB'),
              MB_PER_GB,
            ),
            inputs.prices.of('lambda.ephemeral'),
          ),
        ),
      ]

/** Event-source mappings on demand are free; only provisioned pollers make a line. */
const pollerLines = (inputs: Inputs): readonly Line[] => {
  const pollers = inputs.deployed.functions.reduce((sum, one) => sum + one.pollers, 0)
  if (pollers === 0) return []
  return [
    {
      id: 'lambda.pollers',
      title: 'Provisioned pollers of Kafka',
      component: 'functions',
      service: 'AWSLambda',
      group: 'shared',
      cost: named(
        'pollers',
        'USD',
        times(
          over(packaged('provisioned pollers', pollers, 'pollers'), POLLERS_PER_EPU),
          MONTH_HOURS,
          inputs.prices.of('lambda.kafka-pollers'),
        ),
      ),
    },
  ]
}
