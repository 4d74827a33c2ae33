import type { Clock } from '../../shared/kernel/time.ts'
import type { Json, Placed } from './definition.ts'
import { type Failure, Interrupted } from './errors.ts'
import { HISTORY_EVENTS_MAX, History, happeningOf, type InterpreterEvent } from './history.ts'
import type { Ended, Journal, JournalRecord } from './journal.ts'
import type { Machine } from './machine.ts'
import type { InvokeLambda, JobPort } from './ports.ts'
import { Replay } from './replay.ts'
import { Scopes } from './scopes.ts'
import {
  LEFT_FOR_LATER,
  PAYLOAD_BYTES_MAX,
  payloadBytes,
  performTask,
  performWait,
  type TaskEnvironment,
} from './tasks.ts'
import type { Tokens } from './tokens.ts'

export type Play = {
  readonly arn: string
  readonly machine: Machine
  readonly records: readonly JournalRecord[]
  readonly journal: Journal
  readonly clock: Clock
  readonly invokeLambda: InvokeLambda
  readonly jobs: JobPort
  readonly tokens: Tokens
}

export type Playing = {
  readonly history: History
  /** How it ended, already journalled; undefined if it was left for the next start. */
  readonly ended: Promise<Ended | undefined>
  readonly stop: (failure: Partial<Failure>) => void
  readonly leave: () => void
}

type StopReason = { status: 'ABORTED' | 'TIMED_OUT' | 'FAILED' } & Partial<Failure>

/** Plays one execution from its journal: what is recorded is replayed, the rest happens. */
export function play(input: Play): Playing {
  const started = input.records.find((record) => record.kind === 'started')
  if (started?.kind !== 'started') throw new Error('an execution without a beginning')
  const controller = new AbortController()
  const stop = (reason: StopReason) => controller.abort(reason)
  const history = historyOf(input, stop)
  history.add({ type: 'ExecutionStarted', details: { input: started.input } })
  const timer = limitTime(input, started.at, stop)
  const ended = run(input, started, controller, history).finally(() => clearTimeout(timer))
  return {
    history,
    ended,
    stop: (failure) => stop({ status: 'ABORTED', ...failure }),
    leave: () => controller.abort(LEFT_FOR_LATER),
  }
}

function historyOf({ records, clock, journal }: Play, stop: (reason: StopReason) => void): History {
  const recorded = records.flatMap((record) => (record.kind === 'history' ? [record.event] : []))
  return new History(recorded, clock, (event) => {
    // History may lose its last entries in a crash; a task's record is what must not be lost.
    journal.append({ kind: 'history', event }, false).catch(() => {})
    if (event.id <= HISTORY_EVENTS_MAX) return
    stop({
      status: 'FAILED',
      error: 'States.Runtime',
      cause: `The execution reached ${HISTORY_EVENTS_MAX} history events.`,
    })
  })
}

/** The longest delay a Node timer takes, in milliseconds (24.8 days). */
const TIMER_MS_MAX = 2_147_483_647

function limitTime(
  { machine, clock }: Play,
  startedAt: number,
  stop: (reason: StopReason) => void,
): NodeJS.Timeout | undefined {
  const { TimeoutSeconds } = machine.definition
  if (TimeoutSeconds === undefined) return undefined
  const leftMs = startedAt + TimeoutSeconds * 1_000 - clock()
  const cause = `The execution took longer than ${TimeoutSeconds} s.`
  return setTimeout(
    () => stop({ status: 'TIMED_OUT', error: 'States.Timeout', cause }),
    Math.min(Math.max(leftMs, 0), TIMER_MS_MAX),
  )
}

async function run(
  input: Play,
  started: Extract<JournalRecord, { kind: 'started' }>,
  controller: AbortController,
  history: History,
): Promise<Ended | undefined> {
  const { signal } = controller
  const stop = (reason: StopReason) => controller.abort(reason)
  const scopes = new Scopes(input.machine.states, signal)
  const execution = input.machine.adapted.run(JSON.parse(started.input), {
    overrides: { taskResourceLocalHandlers: handlers(input, history, scopes, stop) },
    context: contextOf(input, started),
  })
  signal.addEventListener('abort', () => execution.abort(), { once: true })
  if (signal.aborted) execution.abort()
  const told = follow(execution.eventLogs, input.machine.states, history, scopes)
  const result = await execution.result.then(
    (output): EndedResult => bounded(output as Json),
    (error: Error): EndedResult => failed(error),
  )
  await told
  if (signal.reason === LEFT_FOR_LATER) return undefined
  const end = signal.aborted ? (signal.reason as StopReason) : result
  scopes.close()
  const ended: Ended = { kind: 'ended', at: input.clock(), ...end }
  history.add(endHappening(ended))
  await input.journal.append(ended, true)
  return ended
}

type EndedResult = Omit<Ended, 'kind' | 'at'>

function bounded(output: Json): EndedResult {
  if (payloadBytes(output) <= PAYLOAD_BYTES_MAX) {
    return { status: 'SUCCEEDED', output: JSON.stringify(output) }
  }
  const cause = `The output is larger than ${PAYLOAD_BYTES_MAX} bytes.`
  return { status: 'FAILED', error: 'States.DataLimitExceeded', cause }
}

function failed(error: Error): EndedResult {
  // The interpreter wraps what a state threw.
  const thrown = error.cause instanceof Error ? error.cause : error
  return { status: 'FAILED', error: thrown.name, cause: thrown.message }
}

function endHappening({ status, output, error, cause }: Ended): {
  type: string
  details: Record<string, unknown>
} {
  const type = {
    SUCCEEDED: 'ExecutionSucceeded',
    FAILED: 'ExecutionFailed',
    TIMED_OUT: 'ExecutionTimedOut',
    ABORTED: 'ExecutionAborted',
  }[status]
  return { type, details: status === 'SUCCEEDED' ? { output } : { error, cause } }
}

async function follow(
  events: AsyncGenerator<InterpreterEvent>,
  states: ReadonlyMap<string, Placed>,
  history: History,
  scopes: Scopes,
): Promise<void> {
  for await (const event of events) {
    scopes.follow(event)
    const happening = happeningOf(event, (name) => states.get(name)?.state.Type ?? 'Unknown')
    if (happening !== undefined) history.add(happening)
  }
}

function contextOf(
  { arn, machine }: Play,
  { name, input, at }: Extract<JournalRecord, { kind: 'started' }>,
) {
  return {
    Run: {
      Id: arn,
      Name: name,
      Input: JSON.parse(input) as Json,
      StartTime: new Date(at).toISOString(),
    },
    StateMachine: { Id: machine.arn, Name: machine.name },
  }
}

type TaskHandlers = Record<string, (input: Json) => Promise<Json>>

function handlers(
  input: Play,
  history: History,
  scopes: Scopes,
  stop: (reason: StopReason) => void,
): TaskHandlers {
  const { arn: executionArn, records, journal, clock, invokeLambda, jobs, tokens } = input
  const env: TaskEnvironment = {
    executionArn,
    replay: new Replay(records),
    clock,
    invokeLambda,
    jobs,
    tokens,
    append: (record) =>
      journal.append(record, true).catch((error: Error) => {
        // Without its journal an execution cannot promise anything: no Catch may hide that.
        stop({ status: 'FAILED', error: 'States.Runtime', cause: error.message })
        throw new Interrupted(error.message)
      }),
    tell: (happening) => history.add(happening),
    signalFor: (name) => scopes.signalFor(name),
  }
  return Object.fromEntries(
    [...input.machine.states.values()].flatMap(({ name, state }) => {
      if (state.Type === 'Wait') return [[name, (json: Json) => performWait(name, json, env)]]
      if (state.Type !== 'Task') return []
      return [[name, (json: Json) => performTask({ name, state, input: json }, env)]]
    }),
  )
}
