import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { payloadFor, type TargetInput } from './input.ts'
import { checkPattern, matches, type Pattern } from './pattern.ts'

/** An event in EventBridge's envelope. */
export type BusEvent = {
  readonly id: string
  readonly source: string
  readonly 'detail-type': string
  readonly detail: unknown
  readonly [field: string]: unknown
}

export type Target =
  | ({ readonly kind: 'lambda'; readonly functionName: string } & TargetInput)
  | { readonly kind: 'state-machine'; readonly arn: string }

export type Rule = {
  readonly name: string
  readonly pattern: Pattern
  readonly targets: readonly Target[]
}

export type EventBridgeOptions = {
  readonly rules: readonly Rule[]
  /** Rejects, or answers with `functionError`, if the event was not taken. */
  readonly invokeLambda: (
    functionName: string,
    payload: unknown,
  ) => Promise<{ functionError?: string | undefined } | undefined>
  /** `name` is the same for every attempt of one event: starting twice must give one execution. */
  readonly startExecution: (start: {
    readonly arn: string
    readonly name: string
    readonly input: string
  }) => Promise<unknown>
  /** The pause before the second attempt, in milliseconds; it doubles from there. */
  readonly retryDelayMs?: number
}

export type EventBridge = {
  /**
   * Delivers to every target of every matching rule, and resolves once all have taken the event.
   *
   * @throws AggregateError if a target refused it on every attempt: the event is the caller's
   * again.
   */
  readonly put: (event: BusEvent) => Promise<void>
}

/** AWS tries for a day; a hub on one machine that fails so often will not heal by itself. */
export const DELIVERY_ATTEMPTS_MAX = 5
const RETRY_DELAY_MS = 200

/**
 * EventBridge on one machine: rules and targets from the packaged template, delivery at least once.
 *
 * @throws if a pattern uses what is not played here.
 */
export function createEventBridge(options: EventBridgeOptions): EventBridge {
  for (const { name, pattern } of options.rules) checkPattern(pattern, `rule ${name}: pattern`)
  return {
    async put(event) {
      const deliveries = options.rules
        .filter(({ pattern }) => matches(pattern, event))
        .flatMap((rule) => rule.targets.map((target) => deliver(options, rule, target, event)))
      // One target that refuses must not keep the event from the others.
      const results = await Promise.allSettled(deliveries)
      const failures = results.flatMap((result) =>
        result.status === 'rejected' ? [result.reason] : [],
      )
      if (failures.length > 0) {
        throw new AggregateError(failures, `Event ${event.id} was not taken by every target.`)
      }
    },
  }
}

async function deliver(
  options: EventBridgeOptions,
  rule: Rule,
  target: Target,
  event: BusEvent,
): Promise<void> {
  let pauseMs = options.retryDelayMs ?? RETRY_DELAY_MS
  for (let attempt = 1; ; attempt++, pauseMs *= 2) {
    try {
      return await hand(options, rule, target, event)
    } catch (error) {
      if (attempt >= DELIVERY_ATTEMPTS_MAX) throw error
      await delay(pauseMs)
    }
  }
}

async function hand(
  { invokeLambda, startExecution }: EventBridgeOptions,
  rule: Rule,
  target: Target,
  event: BusEvent,
): Promise<void> {
  if (target.kind === 'lambda') {
    const answer = await invokeLambda(target.functionName, payloadFor(target, event))
    if (answer?.functionError === undefined) return
    throw new Error(`${target.functionName} failed: ${answer.functionError}`)
  }
  try {
    const name = executionName(rule, event)
    await startExecution({ arn: target.arn, name, input: JSON.stringify(event) })
  } catch (error) {
    // An earlier attempt started it, and it has ended since.
    if (!(error instanceof Error) || error.name !== 'ExecutionAlreadyExists') throw error
  }
}

const executionName = (rule: Rule, event: BusEvent): string =>
  createHash('sha256').update(`${rule.name}\n${event.id}`).digest('hex').slice(0, 40)
