import { createHash } from 'node:crypto'
import { assert } from '../../shared/kernel/assert.ts'
import type { Clock } from '../../shared/kernel/time.ts'
import { TASK_TOKEN_PLACEHOLDER } from './adapt.ts'
import { sleepUntil } from './clock.ts'
import type { Json, JsonObject, Resource, State } from './definition.ts'
import { resourceOf } from './definition.ts'
import { type Failure, Interrupted } from './errors.ts'
import type { Happening } from './history.ts'
import type { JournalRecord } from './journal.ts'
import type { InvokeLambda, JobPort } from './ports.ts'
import type { Outcome, Replay } from './replay.ts'
import { afterFailure, taskError } from './retry.ts'
import type { Tokens } from './tokens.ts'

/** The largest input, task result or output of a state, in bytes of JSON. */
export const PAYLOAD_BYTES_MAX = 256 * 1_024

/** What the tasks of one execution are handed. */
export type TaskEnvironment = {
  readonly executionArn: string
  readonly replay: Replay
  readonly clock: Clock
  readonly invokeLambda: InvokeLambda
  readonly jobs: JobPort
  readonly tokens: Tokens
  readonly append: (record: JournalRecord) => Promise<void>
  readonly tell: (happening: Happening) => void
  /** Aborted when the execution ends, or when the Parallel or Map around the state failed. */
  readonly signalFor: (stateName: string) => AbortSignal
}

export type Attempt = {
  readonly key: string
  readonly number: number
  readonly startedAt: number
  readonly signal: AbortSignal
}

type Task = { readonly name: string; readonly state: State; readonly input: Json }

/**
 * Carries out one visit of a Task: recorded results first, then live attempts with the pauses that
 * Retry asks for, each attempt journalled before and after.
 *
 * @throws the error that Catch shall see.
 */
export async function performTask(task: Task, env: TaskEnvironment): Promise<Json> {
  const key = env.replay.visit(task.name, task.input)
  const signal = env.signalFor(task.name)
  const attempts = (task.state.Retry ?? []).map(() => 0)
  // Every retrier bounds its own attempts, so this ends.
  for (let number = 0; ; number++) {
    const outcome =
      env.replay.outcome(key, number) ?? (await liveAttempt(task, { key, number, signal }, env))
    if (outcome.ok) return outcome.output
    const pauseMs = afterFailure(outcome.error, task.state.Retry ?? [], attempts)
    if (pauseMs === undefined) throw taskError(outcome)
    if (env.replay.scheduledAt(key, number + 1) === undefined) {
      await sleepUntil(outcome.at + pauseMs, env.clock, signal)
    }
  }
}

/** Waits as a Wait state does, from the moment the state was first entered. */
export async function performWait(name: string, input: Json, env: TaskEnvironment): Promise<Json> {
  const key = env.replay.visit(name, input)
  const signal = env.signalFor(name)
  const { seconds, timestamp, input: passed } = input as JsonObject // Made by adapt.ts.
  const startedAt = await scheduled(key, 0, env)
  const untilMs =
    seconds === undefined ? Date.parse(String(timestamp)) : startedAt + Number(seconds) * 1_000
  if (!Number.isFinite(untilMs)) {
    throw taskError({ error: 'States.Runtime', cause: `${name} has no instant to wait for` })
  }
  await sleepUntil(untilMs, env.clock, signal)
  return passed ?? null
}

async function scheduled(key: string, attempt: number, env: TaskEnvironment): Promise<number> {
  const before = env.replay.scheduledAt(key, attempt)
  if (before !== undefined) return before
  const at = env.clock()
  await env.append({ kind: 'scheduled', at, key, attempt })
  return at
}

async function liveAttempt(
  { name, state, input }: Task,
  { key, number, signal }: { key: string; number: number; signal: AbortSignal },
  env: TaskEnvironment,
): Promise<Outcome> {
  const resource = resourceOf(String(state.Resource))
  assert(resource !== undefined, 'a resource that is not played was refused at start')
  const startedAt = await scheduled(key, number, env)
  env.tell(taskHappening('Scheduled', state, { input }))
  try {
    const result = await withTimeout(state, resource, startedAt, signal, env, (limited) =>
      play(resource, state, input, { key, number, startedAt, signal: limited }, env),
    )
    if (signal.aborted) throw new Interrupted(`${name} was interrupted`)
    const outcome = bounded(result, env.clock())
    await env.append(outcomeRecord(key, number, outcome))
    env.tell(endHappening(state, outcome))
    return outcome
  } finally {
    env.tokens.close(env.executionArn, { key, number })
  }
}

function outcomeRecord(key: string, attempt: number, outcome: Outcome): JournalRecord {
  const { ok, ...rest } = outcome
  return { kind: ok ? 'succeeded' : 'failed', key, attempt, ...rest } as JournalRecord
}

function endHappening(state: State, outcome: Outcome): Happening {
  if (outcome.ok) return taskHappening('Succeeded', state, { output: outcome.output })
  return taskHappening(outcome.error === 'States.Timeout' ? 'TimedOut' : 'Failed', state, outcome)
}

type Result = { readonly output: Json } | Failure

async function withTimeout(
  state: State,
  resource: Resource,
  startedAt: number,
  signal: AbortSignal,
  env: TaskEnvironment,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  if (state.TimeoutSeconds === undefined) return work(signal)
  // A function that a crash interrupted starts anew, with its whole time; a job or a callback went
  // on meanwhile.
  const from = resource.kind === 'create-job' || isToken(resource) ? startedAt : env.clock()
  const untilMs = from + state.TimeoutSeconds * 1_000
  const settled = new AbortController()
  const limited = AbortSignal.any([signal, settled.signal])
  const timeout = sleepUntil(untilMs, env.clock, limited).then((): Result => {
    return { error: 'States.Timeout', cause: `no result within ${state.TimeoutSeconds} s` }
  })
  timeout.catch(() => {})
  try {
    return await Promise.race([work(limited), timeout])
  } finally {
    settled.abort()
  }
}

const isToken = (resource: Resource): boolean => resource.kind === 'invoke' && resource.forToken

async function play(
  resource: Resource,
  state: State,
  input: Json,
  attempt: Attempt,
  env: TaskEnvironment,
): Promise<Result> {
  switch (resource.kind) {
    case 'function':
      return invoke(resource.functionName, input, env)
    case 'invoke':
      return resource.forToken
        ? invokeForToken(state, input, attempt, env)
        : invokeAsService(input, env)
    case 'create-job':
      return createJob(resource.sync, input, attempt, env)
  }
}

async function invoke(functionName: string, payload: Json, env: TaskEnvironment): Promise<Result> {
  try {
    const answer = await env.invokeLambda(functionName, payload)
    const output = (answer.payload ?? null) as Json
    if (answer.functionError === undefined) return { output }
    const errorType = (output as JsonObject | null)?.errorType
    return {
      error: typeof errorType === 'string' ? errorType : 'Lambda.Unknown',
      cause: JSON.stringify(output),
    }
  } catch (error) {
    return serviceFailure('Lambda', error)
  }
}

async function invokeAsService(input: Json, env: TaskEnvironment): Promise<Result> {
  const { FunctionName, Payload } = input as JsonObject
  const result = await invoke(String(FunctionName), Payload ?? {}, env)
  if (!('output' in result)) return result
  return { output: { ExecutedVersion: '$LATEST', Payload: result.output, StatusCode: 200 } }
}

async function invokeForToken(
  state: State,
  input: Json,
  attempt: Attempt,
  env: TaskEnvironment,
): Promise<Result> {
  const { token, answered } = env.tokens.open(env.executionArn, attempt, state.HeartbeatSeconds)
  const result = await invokeAsService(withToken(input, token), env)
  return 'output' in result ? await answered : result
}

function withToken(value: Json, token: string): Json {
  if (typeof value === 'string') return value.replaceAll(TASK_TOKEN_PLACEHOLDER, () => token)
  if (Array.isArray(value)) return value.map((item) => withToken(item, token))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withToken(inner, token)]),
  )
}

async function createJob(
  sync: boolean,
  input: Json,
  { key, number, signal }: Attempt,
  env: TaskEnvironment,
): Promise<Result> {
  try {
    const known = env.replay.jobId(key, number)
    const id = known ?? (await startJob(input, key, number, env))
    if (!sync) return { output: { Job: { Id: id } } }
    return await waitForJob(id, signal, env)
  } catch (error) {
    if (signal.aborted) throw new Interrupted('the job is no longer waited for')
    return serviceFailure('MediaConvert', error)
  }
}

async function startJob(
  input: Json,
  key: string,
  attempt: number,
  env: TaskEnvironment,
): Promise<string> {
  // Derived, not random: asking again after a crash finds the job instead of starting a second one.
  const ClientRequestToken = createHash('sha256')
    .update(`${env.executionArn}/${key}/${attempt}`)
    .digest('hex')
  const request = { ClientRequestToken, ...(input as JsonObject) }
  // The state's Parameters are the API's own request.
  const job = await env.jobs.createJob(request as unknown as Parameters<JobPort['createJob']>[0])
  const jobId = String(job.Id)
  await env.append({ kind: 'job', key, attempt, jobId })
  return jobId
}

async function waitForJob(id: string, signal: AbortSignal, env: TaskEnvironment): Promise<Result> {
  try {
    const job = await env.jobs.waitForJob(id, signal)
    const output = JSON.parse(JSON.stringify({ Job: job })) as Json // Dates become text, as in AWS.
    if (job.Status === 'COMPLETE') return { output }
    return { error: 'States.TaskFailed', cause: JSON.stringify(output) }
  } catch (error) {
    if (signal.aborted && !isLeftForLater(signal)) await env.jobs.cancelJob(id).catch(() => {})
    throw error
  }
}

/** The reason of an abort after which the next start goes on: its jobs must not be cancelled. */
export const LEFT_FOR_LATER = 'left for the next start'

const isLeftForLater = (signal: AbortSignal): boolean => signal.reason === LEFT_FOR_LATER

function serviceFailure(service: string, error: unknown): Failure {
  const { name, message } =
    error instanceof Error ? error : { name: 'Unknown', message: String(error) }
  return { error: `${service}.${name === 'Error' ? 'SdkClientException' : name}`, cause: message }
}

function bounded(result: Result, at: number): Outcome {
  if (!('output' in result)) return { ok: false, at, ...result }
  if (payloadBytes(result.output) <= PAYLOAD_BYTES_MAX)
    return { ok: true, at, output: result.output }
  const cause = `The result is larger than ${PAYLOAD_BYTES_MAX} bytes.`
  return { ok: false, at, error: 'States.DataLimitExceeded', cause }
}

export const payloadBytes = (value: Json): number => Buffer.byteLength(JSON.stringify(value))

function taskHappening(
  step: 'Scheduled' | 'Succeeded' | 'Failed' | 'TimedOut',
  state: State,
  what: { input?: Json; output?: Json; error?: string; cause?: string },
): Happening {
  const arn = String(state.Resource)
  const told = {
    ...(what.output === undefined ? {} : { output: JSON.stringify(what.output) }),
    ...(what.error === undefined ? {} : { error: what.error, cause: what.cause }),
  }
  if (arn.includes(':lambda:') && !arn.includes(':states:')) {
    const input = JSON.stringify(what.input)
    return {
      type: `LambdaFunction${step}`,
      details: step === 'Scheduled' ? { resource: arn, input } : told,
    }
  }
  const [resourceType, resource] = arn.split(':').slice(-2)
  const parameters = JSON.stringify(what.input)
  return {
    type: `Task${step}`,
    details: { resourceType, resource, ...(step === 'Scheduled' ? { parameters } : told) },
  }
}
