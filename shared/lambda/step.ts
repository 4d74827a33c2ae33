import type { Context } from 'aws-lambda'
import { type Tenant, type Tx, transaction } from '../db/transaction.ts'
import type { Instant } from '../kernel/time.ts'
import type { Log } from '../observe/logger.ts'
import { continueTrace, traceIdOf } from '../observe/trace.ts'
import type { Runtime } from './stack.ts'

/** What a step is handed beside its input. It opens its own transactions, as events of the given actor. */
export type StepCall = {
  readonly now: Instant
  readonly log: Log
  readonly traceparent: string
  transaction<Result>(tenant: Tenant, work: (tx: Tx) => Promise<Result>): Promise<Result>
}

/** One state of a state machine: safe to repeat, because Step Functions may run it more than once. */
export type Step<Input, Output, Deps> = (
  input: Input,
  call: StepCall,
  deps: Deps,
) => Promise<Output>

/**
 * The step door. The execution's input carries `traceparent`, so that the trace goes on through the workflow; an
 * error's `name` is what Retry and Catch of the state machine match.
 */
export const stepDoor = <Input extends { readonly traceparent?: string }, Output, Deps>(
  step: Step<Input, Output, Deps>,
  runtime: Runtime<Deps>,
): ((input: Input, context: Context) => Promise<Output>) => {
  const { platform, database, deps, log, isLogged } = runtime
  return runtime.wrap(async (input) => {
    const traceparent = continueTrace(input.traceparent)
    const traceId = traceIdOf(traceparent)
    runtime.trace(traceId)
    const now = platform.clock()
    const output = await step(
      input,
      {
        now,
        log,
        traceparent,
        transaction: (tenant, work) =>
          transaction(database, { tenant, now, actorId: 'system', traceparent }, work),
      },
      deps,
    )
    if (isLogged(traceId)) log.info('step done')
    return output
  })
}
