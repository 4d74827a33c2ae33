import { StateMachine } from 'aws-local-stepfunctions'
import type { Retrier } from './definition.ts'
import { type Failure, TERMINAL_ERRORS } from './errors.ts'

const ATTEMPTS_DEFAULT = 3
const INTERVAL_SECONDS_DEFAULT = 1
const BACKOFF_DEFAULT = 2

/**
 * The pause in milliseconds before the next attempt, or undefined if no retrier wants one. The
 * retrier that matches counts one up in `attempts`.
 *
 * @see https://states-language.net/spec.html#errors
 */
export function afterFailure(
  error: string,
  retriers: readonly Retrier[],
  attempts: number[],
): number | undefined {
  if (TERMINAL_ERRORS.has(error)) return undefined
  const index = retriers.findIndex(({ ErrorEquals }) =>
    ErrorEquals.some((name) => matches(name, error)),
  )
  const retrier = retriers[index]
  const made = attempts[index] ?? 0
  if (retrier === undefined || made >= (retrier.MaxAttempts ?? ATTEMPTS_DEFAULT)) return undefined
  attempts[index] = made + 1
  const seconds =
    (retrier.IntervalSeconds ?? INTERVAL_SECONDS_DEFAULT) *
    (retrier.BackoffRate ?? BACKOFF_DEFAULT) ** made
  const pauseMs = Math.min(seconds, retrier.MaxDelaySeconds ?? seconds) * 1_000
  return retrier.JitterStrategy === 'FULL' ? Math.random() * pauseMs : pauseMs
}

function matches(name: string, error: string): boolean {
  if (name === 'States.ALL' || name === error) return true
  return name === 'States.TaskFailed' && error !== 'States.Timeout'
}

/**
 * A failure as the interpreter's Catch wants it: the name is matched, the message becomes `Cause`.
 */
export function taskError({ error, cause }: Failure): Error {
  const thrown = error === 'States.Timeout' ? new TimeoutError() : new Error()
  const isTerminal = TERMINAL_ERRORS.has(error)
  return Object.assign(thrown, {
    name: error,
    message: cause,
    ...(isTerminal ? { isRetryable: false, isCatchable: false } : {}),
  })
}

// The one error that `States.TaskFailed` does not match. The interpreter knows it by its class,
// which it does not export: a task that takes longer than its millisecond brings one to light.
const TimeoutError = await timeoutErrorClass()

async function timeoutErrorClass(): Promise<new () => Error> {
  const resource = 'arn:aws:lambda:us-east-1:000000000000:function:never'
  const machine = new StateMachine(
    {
      StartAt: 'Never',
      States: { Never: { Type: 'Task', Resource: resource, TimeoutSeconds: 0.001, End: true } },
    },
    { validationOptions: { noValidate: true } },
  )
  const handlers = { Never: () => new Promise<null>(() => {}) }
  const failure = await machine
    .run(null, { overrides: { taskResourceLocalHandlers: handlers } })
    .result.catch((error: Error) => error.cause as Error)
  return (failure as Error).constructor as new () => Error
}
