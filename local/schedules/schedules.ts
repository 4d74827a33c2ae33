import { randomUUID } from 'node:crypto'
import type { Schedule } from '../template/template.ts'
import { isRate, type NextRun, parseExpression } from './expression.ts'

/** Runs the template's schedules by invoking their functions. */
export type Schedules = {
  readonly states: () => readonly ScheduleState[]
  /** Starts no more runs and waits for none. */
  readonly close: () => void
}

export type ScheduleState = {
  readonly name: string
  readonly functionName: string
  readonly expression: string
  /** Unix milliseconds; undefined when disabled or over. */
  readonly nextRunAtMs: number | undefined
  readonly runs: number
  readonly failures: number
  /** Runs left out because the one before had not ended. */
  readonly skipped: number
}

/** Time, so that a test can let a day pass at once. */
export type Timers = {
  /** Unix milliseconds. */
  readonly now: () => number
  /** Calls once after a delay; the function it returns calls it off. */
  readonly after: (delayMs: number, call: () => void) => () => void
}

export type SchedulesOptions = {
  readonly schedules: readonly Schedule[]
  /**
   * Resolves when the function has ended; `functionError` marks its failure, a rejection a refusal.
   */
  readonly invoke: (
    functionName: string,
    payload: string,
  ) => Promise<{ readonly functionError?: string }>
  readonly timers?: Timers
  readonly onLog?: (functionName: string, line: string) => void
}

const systemTimers: Timers = {
  now: Date.now,
  after: (delayMs, call) => {
    const timer = setTimeout(call, delayMs).unref()
    return () => clearTimeout(timer)
  },
}

/**
 * A longer timer would overflow Node's, and a laptop may sleep meanwhile: look again after this.
 */
const TIMER_MS_MAX = 3_600_000

/**
 * Starts every enabled schedule. Those of one rate begin at even distances within its first interval: on AWS each
 * counts from when it was made, and here they would all start environments at once. A run that is due while the one before still runs is left out, and
 * runs missed while the machine slept are made up by one.
 *
 * @throws ScheduleError naming the first expression that is not understood.
 */
export function startSchedules(options: SchedulesOptions): Schedules {
  const plans = options.schedules.map((schedule) => ({
    schedule,
    nextRun: parseExpression(schedule.expression, schedule.timezone),
    share: shareOfInterval(schedule, options.schedules),
  }))
  const started = plans.map((plan) => startSchedule(plan, options))
  return {
    states: () => started.map((one) => one.state()),
    close: () => {
      for (const one of started) one.stop()
    },
  }
}

/** The part of its interval after which a schedule first runs: above 0, at most 1. */
function shareOfInterval(schedule: Schedule, all: readonly Schedule[]): number {
  if (!isRate(schedule.expression)) return 1
  const alike = all.filter(
    ({ enabled, expression }) => enabled && expression === schedule.expression,
  )
  return (alike.indexOf(schedule) + 1) / alike.length
}

type Plan = { readonly schedule: Schedule; readonly nextRun: NextRun; readonly share: number }

function startSchedule({ schedule, nextRun, share }: Plan, options: SchedulesOptions) {
  const timers = options.timers ?? systemTimers
  const { name, functionName, expression } = schedule
  const counts = { runs: 0, failures: 0, skipped: 0 }
  const startedAtMs = timers.now()
  const firstRunAtMs = schedule.enabled ? nextRun(startedAtMs) : undefined
  let nextRunAtMs = firstRunAtMs && Math.round(startedAtMs + (firstRunAtMs - startedAtMs) * share)
  let running = false
  let callOff = () => {}

  const run = async (dueMs: number) => {
    if (running) {
      counts.skipped += 1
      return
    }
    running = true
    counts.runs += 1
    const failure = await invokeOnce(schedule, dueMs, options)
    running = false
    if (!failure) return
    counts.failures += 1
    options.onLog?.(functionName, `ERROR\tSchedule ${name}: ${failure}`)
  }
  const wait = () => {
    if (nextRunAtMs === undefined) return
    const delayMs = Math.max(0, nextRunAtMs - timers.now())
    callOff = timers.after(Math.min(delayMs, TIMER_MS_MAX), wake)
  }
  const wake = () => {
    const now = timers.now()
    if (nextRunAtMs !== undefined && now >= nextRunAtMs) {
      void run(nextRunAtMs)
      nextRunAtMs = laterThan(now, nextRunAtMs, nextRun)
    }
    wait()
  }
  wait()
  return {
    state: (): ScheduleState => ({ name, functionName, expression, nextRunAtMs, ...counts }),
    stop: () => {
      callOff()
      nextRunAtMs = undefined
    },
  }
}

/** A rate counts from when the run was due, unless that has long passed. */
function laterThan(now: number, dueMs: number, nextRun: NextRun): number | undefined {
  const next = nextRun(dueMs)
  return next !== undefined && next <= now ? nextRun(now) : next
}

/** Gives why the run failed, or undefined. */
async function invokeOnce(
  schedule: Schedule,
  dueMs: number,
  { invoke }: SchedulesOptions,
): Promise<string | undefined> {
  try {
    const invoked = await invoke(schedule.functionName, payloadOf(schedule, dueMs))
    return invoked.functionError && `the function failed (${invoked.functionError}).`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** The schedule's own input, or the event that EventBridge or its Scheduler makes. */
function payloadOf(schedule: Schedule, dueMs: number): string {
  const time = `${new Date(dueMs).toISOString().slice(0, 19)}Z`
  const [, , service, region, account] = schedule.arn.split(':')
  const isScheduler = service === 'scheduler'
  if (schedule.input !== undefined) {
    return isScheduler ? withContext(schedule.input, schedule.arn, time) : schedule.input
  }
  return JSON.stringify({
    version: '0',
    id: randomUUID(),
    'detail-type': 'Scheduled Event',
    source: isScheduler ? 'aws.scheduler' : 'aws.events',
    account,
    time,
    region,
    resources: [schedule.arn],
    detail: isScheduler ? '{}' : {},
  })
}

/** Scheduler's context attributes may stand anywhere in an input. */
function withContext(input: string, arn: string, time: string): string {
  return input
    .replaceAll('<aws.scheduler.schedule-arn>', arn)
    .replaceAll('<aws.scheduler.scheduled-time>', time)
    .replaceAll('<aws.scheduler.execution-id>', randomUUID())
    .replaceAll('<aws.scheduler.attempt-number>', '1')
}
