import type { HistoryEvent } from '@aws-sdk/client-sfn'
import { type Definition, placedStates } from '../step-functions/definition.ts'

export type VisitStatus = 'running' | 'succeeded' | 'failed' | 'caught' | 'stopped'

/** One stay of an execution in a state. */
export type Visit = {
  readonly state: string
  readonly type: string
  readonly status: VisitStatus
  readonly enteredAt: Date
  readonly leftAt: Date | undefined
  readonly input: string
  /** Undefined until it was left. */
  readonly output: string | undefined
  /** How often its task was begun; 0 where the state is no task. */
  readonly attempts: number
  /** What its attempts failed with, oldest first. */
  readonly failures: readonly { readonly error: string; readonly cause: string }[]
}

type Open = { -readonly [Field in keyof Visit]: Visit[Field] } & {
  failures: { error: string; cause: string }[]
  resource: unknown
  /** Whether an attempt is under way. */
  isBusy: boolean
}

/**
 * Reads from a history where an execution has been and where it is.
 *
 * @param events oldest first; where the oldest were cut off, stays that began before them are left out.
 * @param status of the execution: one that has ended is in no state any more.
 */
export const visitsOf = (
  events: readonly HistoryEvent[],
  { definition, status }: { definition: Definition; status: string },
): readonly Visit[] => {
  const resources = new Map(
    placedStates(definition).map(({ name, state }) => [name, state.Resource]),
  )
  const visits: Open[] = []
  // The interpreter may tell of a task before it tells that its state was entered.
  let early: HistoryEvent[] = []
  for (const event of events) {
    const at = event.timestamp ?? new Date(0)
    const { stateEnteredEventDetails: entered, stateExitedEventDetails: exited } = event
    if (entered) {
      const state = entered.name ?? ''
      visits.push(
        opened(event, { state, at, input: entered.input ?? '', resource: resources.get(state) }),
      )
      const waiting = early
      early = waiting.filter((one) => !tellOfTask(one, visits))
    } else if (exited) {
      const visit = visits.findLast((one) => one.state === exited.name && one.leftAt === undefined)
      if (visit) close(visit, { at, output: exited.output })
    } else if (isOfTask(event) && !tellOfTask(event, visits)) early.push(event)
  }
  const isOver = status !== 'RUNNING'
  return visits.map(({ resource: _, isBusy: __, ...visit }) =>
    isOver && visit.status === 'running' ? { ...visit, status: lastStatus(visit, status) } : visit,
  )
}

const opened = (
  event: HistoryEvent,
  { at, ...given }: { state: string; at: Date; input: string; resource: unknown },
): Open => ({
  ...given,
  type: String(event.type).replace('StateEntered', ''),
  status: 'running',
  enteredAt: at,
  ...{ leftAt: undefined, output: undefined, attempts: 0, failures: [], isBusy: false },
})

const close = (visit: Open, { at, output }: { at: Date; output: string | undefined }) => {
  visit.leftAt = at
  visit.output = output
  // A Catch leads out of a state whose last attempt has failed.
  const hasFailed = visit.attempts > 0 && visit.failures.length === visit.attempts
  visit.status = hasFailed ? 'caught' : visit.type === 'Fail' ? 'failed' : 'succeeded'
}

/** Where an execution ended without leaving its state. */
const lastStatus = (visit: Visit, status: string): VisitStatus => {
  if (visit.type === 'Succeed') return 'succeeded'
  return status === 'FAILED' ? 'failed' : 'stopped'
}

const TASK =
  /^(?:Task|LambdaFunction)(Scheduled|Succeeded|Failed|TimedOut|SubmitFailed|ScheduleFailed|StartFailed)$/

const isOfTask = ({ type }: HistoryEvent): boolean => TASK.test(String(type))

/** @returns false where no stay is known that it belongs to. */
const tellOfTask = (event: HistoryEvent, visits: readonly Open[]): boolean => {
  const [, kind] = TASK.exec(String(event.type)) ?? []
  if (kind === 'Scheduled') {
    const visit = visits.findLast(
      (one) => one.leftAt === undefined && one.type === 'Task' && !one.isBusy && fits(event, one),
    )
    if (!visit) return false
    visit.attempts += 1
    visit.isBusy = true
    return true
  }
  const visit = visits.findLast((one) => one.isBusy)
  if (!visit) return false
  visit.isBusy = false
  if (kind !== 'Succeeded') visit.failures.push(failureIn(event))
  return true
}

/** A Lambda task's event names the function; other tasks' name a part of what the state asks for. */
const fits = (event: HistoryEvent, { resource }: Open): boolean => {
  const named = event.lambdaFunctionScheduledEventDetails?.resource
  return named === undefined || resource === undefined || named === resource
}

const failureIn = (event: HistoryEvent): { error: string; cause: string } => {
  const details =
    event.lambdaFunctionFailedEventDetails ??
    event.taskFailedEventDetails ??
    event.lambdaFunctionTimedOutEventDetails ??
    event.taskTimedOutEventDetails ??
    event.taskSubmitFailedEventDetails ??
    event.lambdaFunctionScheduleFailedEventDetails ??
    event.lambdaFunctionStartFailedEventDetails ??
    event.taskStartFailedEventDetails
  return { error: details?.error ?? String(event.type), cause: details?.cause ?? '' }
}
