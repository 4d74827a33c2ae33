import { describe, expect, it } from '@jest/globals'
import { parseExpression, ScheduleError } from './expression.ts'

/** The first runs after an instant, as ISO texts. */
function runs(expression: string, after: string, count: number, timezone = 'UTC') {
  const next = parseExpression(expression, timezone)
  const found: string[] = []
  let at: number | undefined = Date.parse(after)
  while (found.length < count) {
    at = next(at)
    if (at === undefined) return found
    found.push(new Date(at).toISOString().slice(0, 16))
  }
  return found
}

describe('rate', () => {
  it.each([
    ['rate(1 minute)', '2026-11-23T00:01'],
    ['rate(5 minutes)', '2026-11-23T00:05'],
    ['rate(1 hour)', '2026-11-23T01:00'],
    ['rate(2 days)', '2026-11-25T00:00'],
  ])('%s', (expression, expected) => {
    expect(runs(expression, '2026-11-23T00:00:00Z', 1)).toEqual([expected])
  })

  it.each(['rate(1 minutes)', 'rate(5 minute)', 'rate(0 minutes)', 'rate(1 second)', 'rate()'])(
    'refuses %s',
    (expression) => expect(() => parseExpression(expression, 'UTC')).toThrow(ScheduleError),
  )
})

describe('the examples of AWS’s documentation', () => {
  const monday = '2026-11-23T00:00:00Z'
  it.each([
    ['cron(0 10 * * ? *)', ['2026-11-23T10:00', '2026-11-24T10:00']],
    ['cron(15 12 * * ? *)', ['2026-11-23T12:15', '2026-11-24T12:15']],
    ['cron(0 18 ? * MON-FRI *)', ['2026-11-23T18:00', '2026-11-24T18:00']],
    ['cron(0 8 1 * ? *)', ['2026-12-01T08:00', '2027-01-01T08:00']],
    ['cron(0/15 * * * ? *)', ['2026-11-23T00:15', '2026-11-23T00:30']],
    ['cron(0/10 * ? * MON-FRI *)', ['2026-11-23T00:10', '2026-11-23T00:20']],
    ['cron(0/5 8-17 ? * MON-FRI *)', ['2026-11-23T08:00', '2026-11-23T08:05']],
    ['cron(0/30 20-2 ? * MON-FRI *)', ['2026-11-23T00:30', '2026-11-23T01:00']],
  ])('%s', (expression, expected) => {
    expect(runs(expression, monday, 2)).toEqual(expected)
  })
})

describe('cron', () => {
  it.each([
    ['weekday 1 is Sunday', 'cron(0 0 ? * 1 *)', ['2026-11-29T00:00']],
    ['weekday 7 is Saturday', 'cron(0 0 ? * 7 *)', ['2026-11-28T00:00']],
    ['the second Monday', 'cron(0 0 ? * 2#2 *)', ['2026-12-14T00:00']],
    ['the last day of the month', 'cron(0 0 L * ? *)', ['2026-11-30T00:00', '2026-12-31T00:00']],
    ['the last Friday', 'cron(0 0 ? * 6L *)', ['2026-11-27T00:00', '2026-12-25T00:00']],
    [
      'the weekday nearest to the 15th',
      'cron(0 0 15W * ? *)',
      ['2026-12-15T00:00', '2027-01-15T00:00'],
    ],
    ['lists and names', 'cron(0,30 6 ? JAN,MAR TUE *)', ['2027-01-05T06:00', '2027-01-05T06:30']],
    ['years', 'cron(0 0 1 1 ? 2028)', ['2028-01-01T00:00']],
  ])('understands %s', (_what, expression, expected) => {
    expect(runs(expression, '2026-11-23T12:00:00Z', expected.length)).toEqual(expected)
  })

  it('runs over midnight', () => {
    expect(runs('cron(0 23-1 ? * MON-FRI *)', '2026-11-23T12:00:00Z', 3)).toEqual([
      '2026-11-23T23:00',
      '2026-11-24T00:00',
      '2026-11-24T01:00',
    ])
  })

  it('ends after its last year', () => {
    expect(runs('cron(0 0 1 1 ? 2020)', '2026-11-23T00:00:00Z', 1)).toEqual([])
  })

  it('keeps the hour of its time zone across daylight saving', () => {
    expect(runs('cron(30 2 * * ? *)', '2026-03-28T00:00:00Z', 3, 'Europe/Berlin')).toEqual([
      '2026-03-28T01:30',
      // 02:30 does not exist on the 29th: EventBridge Scheduler leaves that run out.
      '2026-03-30T00:30',
      '2026-03-31T00:30',
    ])
  })

  it.each([
    ['five fields', 'cron(0 0 * * ?)', /six fields/],
    ['no ?', 'cron(0 0 * * * *)', /must have \?/],
    ['two ?', 'cron(0 0 ? * ? *)', /must have \?/],
    ['nonsense', 'cron(99 0 * * ? *)', /cron\(99 0 \* \* \? \*\) in UTC is not understood/],
    ['at()', 'at(2026-11-23T00:00:00)', /neither rate/],
  ])('refuses %s', (_what, expression, message) => {
    expect(() => parseExpression(expression, 'UTC')).toThrow(message)
  })

  it('refuses an unknown time zone', () => {
    expect(() => parseExpression('cron(0 0 * * ? *)', 'Mars/Base')).toThrow(ScheduleError)
  })
})
