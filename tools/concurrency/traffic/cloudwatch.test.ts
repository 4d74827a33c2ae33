import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Measurement } from '../../measure/function-figures.ts'
import { sampleFigures } from '../fixtures/sample.ts'
import { withDurations } from '../inputs.ts'
import { readMetrics } from './cloudwatch.ts'
import { printedQueries, QUERIES_MAX, queriesFor } from './queries.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hub-metrics-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const names = ['learning-hub-dev-courseHttp', 'learning-hub-dev-progressBus']
const COURSE = 'learning-hub-prod-courseHttp'
const BUS = 'learning-hub-prod-progressBus'

const metric = (
  label: string,
  minutes: readonly number[],
  values: readonly number[] = minutes.map(() => 60),
) => ({
  Label: label,
  Timestamps: minutes.map((minute) => new Date(1_795_161_600_000 + minute * 60_000).toISOString()),
  Values: values,
})

const fileOf = async (value: unknown, name = 'metrics.json') => {
  const file = join(folder, name)
  const text = typeof value === 'string' ? value : JSON.stringify(value, undefined, 2)
  await writeFile(file, text)
  return file
}

type Options = { periodSeconds?: number; stage?: string }
const read = async (value: unknown, { periodSeconds, stage }: Options = {}) =>
  readMetrics([await fileOf(value)], { names, stage, periodSeconds })
const results = (...MetricDataResults: readonly object[]) => ({ MetricDataResults })
const refused = (value: unknown, options: Options = {}) =>
  read(value, options).then(
    () => 'accepted',
    (error: Error) => error.message,
  )

describe('metrics of CloudWatch', () => {
  it('give calls per second in periods, and none where there is no value', async () => {
    const { traffic } = await read(
      results(metric(COURSE, [0, 1, 3], [60, 120, 600]), metric(BUS, [1], [30])),
    )
    expect(traffic).toMatchObject({ bucketSeconds: 60, covers: 'all' })
    expect(Object.fromEntries(traffic.rates)).toEqual({
      courseHttp: [1, 2, 0, 10],
      progressBus: [0, 0.5, 0, 0],
    })
    expect(traffic.notes.join(' ')).not.toMatch(/Not in the export/)
  })

  it('have the period that all gaps are multiples of, not the smallest gap', async () => {
    const { traffic } = await read(results(metric(COURSE, [0, 2, 5, 7])))
    expect(traffic.bucketSeconds).toBe(60)
    expect(traffic.rates.get('courseHttp')).toEqual([1, 0, 1, 0, 0, 1, 0, 1])
    // The other function tells it, though this one is called every fifth minute.
    const both = await read(results(metric(COURSE, [0, 5, 10]), metric(BUS, [2])))
    expect(both.traffic.bucketSeconds).toBe(60)
  })

  it('are refused where their period cannot be told, and read where it is said', async () => {
    const every5 = results(metric(COURSE, [0, 5, 10]))
    expect(await refused(every5)).toMatch(
      /metrics\.json:13: values are 300 s apart, which may be their period or minutes without calls; give --period/,
    )
    const single = results(metric(COURSE, [0], [3_600]))
    expect(await refused(single)).toMatch(/metrics\.json:9: one moment does not tell the period/)
    expect((await read(every5, { periodSeconds: 60 })).traffic.rates.get('courseHttp')).toEqual([
      ...[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    ])
    expect((await read(single, { periodSeconds: 3_600 })).traffic.rates.get('courseHttp')).toEqual([
      1,
    ])
    const labelled = results(metric(`${COURSE} Invocations Sum 300`, [0, 5, 10]))
    expect((await read(labelled)).traffic.bucketSeconds).toBe(300)
    expect(await refused(labelled, { periodSeconds: 60 })).toMatch(
      /metrics\.json:4: this has a period of 300 s, not of 60/,
    )
    expect(await refused(results(metric(COURSE, [0, 7])), { periodSeconds: 120 })).toMatch(
      /metrics\.json:11: 420 s after the first is between periods of 120 s/,
    )
    expect(await refused(results(metric(COURSE, [0, 0.5])))).toMatch(/:\d+: values are 30 s apart/)
  })

  it('are refused where they are not all there is', async () => {
    const whole = results(metric(COURSE, [0, 1]))
    expect(await refused({ ...whole, NextToken: 'abc' })).toMatch(
      /metrics\.json:15: there is more behind NextToken/,
    )
    const Messages = [{ Code: 'MaxMetricsExceeded', Value: 'The maximum of 500 was exceeded.' }]
    expect(await refused({ ...whole, Messages })).toMatch(
      /metrics\.json:15: CloudWatch says MaxMetricsExceeded: The maximum of 500 was exceeded\.$/,
    )
    const partial = { ...metric(COURSE, [0, 1]), StatusCode: 'PartialData' }
    expect(await refused(results(partial))).toMatch(/metrics\.json:4: this is PartialData, not all/)
    await expect(read({ ...whole, NextToken: null, Messages: [] })).resolves.toBeDefined()
  })

  it('are one series where the command line asked page after page', async () => {
    const page = (StatusCode: string, minutes: readonly number[]) => ({
      ...{ Id: 'f1', ...metric(COURSE, minutes), StatusCode },
    })
    const { traffic } = await read(results(page('PartialData', [2, 3]), page('Complete', [0, 1])))
    expect(traffic.rates.get('courseHttp')).toEqual([1, 1, 1, 1])
    expect(await refused(results(page('PartialData', [1, 2]), page('Complete', [0, 1])))).toMatch(
      /metrics\.json:\d+: 2026-11-20T08:01:00\.000Z comes twice/,
    )
  })

  it('are refused where a function comes twice, in one file or in two', async () => {
    const twice = results(metric(COURSE, [0, 1]), metric(COURSE, [2, 3]))
    expect(await refused(twice)).toMatch(
      /metrics\.json:15: Invocations \(Sum\) of courseHttp comes twice/,
    )
    const one = await fileOf(results(metric(COURSE, [0, 1])), 'one.json')
    const other = await fileOf(results(metric(BUS, [1])), 'other.json')
    const options = { names, stage: undefined, periodSeconds: undefined }
    const { traffic } = await readMetrics([one, other], options)
    expect([...traffic.rates.keys()]).toEqual(['courseHttp', 'progressBus'])
    await expect(readMetrics([one, one], options)).rejects.toThrow(/one\.json:4: .*comes twice/)
  })

  it('are refused for functions of another service or stage', async () => {
    expect(await refused(results(metric('other-app-dev-courseHttp', [0, 1])))).toMatch(
      /metrics\.json:4: other-app-dev-courseHttp is no function of learning-hub/,
    )
    expect(await refused(results(metric('learning-hub-prod-goneHttp', [0, 1])))).toMatch(
      /metrics\.json:4: learning-hub-prod-goneHttp is no function of the packaged template/,
    )
    const mixed = results(metric(COURSE, [0, 1]), metric('learning-hub-dev-progressBus', [0]))
    expect(await refused(mixed)).toMatch(
      /metrics\.json:15: progressBus is of stage dev, not of prod/,
    )
    expect(await refused(results(metric(COURSE, [0, 1])), { stage: 'dev' })).toMatch(
      /metrics\.json:4: courseHttp is of stage prod, not of dev/,
    )
    expect(await refused(results(metric(`${COURSE} Errors Sum`, [0, 1])))).toMatch(
      /metrics\.json:4: ".* Errors Sum" is no label/,
    )
  })

  it('tell which functions they say nothing of', async () => {
    const { traffic } = await read(results(metric(COURSE, [0, 1])))
    expect(traffic.notes).toContain(
      'Not in the export, and planned as if nobody called them: progressBus.',
    )
  })

  it.each([
    ['UTF-8', (text: string) => Buffer.from(`\uFEFF${text}`)],
    ['UTF-16, as PowerShell redirects', (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le')],
  ])('may begin with a byte order mark: %s', async (_, bytes) => {
    const file = join(folder, 'marked.json')
    await writeFile(file, bytes(JSON.stringify(results(metric(COURSE, [0, 1])))))
    const options = { names, stage: undefined, periodSeconds: undefined }
    expect((await readMetrics([file], options)).traffic.rates.get('courseHttp')).toEqual([1, 1])
  })

  it('are refused with the line that is wrong', async () => {
    expect(await refused('{\n  "MetricDataResults": [\n}')).toMatch(
      /metrics\.json:3: this is not JSON/,
    )
    expect(await refused(results(metric(COURSE, [0, 1], [1, -2])))).toMatch(
      /metrics\.json:11: MetricDataResults\.0\.Values\.1: Too small/,
    )
    expect(await refused(results(metric(COURSE, [0, 1], [1])))).toMatch(
      /metrics\.json:9: 2 times and 1 values/,
    )
    expect(await refused(results(metric(COURSE, [0, 1], [1, 1e300])))).toMatch(
      /metrics\.json:11: 1e\+300 calls in 60 s are more than there can be/,
    )
    expect(await refused(results(metric(COURSE, [])))).toMatch(
      /metrics\.json:4: there are no values of Invocations/,
    )
    expect(await refused(results({ ...metric(COURSE, [0]), Timestamps: ['noon'] }))).toMatch(
      /metrics\.json:6: "noon" is no time/,
    )
  })
})

describe('queries', () => {
  const asked = { stage: 'prod', periodSeconds: 60 }

  it('ask for calls and durations of every function, under labels that tell what they are', () => {
    const [request = [], ...more] = queriesFor(names, asked)
    expect(more).toEqual([])
    expect(request.map(({ Label }) => Label)).toEqual(
      [
        'Invocations Sum',
        'Duration Average',
        'Duration p50',
        'Duration p95',
        'Duration p99',
      ].flatMap((what) => [`${COURSE} ${what} 60`, `${BUS} ${what} 60`]),
    )
    expect(request[0]).toEqual({
      Id: 'courseHttp_Invocations_Sum',
      Label: `${COURSE} Invocations Sum 60`,
      MetricStat: {
        Metric: {
          ...{ Namespace: 'AWS/Lambda', MetricName: 'Invocations' },
          Dimensions: [{ Name: 'FunctionName', Value: COURSE }],
        },
        ...{ Period: 60, Stat: 'Sum' },
      },
    })
    for (const { Id } of request) expect(Id).toMatch(/^[a-z]\w{0,254}$/)
    expect(JSON.parse(printedQueries([request], undefined))).toEqual(request)
  })

  it('are split where they are more than a request takes', () => {
    const many = Array.from({ length: 101 }, (_, index) => `learning-hub-dev-f${index}`)
    const requests = queriesFor(many, asked)
    expect(requests.map(({ length }) => length)).toEqual([QUERIES_MAX, 5])
    expect(() => printedQueries(requests, undefined)).toThrow(
      'These are 2 requests of up to 500 queries: give --part 1 to --part 2.',
    )
    expect(JSON.parse(printedQueries(requests, 2))).toHaveLength(5)
    expect(() => printedQueries(requests, 3)).toThrow('--part: there are 2 requests.')
  })
})

describe('durations of CloudWatch', () => {
  const kept: Measurement = {
    ...{ measuredAt: '2026-11-01T08:00:00.000Z', command: 'npm run measure', machine: 'a laptop' },
    functions: {
      courseHttp: sampleFigures({ eventsPerInvocation: 0.25 }),
      progressBus: sampleFigures(),
    },
  }
  /** Answers to the queries, as if each function had these values in minutes 0 and 1. */
  const answers = (values: Readonly<Record<string, readonly number[]>>, of = [COURSE]) =>
    results(
      ...of.flatMap((name) =>
        Object.entries(values).map(([what, each]) =>
          metric(`${name} ${what} 60`, each.length === 2 ? [0, 1] : [], each),
        ),
      ),
    )
  const DURATIONS = {
    'Invocations Sum': [30, 90],
    ...{ 'Duration Average': [100, 200], 'Duration p50': [80, 120] },
    ...{ 'Duration p95': [300, 500], 'Duration p99': [400, 800] },
  }

  it('are means over calls; imports and events stay those that were measured', async () => {
    const metrics = await read(answers(DURATIONS))
    const { traffic, measurement } = withDurations(metrics, kept, new Map([['courseHttp', 15]]))
    expect(measurement).toEqual({
      ...{ measuredAt: '2026-11-20T08:01:00.000Z', machine: 'AWS' },
      command: 'aws cloudwatch get-metric-data',
      functions: {
        courseHttp: {
          ...{ ...kept.functions.courseHttp, invocations: 120 },
          durationMs: { mean: 175, p50: 110, p95: 450, p99: 700 },
        },
        progressBus: kept.functions.progressBus,
      },
    })
    expect(traffic.rates.get('courseHttp')).toEqual([0.5, 1.5])
    expect(traffic.notes).toContain(
      'Durations of 1 functions are from AWS; other durations, imports and events per call are from npm run measure, 2026-11-01, on a laptop.',
    )
  })

  it('stay those that were measured, of a function that nobody called', async () => {
    const quiet = Object.fromEntries(Object.keys(DURATIONS).map((what) => [what, []]))
    const both = [
      ...answers(DURATIONS).MetricDataResults,
      ...answers(quiet, [BUS]).MetricDataResults,
    ]
    const metrics = await read(results(...both))
    expect([...metrics.durations.keys()]).toEqual(['courseHttp'])
    expect(metrics.traffic.rates.get('progressBus')).toEqual([0, 0])
    const callsAlone = await read(results(metric(COURSE, [0, 1])))
    expect(withDurations(callsAlone, kept, new Map()).measurement).toBe(kept)
  })

  it('are refused where they cannot be, or are not all there', async () => {
    const metrics = await read(answers(DURATIONS))
    expect(() => withDurations(metrics, kept, new Map([['courseHttp', 0.1]]))).toThrow(
      /metrics\.json:15: courseHttp: mean is 175 ms, and its timeout is 0\.1 s\.$/,
    )
    expect(await refused(answers({ ...DURATIONS, 'Duration p50': [900, 900] }))).toMatch(
      /metrics\.json:15: of courseHttp p50 \(900\) or p95 \(450\) is above p99 \(700\)/,
    )
    const { 'Duration p95': _, ...three } = DURATIONS
    expect(await refused(answers(three))).toMatch(
      /metrics\.json:15: courseHttp has durations and no p95; export what --print-queries prints/,
    )
  })
})
