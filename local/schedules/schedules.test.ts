import { describe, expect, it } from '@jest/globals'
import { sampleFunction, sampleLambda } from '../lambda/fixtures/lambda.ts'
import type { Schedule } from '../template/template.ts'
import { startSchedules, type Timers } from './schedules.ts'

const MINUTE_MS = 60_000

/** A clock that moves only when told to, and lets promises settle at every step. */
function fakeTimers(start = '2026-11-23T00:00:00Z') {
  let now = Date.parse(start)
  let waiting: { atMs: number; call: () => void }[] = []
  const timers: Timers = {
    now: () => now,
    after: (delayMs, call) => {
      const entry = { atMs: now + delayMs, call }
      waiting.push(entry)
      return () => {
        waiting = waiting.filter((one) => one !== entry)
      }
    },
  }
  const advance = async (ms: number) => {
    const endMs = now + ms
    for (;;) {
      const [next] = waiting.filter((one) => one.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
      if (!next) break
      waiting = waiting.filter((one) => one !== next)
      now = Math.max(now, next.atMs)
      next.call()
      await settled()
    }
    now = endMs
  }
  /** The machine sleeps: time passes, no timer is called. */
  const sleep = (ms: number) => {
    now += ms
  }
  return { timers, advance, sleep, waiting: () => waiting.length }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

const schedule = (changes: Partial<Schedule> = {}): Schedule => ({
  name: 'sweep',
  arn: 'arn:aws:events:us-east-1:123456789012:rule/sweep',
  expression: 'rate(1 minute)',
  timezone: 'UTC',
  functionName: 'outboxPublisher',
  input: undefined,
  enabled: true,
  ...changes,
})

function start(
  changes: Partial<Schedule>,
  invoke = async (): Promise<{ functionError?: string }> => ({}),
) {
  const clock = fakeTimers()
  const payloads: string[] = []
  const lines: string[] = []
  const schedules = startSchedules({
    schedules: [schedule(changes)],
    timers: clock.timers,
    onLog: (_name, line) => void lines.push(line),
    invoke: (_name, payload) => {
      payloads.push(payload)
      return invoke()
    },
  })
  return { ...clock, ...schedules, payloads, lines, state: () => schedules.states()[0] }
}

describe('a schedule', () => {
  it('runs at each interval, the first time one interval after the start', async () => {
    const { advance, payloads, state } = start({})
    await advance(MINUTE_MS - 1)
    expect(payloads).toHaveLength(0)
    await advance(1)
    expect(payloads).toHaveLength(1)
    await advance(3 * MINUTE_MS)
    expect(payloads).toHaveLength(4)
    expect(state()).toMatchObject({ runs: 4, failures: 0, skipped: 0 })
  })

  it('shares the first interval with others of its rate, and no other', async () => {
    const { timers, advance } = fakeTimers()
    const runs: string[] = []
    const everyMinute = ['a', 'b', 'c'].map((name) => schedule({ functionName: name }))
    const off = schedule({ functionName: 'off', enabled: false })
    const nightly = schedule({ functionName: 'nightly', expression: 'cron(1 0 * * ? *)' })
    startSchedules({
      schedules: [off, ...everyMinute, nightly],
      timers,
      invoke: async (name) => {
        runs.push(`${name} ${(timers.now() / 1_000) % 3_600}`)
        return {}
      },
    })
    await advance(2 * MINUTE_MS)
    expect(runs.toSorted()).toEqual(
      ['a 20', 'a 80', 'b 40', 'b 100', 'c 60', 'c 120', 'nightly 60'].toSorted(),
    )
  })

  it('hands over EventBridge’s scheduled event', async () => {
    const { advance, payloads } = start({})
    await advance(MINUTE_MS)
    expect(JSON.parse(payloads[0] ?? '')).toEqual({
      version: '0',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      'detail-type': 'Scheduled Event',
      source: 'aws.events',
      account: '123456789012',
      time: '2026-11-23T00:01:00Z',
      region: 'us-east-1',
      resources: ['arn:aws:events:us-east-1:123456789012:rule/sweep'],
      detail: {},
    })
  })

  it('hands over its input instead, with Scheduler’s context filled in', async () => {
    const plain = start({ input: '{"task":"nightly"}' })
    await plain.advance(MINUTE_MS)
    expect(plain.payloads).toEqual(['{"task":"nightly"}'])
    const arn = 'arn:aws:scheduler:us-east-1:123456789012:schedule/default/sweep'
    const scheduler = start({
      arn,
      input: '{"at":"<aws.scheduler.scheduled-time>","n":<aws.scheduler.attempt-number>}',
    })
    await scheduler.advance(MINUTE_MS)
    expect(scheduler.payloads).toEqual(['{"at":"2026-11-23T00:01:00Z","n":1}'])
  })

  it('follows a cron over many days', async () => {
    const { advance, payloads, state } = start({ expression: 'cron(0 3 1 * ? *)' })
    await advance(40 * 24 * 60 * MINUTE_MS)
    expect(payloads.map((payload) => JSON.parse(payload).time)).toEqual([
      '2026-12-01T03:00:00Z',
      '2027-01-01T03:00:00Z',
    ])
    expect(state()?.nextRunAtMs).toBe(Date.parse('2027-02-01T03:00:00Z'))
  })

  it('does nothing while disabled', async () => {
    const { advance, payloads, state } = start({ enabled: false })
    await advance(10 * MINUTE_MS)
    expect(payloads).toHaveLength(0)
    expect(state()?.nextRunAtMs).toBeUndefined()
  })

  it('leaves out what is due while the run before has not ended', async () => {
    const gate = Promise.withResolvers<{ functionError?: string }>()
    const { advance, payloads, state } = start({}, () => gate.promise)
    await advance(5 * MINUTE_MS)
    expect(payloads).toHaveLength(1)
    expect(state()).toMatchObject({ runs: 1, skipped: 4 })
    gate.resolve({})
    await settled()
    await advance(MINUTE_MS)
    expect(payloads).toHaveLength(2)
  })

  it('makes up for a sleep with one run', async () => {
    const { advance, sleep, payloads } = start({})
    sleep(8 * 60 * MINUTE_MS + 1_000)
    await advance(0)
    expect(payloads).toHaveLength(1)
    await advance(MINUTE_MS)
    expect(payloads).toHaveLength(2)
  })

  it('goes on after a failure and after a refusal, and says so', async () => {
    const outcomes = [{ functionError: 'Unhandled' }, new Error('Rate Exceeded.'), {}]
    const { advance, state, lines } = start({}, async () => {
      const outcome = outcomes.shift()
      if (outcome instanceof Error) throw outcome
      return outcome ?? {}
    })
    await advance(3 * MINUTE_MS)
    expect(state()).toMatchObject({ runs: 3, failures: 2 })
    expect(lines).toEqual([
      'ERROR\tSchedule sweep: the function failed (Unhandled).',
      'ERROR\tSchedule sweep: Rate Exceeded.',
    ])
  })

  it('stops when closed', async () => {
    const { advance, close, waiting, payloads } = start({})
    close()
    expect(waiting()).toBe(0)
    await advance(5 * MINUTE_MS)
    expect(payloads).toHaveLength(0)
  })

  it('refuses an expression that it does not understand, before anything runs', () => {
    expect(() => start({ expression: 'at(2026-01-01T00:00:00)' })).toThrow(
      'neither rate(…) nor cron(…)',
    )
  })

  it('reaches a real function', async () => {
    await using lambda = sampleLambda([sampleFunction('nothing')])
    const { timers, advance } = fakeTimers()
    const invoked = Promise.withResolvers<unknown>()
    startSchedules({
      schedules: [schedule({ functionName: 'nothing' })],
      timers,
      invoke: async (name, payload) => {
        const answer = await lambda.invoke(name, payload)
        invoked.resolve(answer.payload)
        return answer
      },
    })
    await advance(MINUTE_MS)
    expect(await invoked.promise).toBe('null')
  })
})
