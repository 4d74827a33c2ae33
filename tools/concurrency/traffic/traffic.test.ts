import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { ListenerRule } from '../../../local/template/template.ts'
import { figuresOf, sampleFunction, sampleStack, sampleTraffic } from '../fixtures/sample.ts'
import { readAccessLog } from './access-log.ts'
import { eventsOf, followTraffic } from './follow.ts'
import { builtInTraffic, PROFILE_NAMES } from './profiles.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hub-traffic-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const fileOf = async (name: string, text: string | Uint8Array) => {
  const file = join(folder, name)
  await writeFile(file, text)
  return file
}

const rule = (path: string, functionName: string, priority: number): ListenerRule => ({
  ...{ logicalId: functionName, listenerArn: 'arn', priority },
  conditions: [{ field: 'path', values: [path, `${path}/*`] }],
  targetGroup: { arn: 'arn', functionName, multiValueHeaders: true, healthCheck: undefined },
})
const rules = [
  rule('/v1/courses', 'learning-hub-prod-courseHttp', 110),
  rule('/v1/auth', 'learning-hub-prod-authHttp', 120),
]

/** @param answered where it was answered at another moment than it came. */
const line = (time: string, request: string, answered = time) =>
  `https ${answered} app/internal/1 10.0.1.5:2817 - 0.000 0.021 0.000 200 200 34 366 "${request}" ` +
  `"undici" - - arn:aws:targetgroup/x "Root=1-2-3" "-" "-" 110 ${time} "forward" "-" "-" "-" "-" "-" "-"`

describe('an access log', () => {
  it('counts each second’s calls of each function, by the balancer’s own rules', async () => {
    const file = await fileOf(
      'alb.log',
      [
        line('2026-11-20T08:00:00.100000Z', 'GET https://hub:443/v1/courses?limit=5 HTTP/1.1'),
        line('2026-11-20T08:00:00.900000Z', 'GET https://hub:443/v1/courses/crs_1 HTTP/2.0'),
        line('2026-11-20T08:00:02.000000Z', 'POST https://hub:443/v1/auth/sign-in HTTP/1.1'),
        line('2026-11-20T08:00:02.000000Z', 'GET https://hub:443/robots.txt HTTP/1.1'),
        line('2026-11-20T08:00:02.500000Z', '- http://hub:80- -'),
      ].join('\n'),
    )
    const traffic = await readAccessLog([file], rules)
    expect(traffic).toMatchObject({ bucketSeconds: 1, covers: 'doors' })
    expect(Object.fromEntries(traffic.rates)).toEqual({
      courseHttp: [2, 0, 0],
      authHttp: [0, 0, 1],
    })
    expect(traffic.notes.join(' ')).toMatch(/5 requests in 3 s.*2 of them lead to no function/)
  })

  it('counts a call when it came, not when it was answered', async () => {
    const request = 'GET https://hub:443/v1/courses HTTP/1.1'
    const log = ['08:00:02', '08:00:09', '08:00:21'].map((answered) =>
      line('2026-11-20T08:00:01.500000Z', request, `2026-11-20T${answered}.000000Z`),
    )
    const traffic = await readAccessLog([await fileOf('slow.log', log.join('\n'))], rules)
    expect(Object.fromEntries(traffic.rates)).toEqual({ courseHttp: [3] })
    expect(traffic.notes.join(' ')).not.toMatch(/timed by their answer/)
    const csv = await fileOf(
      'slow.csv',
      'time,request_creation_time,request_url\n' +
        '2026-11-20T08:00:09Z,2026-11-20T08:00:00Z,https://hub:443/v1/courses\n' +
        '2026-11-20T08:00:01Z,2026-11-20T08:00:01Z,https://hub:443/v1/courses\n',
    )
    expect((await readAccessLog([csv], rules)).rates.get('courseHttp')).toEqual([1, 1])
  })

  it('may come in parts, packed or not', async () => {
    const at = (second: number) =>
      `${line(`2026-11-20T08:00:0${second}.000000Z`, 'GET https://hub:443/v1/courses HTTP/1.1')}\n`
    const parts = [
      await fileOf('part-2.log', at(2)),
      // AWS's own name ends so, but a name proves nothing; and packed parts may be put together as they are.
      await fileOf('part-1', Buffer.concat([gzipSync(at(0)), gzipSync(at(1))])),
    ]
    const traffic = await readAccessLog(parts, rules)
    expect(traffic.rates.get('courseHttp')).toEqual([1, 1, 1])
    expect(traffic.notes[0]).toMatch(/^3 requests in 3 s from .*part-2\.log, .*part-1\.$/)
    const cut = await fileOf('cut.log.gz', gzipSync(at(0)).subarray(0, 60))
    await expect(readAccessLog([cut], rules)).rejects.toThrow(
      /cut\.log\.gz: the file cannot be unpacked; it is cut off or damaged\./,
    )
  })

  it.each([
    ['a byte order mark', '\uFEFFtime,request_url\n', ','],
    ['semicolons', 'time;request_url\r\n', ';'],
    ['capitals and quotes', '"Time","Request_URL"\n', ','],
    ['a mark, quotes and semicolons', '\uFEFF"TIME";"REQUEST_URL"\n', ';'],
  ])('reads a CSV with %s', async (_, head, separator) => {
    const row = ['2026-11-20T08:00:00Z', 'https://hub:443/v1/auth/jwks'].join(separator)
    const traffic = await readAccessLog([await fileOf('other.csv', `${head}${row}\n`)], rules)
    expect(Object.fromEntries(traffic.rates)).toEqual({ authHttp: [1] })
    expect(traffic.notes.join(' ')).toMatch(/1 of them are timed by their answer/)
  })

  it('reads the CSV that Athena exports', async () => {
    const file = await fileOf(
      'export.csv',
      'time,request_verb,request_url\n"2026-11-20T08:00:00Z","GET","https://hub:443/v1/auth/jwks"\n',
    )
    expect(Object.fromEntries((await readAccessLog([file], rules)).rates)).toEqual({
      authHttp: [1],
    })
  })

  it('is refused with the line that is wrong', async () => {
    const good = line('2026-11-20T08:00:00Z', 'GET https://hub:443/v1/courses HTTP/1.1')
    const refused = async (text: string) =>
      readAccessLog([await fileOf('bad.log', text)], rules).then(
        () => 'accepted',
        (error: Error) => error.message,
      )
    expect(await refused(`${good}\nhttps yesterday\n`)).toMatch(/bad\.log:2: 2 fields are too few/)
    expect(await refused(`${good}\n${good.replaceAll('2026-11-20T08', 'noon')}`)).toMatch(
      /bad\.log:2: "noon.*" is no time/,
    )
    expect(await refused(`${good}\n${good}\n${good.replace('https://hub:443', '?')}`)).toMatch(
      /bad\.log:3: ".*" is no address/,
    )
    expect(await refused('time,request_url\n2026-11-20T08:00:00Z\n')).toMatch(/bad\.log:2: /)
    expect(await refused('time,elb\n2026-11-20T08:00:00Z,app\n')).toMatch(
      /bad\.log:1: this is no line of an access log, .* lacks request_url\./,
    )
    expect(await refused('id;name\n1;2\n')).toMatch(
      /bad\.log:1: .* lacks request_url and request_creation_time\./,
    )
    expect(await refused(good.replaceAll('/v1/courses', '/v9/other'))).toMatch(
      /bad\.log: none of 1 requests leads to a function/,
    )
    expect(await refused('')).toMatch(/bad\.log: the access log has no request/)
    await expect(readAccessLog([join(folder, 'none')], rules)).rejects.toThrow(/cannot be read/)
  })
})

describe('a built-in profile', () => {
  it.each(PROFILE_NAMES)('%s grows with the learners and has no gaps', (name) => {
    const [small, large] = [builtInTraffic(name, 1_000), builtInTraffic(name, 10_000)]
    for (const [key, rates] of small?.rates ?? []) {
      const more = large?.rates.get(key) ?? []
      expect(more).toHaveLength(rates.length)
      rates.forEach((rate, bucket) => {
        expect(rate).toBeGreaterThanOrEqual(0)
        expect(more[bucket]).toBeCloseTo(rate * 10, 6)
      })
    }
  })

  it('makes every burst’s calls, whatever its spread', () => {
    const exam = builtInTraffic('exam-burst', 10_000)
    const steady = (exam?.rates.get('assessmentHttp') ?? [])[2_699] ?? 0
    const sum = (exam?.rates.get('assessmentHttp') ?? []).reduce((all, rate) => all + rate, 0)
    // Two bursts of two calls of every fifth learner, above what goes on all the time.
    expect(sum - steady * 2_700).toBeCloseTo(10_000 * 0.2 * 2 * 2, 0)
  })

  it('is none by another name', () => {
    expect(builtInTraffic('constructor', 1)).toBeUndefined()
  })
})

describe('what follows from calls at the doors', () => {
  const figures = figuresOf(sampleStack, { eventsPerInvocation: 0 })
  const withEvents = (key: string, eventsPerInvocation: number) => ({
    ...figures,
    [key]: { ...figures.userHttp, eventsPerInvocation } as (typeof figures)[string],
  })
  const doors = sampleTraffic({ assessmentHttp: [10, 20] }, { covers: 'doors' })

  it('is an event’s call of each consumer of its topic', () => {
    const { rates } = followTraffic(doors, sampleStack, withEvents('assessmentHttp', 0.5))
    expect(rates.get('progressBus')).toEqual([5, 10])
    expect(followTraffic(doors, sampleStack, figures).rates.get('progressBus')).toEqual([0, 0])
  })

  it('is the same in whatever order the template has its functions', () => {
    const stack = {
      functions: [
        ...sampleStack.functions.filter(({ kind }) => kind !== 'step'),
        sampleFunction('assessmentGrade', { kind: 'step' }),
        sampleFunction('assessmentJobs', { kind: 'job', scheduledPerSecond: 1 }),
      ],
      subscriptions: sampleStack.subscriptions,
    }
    // Half an event a call, and a step for each call of the four doors, of which one is called.
    const events = figuresOf(stack, { eventsPerInvocation: 0.5 })
    const reversed = { ...stack, functions: stack.functions.toReversed() }
    for (const one of [stack, reversed]) {
      const { rates } = followTraffic(doors, one, events)
      expect(rates.get('assessmentGrade')).toEqual([2.5, 5])
      // Of the door, the step and the job.
      expect(rates.get('progressBus')).toEqual([(10 + 2.5 + 1) / 2, (20 + 5 + 1) / 2])
      // Of those, of the consumer (which writes as well), of the other job, and by its schedule.
      const commits = (10 + 2.5 + 1 + 6.75 + 1 / 60) / 2
      expect(rates.get('outboxPublisher')?.[0]).toBeCloseTo(commits + 1 / 60)
    }
  })

  it('calls a consumer no more often than its partitions allow, and the rest waits on the topic', () => {
    const busy = sampleTraffic({ assessmentHttp: [100, 1_000] }, { covers: 'doors' })
    const measured = withEvents('assessmentHttp', 1)
    // Twelve batches of 50 ms.
    expect(followTraffic(busy, sampleStack, measured).rates.get('progressBus')).toEqual([100, 240])
    expect(eventsOf(busy, sampleStack, measured).get('hub.assessment.v1')).toEqual([100, 1_000])
  })

  it('is what wakes the publisher and what a schedule runs', () => {
    const { rates } = followTraffic(doors, sampleStack, withEvents('assessmentHttp', 0.5))
    expect(rates.get('outboxPublisher')?.[0]).toBeCloseTo(5 + 1 / 60)
    expect(rates.get('rbacJobs')).toEqual([1 / 60, 1 / 60])
  })

  it('does not take one service’s events for those of a service whose name begins alike', () => {
    const stack = {
      functions: [
        sampleFunction('videoProcessingHttp'),
        sampleFunction('videoStreamingHttp'),
        sampleFunction('contentBus', { kind: 'consumer', topics: ['hub.video-processing.v1'] }),
      ] as const,
      subscriptions: [
        {
          ...{ topic: 'hub.video-processing.v1', group: 'hub.content.video-processing' },
          ...{ functionKey: 'contentBus', partitions: 12 },
        },
      ],
    }
    const traffic = sampleTraffic(
      { videoProcessingHttp: [1], videoStreamingHttp: [7] },
      { covers: 'doors' },
    )
    const { rates } = followTraffic(traffic, stack, figuresOf(stack, { eventsPerInvocation: 1 }))
    expect(rates.get('contentBus')).toEqual([1])
  })

  it('is left as it was counted, where everything was', () => {
    const all = sampleTraffic({ assessmentHttp: [10] })
    expect(followTraffic(all, sampleStack, figures)).toBe(all)
  })
})
