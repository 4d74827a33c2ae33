import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { ListenerRule } from '../../../local/template/template.ts'
import { figuresOf, sampleFunction, sampleStack, sampleTraffic } from '../fixtures/sample.ts'
import { readAccessLog } from './access-log.ts'
import { readMetrics } from './cloudwatch.ts'
import { followTraffic } from './follow.ts'
import { builtInTraffic, PROFILE_NAMES } from './profiles.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hub-traffic-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const fileOf = async (name: string, text: string) => {
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

const line = (time: string, request: string) =>
  `https ${time} app/internal/1 10.0.1.5:2817 - 0.000 0.021 0.000 200 200 34 366 "${request}" ` +
  '"undici" - - arn:aws:targetgroup/x "Root=1-2-3" "-" "-" 110 2026-11-20T08:00:00.000000Z "forward" "-" "-" "-" "-" "-" "-"'

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
    const traffic = await readAccessLog(file, rules)
    expect(traffic).toMatchObject({ bucketSeconds: 1, covers: 'doors' })
    expect(Object.fromEntries(traffic.rates)).toEqual({
      courseHttp: [2, 0, 0],
      authHttp: [0, 0, 1],
    })
    expect(traffic.notes.join(' ')).toMatch(/5 requests in 3 s.*2 of them lead to no function/)
  })

  it('reads the CSV that Athena exports', async () => {
    const file = await fileOf(
      'export.csv',
      'time,request_verb,request_url\n"2026-11-20T08:00:00Z","GET","https://hub:443/v1/auth/jwks"\n',
    )
    expect(Object.fromEntries((await readAccessLog(file, rules)).rates)).toEqual({ authHttp: [1] })
  })

  it('is refused with the line that is wrong', async () => {
    const good = line('2026-11-20T08:00:00Z', 'GET https://hub:443/v1/courses HTTP/1.1')
    const refused = async (text: string) =>
      readAccessLog(await fileOf('bad.log', text), rules).then(
        () => 'accepted',
        (error: Error) => error.message,
      )
    expect(await refused(`${good}\nhttps yesterday\n`)).toMatch(/bad\.log:2: 2 fields are too few/)
    expect(await refused(`${good}\n${good.replace('2026-11-20T08', 'noon')}`)).toMatch(
      /bad\.log:2: "noon.*" is no time/,
    )
    expect(await refused(`${good}\n${good}\n${good.replace('https://hub:443', '?')}`)).toMatch(
      /bad\.log:3: ".*" is no address/,
    )
    expect(await refused('time,request_url\n2026-11-20T08:00:00Z\n')).toMatch(/bad\.log:2: /)
    expect(await refused('')).toMatch(/bad\.log: the access log has no request/)
    await expect(readAccessLog(join(folder, 'none'), rules)).rejects.toThrow(/cannot be read/)
  })
})

const keys = new Set(['courseHttp', 'progressBus'])
const metric = (label: string, values: readonly number[], minutes: readonly number[]) => ({
  Label: label,
  Timestamps: minutes.map((minute) => `2026-11-20T08:0${minute}:00Z`),
  Values: values,
})

describe('metrics of CloudWatch', () => {
  it('gives calls per second in periods, and none where there is no value', async () => {
    const results = [
      metric('learning-hub-prod-courseHttp', [60, 120, 600], [0, 1, 3]),
      metric('learning-hub-prod-progressBus', [30], [1]),
    ]
    const file = await fileOf('metrics.json', JSON.stringify({ MetricDataResults: results }))
    const traffic = await readMetrics(file, keys)
    expect(traffic).toMatchObject({ bucketSeconds: 60, covers: 'all' })
    expect(Object.fromEntries(traffic.rates)).toEqual({
      courseHttp: [1, 2, 0, 10],
      progressBus: [0, 0.5, 0, 0].slice(0, 4),
    })
  })

  it('are refused with the line that is wrong', async () => {
    const refused = async (value: unknown) =>
      readMetrics(
        await fileOf(
          'bad.json',
          typeof value === 'string' ? value : JSON.stringify(value, undefined, 2),
        ),
        keys,
      ).then(
        () => 'accepted',
        (error: Error) => error.message,
      )
    expect(await refused('{\n  "MetricDataResults": [\n}')).toMatch(/bad\.json:3: this is not JSON/)
    const negative = { MetricDataResults: [metric('x-courseHttp', [1, -2], [0, 1])] }
    expect(await refused(negative)).toMatch(
      /bad\.json:11: MetricDataResults\.0\.Values\.1: Too small/,
    )
    const gone = { MetricDataResults: [metric('x-goneHttp', [1], [0])] }
    expect(await refused(gone)).toMatch(/bad\.json:4: x-goneHttp is no function of the packaged/)
    const uneven = { MetricDataResults: [metric('x-courseHttp', [1], [0, 1])] }
    expect(await refused(uneven)).toMatch(/bad\.json:9: 2 times and 1 values/)
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
