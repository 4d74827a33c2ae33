import { setTimeout as delay } from 'node:timers/promises'
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  type SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn'
import type { Definition, Json, State } from '../../../local/step-functions/definition.ts'
import { type FunctionCall, type Functions, functionsOf } from './functions.ts'
import { TIMEOUT, type WorkflowMachine } from './machine.ts'
import type { Script } from './moves.ts'

const RUNS_AT_ONCE = 16
const RUN_TIMEOUT_MS = 300_000
// moto plays in the process that answers: who asks seldom leaves it the time to.
const POLL_MS = 250
const HISTORY_EVENTS_MAX = 1_000

/** One execution, of a copy of the machine under a name of its own. */
export type Run = {
  readonly name: string
  readonly machine: WorkflowMachine
  readonly script: Script
  readonly functions: Functions
}

/** All that an execution shows. */
export type Played = {
  readonly status: string | undefined
  /** The states, in the order in which they were entered. */
  readonly path: readonly string[]
  readonly calls: readonly FunctionCall[]
  readonly output: Json
  readonly error: string | undefined
}

export const runOf = (name: string, machine: WorkflowMachine, script: Script): Run => ({
  name,
  machine,
  script,
  functions: functionsOf(machine, script),
})

/** Plays every run, some at once. @param arnOf gives, or makes, the run's own state machine. */
export const playAll = async (
  client: SFNClient,
  runs: readonly Run[],
  arnOf: (run: Run) => Promise<string> | string,
): Promise<ReadonlyMap<string, Played>> => {
  const played = new Map<string, Played>()
  const waiting = [...runs]
  const work = async () => {
    for (let run = waiting.shift(); run; run = waiting.shift())
      played.set(run.name, await play(client, run, await arnOf(run)))
  }
  await Promise.all(Array.from({ length: RUNS_AT_ONCE }, work))
  return played
}

export const createMachine = async (client: SFNClient, run: Run): Promise<string> => {
  const { stateMachineArn } = await client.send(
    new CreateStateMachineCommand({
      name: run.name,
      definition: JSON.stringify(playable(run)),
      roleArn: 'arn:aws:iam::123456789012:role/states',
    }),
  )
  return stateMachineArn ?? ''
}

/**
 * The deployed definition, made quick: pauses and time limits alone are other ones. Each task is a function of the run's
 * own, that of MediaConvert as well, which moto does not play.
 */
export const playable = ({ name: run, machine, script }: Run): Definition => {
  const limited = script.faults.find(({ error }) => error === TIMEOUT)?.state
  const quick = ([name, state]: [string, State]): [string, State] => {
    if (state.Type !== 'Task') return [name, state]
    const Retry = state.Retry?.map(({ MaxDelaySeconds: _long, ...retrier }) => ({
      ...retrier,
      IntervalSeconds: 1,
      BackoffRate: 1,
    }))
    const Resource = `arn:aws:lambda:us-east-1:123456789012:function:${functionName(run, name)}`
    const TimeoutSeconds = name === limited ? 1 : RUN_TIMEOUT_MS / 1_000
    return [name, { ...state, Resource, TimeoutSeconds, ...(Retry && { Retry }) }]
  }
  const { definition } = machine
  return {
    ...definition,
    States: Object.fromEntries(Object.entries(definition.States).map(quick)),
  }
}

const functionName = (run: string, state: string) => `${run}--${state}`

/** Of a function's name or ARN: whose it is, and which state calls it. */
export const callerOf = (functionNameOrArn: string) => {
  const [run, state] = functionNameOrArn.replace(/^.*[:/]/, '').split('--')
  return { run: run ?? '', state: state ?? '' }
}

const play = async (client: SFNClient, run: Run, stateMachineArn: string): Promise<Played> => {
  const input = JSON.stringify(run.machine.input)
  const { executionArn } = await client.send(
    new StartExecutionCommand({ stateMachineArn, name: run.name, input }),
  )
  const end = await ended(client, executionArn ?? '')
  const history = await client.send(
    new GetExecutionHistoryCommand({ executionArn, maxResults: HISTORY_EVENTS_MAX }),
  )
  const path = (history.events ?? []).flatMap((event) => event.stateEnteredEventDetails?.name ?? [])
  return {
    status: end.status,
    path,
    calls: run.functions.calls.map(({ state, input }) => ({ state, input: comparable(input) })),
    output: comparable(JSON.parse(end.output ?? 'null')),
    error: end.error,
  }
}

const ended = async (client: SFNClient, executionArn: string) => {
  for (let waitedMs = 0; waitedMs < RUN_TIMEOUT_MS; waitedMs += POLL_MS) {
    const execution = await client.send(new DescribeExecutionCommand({ executionArn }))
    if (execution.status !== 'RUNNING') return execution
    await delay(POLL_MS)
  }
  throw new Error(`${executionArn} did not end`)
}

/** The words that go with an error are JSON in whatever spelling, and for a timeout each interpreter's own. */
const comparable = (value: Json): Json => {
  if (Array.isArray(value)) return value.map(comparable)
  if (typeof value !== 'object' || value === null) return value
  const { Error: error, Cause: cause, ...rest } = value
  const same = Object.fromEntries(
    Object.entries(rest).map(([key, inner]) => [key, comparable(inner)]),
  )
  if (error === undefined) return same
  return { ...same, Error: error, Cause: error === TIMEOUT ? '' : JSON.parse(String(cause)) }
}
