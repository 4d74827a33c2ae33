import { Cron } from 'croner'

/** A schedule expression that is not understood, in one sentence. */
export class ScheduleError extends Error {
  override readonly name = 'ScheduleError'
}

/** Gives the next run after an instant, both Unix milliseconds; undefined once there is none. */
export type NextRun = (afterMs: number) => number | undefined

/**
 * Reads `rate(…)` and the six-field `cron(…)` of EventBridge.
 *
 * @param timezone an IANA zone; a run at a time that the clock skips is left out.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 */
export function parseExpression(expression: string, timezone: string): NextRun {
  const match = /^(rate|cron)\((.*)\)$/.exec(expression)
  const [, kind, inside = ''] = match ?? []
  if (kind === 'rate') return parseRate(expression, inside)
  if (kind === 'cron') return parseCron(expression, inside, timezone)
  throw new ScheduleError(`${expression} is neither rate(…) nor cron(…).`)
}

/** Whether it runs at an interval from when it was made, not at times of the clock. */
export const isRate = (expression: string): boolean => expression.startsWith('rate(')

const UNIT_MS: Readonly<Record<string, number>> = {
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
}

function parseRate(expression: string, inside: string): NextRun {
  const [, count = '', unit = '', plural = ''] =
    /^([1-9]\d*) (minute|hour|day)(s?)$/.exec(inside) ?? []
  const unitMs = UNIT_MS[unit]
  // AWS insists on the grammar too.
  if (unitMs === undefined || (count === '1') !== (plural === '')) {
    throw new ScheduleError(`${expression} is no rate: write rate(1 minute) or rate(5 hours).`)
  }
  const intervalMs = Number(count) * unitMs
  return (afterMs) => afterMs + intervalMs
}

const CRON_FIELDS = 6

function parseCron(expression: string, inside: string, timezone: string): NextRun {
  const fields = inside.trim().split(/\s+/)
  const [, , dayOfMonth, , dayOfWeek] = fields
  if (fields.length !== CRON_FIELDS) {
    throw new ScheduleError(
      `${expression} must have six fields: minute, hour, day, month, weekday, year.`,
    )
  }
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw new ScheduleError(`${expression} must have ? either for the day or for the weekday.`)
  }
  // The library takes seconds first, and reads ? as "now" where AWS means "any".
  const [minute = '', hour = '', ...others] = fields.map((field) => (field === '?' ? '*' : field))
  const pattern = ['0', unwrapped(minute, 59), unwrapped(hour, 23), ...others].join(' ')
  try {
    const options = {
      mode: '7-part',
      timezone,
      paused: true,
      alternativeWeekdays: true,
      sloppyRanges: true,
    } as const
    const cron = new Cron(pattern, options)
    cron.nextRun(new Date(0))
    return (afterMs) => nextMatch(cron, afterMs)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ScheduleError(`${expression} in ${timezone} is not understood: ${why}`, { cause })
  }
}

/**
 * AWS lets a range of minutes or hours run over the end, as in 20-2; the library wants 20-23,0-2.
 */
function unwrapped(field: string, max: number): string {
  return field.replace(/\b(\d+)-(\d+)\b(?!\/)/g, (range, from: string, to: string) =>
    Number(from) > Number(to) ? `${from}-${max},0-${to}` : range,
  )
}

/** Runs in a row that a clock change can swallow; one is the rule. */
const SWALLOWED_MAX = 4

/** The library moves a run out of a gap of the clock; EventBridge Scheduler leaves it out. */
function nextMatch(cron: Cron, afterMs: number): number | undefined {
  let next = cron.nextRun(new Date(afterMs))
  for (let n = 0; n < SWALLOWED_MAX && next && !cron.match(next); n += 1) next = cron.nextRun(next)
  return next?.getTime()
}
