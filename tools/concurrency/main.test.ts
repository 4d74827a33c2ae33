import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { root } from '../measure/root.ts'

// The command as ops run it, on a small template of its own.

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hub-concurrency-cli-'))
  await writeFile(join(folder, 'template.json'), JSON.stringify(template))
  await writeFile(join(folder, 'durations.json'), JSON.stringify(durations, undefined, 2))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const lambdaFunction = (key: string) => ({
  Type: 'AWS::Lambda::Function',
  Properties: {
    ...{ FunctionName: `learning-hub-dev-${key}`, Handler: `a.${key}`, Runtime: 'nodejs24.x' },
    ...{ MemorySize: 512, Timeout: 15, Environment: { Variables: { DATABASE_URL: 'x' } } },
  },
})

const door = (name: string, key: string, priority: number) => ({
  [`${name}LambdaFunction`]: lambdaFunction(key),
  [`${name}Group`]: {
    Type: 'AWS::ElasticLoadBalancingV2::TargetGroup',
    Properties: {
      ...{ Name: key, TargetType: 'lambda' },
      Targets: [{ Id: { 'Fn::GetAtt': [`${name}LambdaFunction`, 'Arn'] } }],
    },
  },
  [`${name}Rule`]: {
    Type: 'AWS::ElasticLoadBalancingV2::ListenerRule',
    Properties: {
      Actions: [{ Type: 'forward', TargetGroupArn: { Ref: `${name}Group` } }],
      Conditions: [
        { Field: 'path-pattern', PathPatternConfig: { Values: [`/v1/${key}`, `/v1/${key}/*`] } },
      ],
      ...{ ListenerArn: { Ref: 'AlbListenerArn' }, Priority: priority },
    },
  },
})

const template = {
  Parameters: { AlbListenerArn: { Type: 'String' } },
  Resources: { ...door('CourseHttp', 'courseHttp', 110), ...door('UserHttp', 'userHttp', 120) },
}

const durations = {
  ...{ measuredAt: '2026-11-20T08:00:00.000Z', command: 'by hand', machine: 'a test' },
  functions: {
    courseHttp: {
      invocations: 10,
      durationMs: { mean: 80, p50: 70, p95: 120, p99: 200 },
      initMs: { p50: 300, p95: 400 },
      ...{ maxMemoryMb: null, eventsPerInvocation: 0.1 },
    },
    // So slow that it would take what is shared from the other one.
    userHttp: {
      invocations: 10,
      durationMs: { mean: 4_500, p50: 4_000, p95: 6_000, p99: 7_000 },
      initMs: { p50: 300, p95: 400 },
      ...{ maxMemoryMb: null, eventsPerInvocation: 0.1 },
    },
  },
}

const run = (...args: string[]) =>
  new Promise<{ code: number; output: string; error: string }>((resolve) => {
    const given = [
      join(root, 'tools', 'concurrency', 'main.ts'),
      ...['--template', 'template.json', '--durations', 'durations.json', ...args],
    ]
    const env = { ...process.env, INIT_CWD: folder }
    execFile(process.execPath, given, { cwd: root, env }, (failure, output, error) =>
      resolve({ code: failure ? Number(failure.code) : 0, output, error }),
    )
  })

describe('npm run concurrency', () => {
  it('prints demand, proposals, what must change and the diff, and writes nothing but the page', async () => {
    const file = join(root, 'functions', 'course', 'function.yml')
    const before = await readFile(file, 'utf8')
    const { code, output, error } = await run(
      ...['--profile', 'term-start', '--learners', '50000', '--html', 'out/plan.html'],
    )
    expect(error).toBe('')
    expect(code).toBe(0)
    expect(output).toMatch(/term-start with 50000 active learners/)
    expect(output).toMatch(/courseHttp +│? *door/)
    expect(output).toMatch(/What must change, first things first/)
    expect(output).toMatch(/\+ {2}reservedConcurrency: \d+/)
    // A reservation is a cap as well, and the table's head says so.
    expect(output).toMatch(/needed +│ reserved = most +│/)
    expect(output).toMatch(/Nothing was written; --write does it\./)
    expect(await readFile(file, 'utf8')).toBe(before)
    const page = await readFile(join(folder, 'out', 'plan.html'), 'utf8')
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/)
    expect(page).toMatch(/<svg .*role="img"/)
    // The page needs nothing beside itself.
    expect(page).not.toMatch(/<script|src=|href=|url\(/)
  })

  it('goes from production to a plan: prints queries, and reads what CloudWatch answers to them', async () => {
    const asked = await run('--print-queries', '--stage', 'prod')
    expect(asked).toMatchObject({ code: 0, error: '' })
    const queries: { Id: string; Label: string; MetricStat: { Stat: string } }[] = JSON.parse(
      asked.output,
    )
    const answer = {
      Messages: [],
      MetricDataResults: queries.map(({ Id, Label, MetricStat: { Stat } }) => ({
        ...{ Id, Label, StatusCode: 'Complete' },
        Timestamps: ['2026-11-20T08:01:00+00:00', '2026-11-20T08:00:00+00:00'],
        Values: Stat === 'Sum' ? [60_000, 6_000] : [250, 250],
      })),
    }
    await writeFile(join(folder, 'metrics.json'), JSON.stringify(answer))
    const { code, output, error } = await run('--metrics', 'metrics.json')
    expect(error).toBe('')
    expect(code).toBe(0)
    expect(output).toMatch(/2 functions of prod over 2 periods of 60 s from .*metrics\.json\./)
    expect(output).toMatch(/Durations: aws cloudwatch get-metric-data, 2026-11-20, on AWS\./)
    // A thousand a second for a quarter of a second each.
    expect(output).toMatch(/courseHttp +│ door +│ +1000 │ +250 │ +250 │/)
  })

  it('proposes nothing where what is shared is enough', async () => {
    const { code, output } = await run()
    expect(code).toBe(0)
    expect(output).toMatch(/Nothing must change\./)
    expect(output).toMatch(/The files say what is proposed\./)
  })

  it('refuses what is warm without a reservation, where the account cannot give it', async () => {
    const alias = {
      Type: 'AWS::Lambda::Alias',
      Properties: {
        ...{ FunctionName: { Ref: 'UserHttpLambdaFunction' }, FunctionVersion: '1', Name: 'live' },
        ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 1_000 },
      },
    }
    const warm = { ...template, Resources: { ...template.Resources, UserHttpAlias: alias } }
    await writeFile(join(folder, 'warm.json'), JSON.stringify(warm))
    const { code, output, error } = await run('--template', 'warm.json')
    expect(error).toMatch(/warm\.json: .*warm without a reservation, sums up to 1000, .* leave 100/)
    expect(output).toBe('')
    expect(code).toBe(1)
    await rm(join(folder, 'warm.json'))
  })

  it.each([
    [['--learners=-5'], /^--learners: -5 is negative\.\n$/],
    [['--learners', '-5'], /^--learners: -5 is negative\.\n$/],
    [['--learners', '--write'], /^Option '--learners' argument is ambiguous\.\n$/],
    [['--quantile', '0.01'], /^--quantile: Too small: expected number to be >=0\.5\.\n$/],
    [['--durations', 'slow.json'], /slow\.json:9: courseHttp: mean is 80000 ms, and its timeout/],
    [
      ['--profile', 'christmas'],
      /^There is no profile christmas; there are: steady, term-start, exam-burst\.\n$/,
    ],
    [['--profile', 'steady', '--logs', 'x'], /^Give one of --profile, --logs and --metrics\.\n$/],
    [['--logs', 'bad.log', '--logs', 'bad.log'], /^--logs: one file is given twice\.\n$/],
    [['--metrics', 'bad.json', '--period', '90'], /^--period: .*multiple of 60/],
    [
      ['--print-queries'],
      /^--print-queries needs --stage: functions are called by their stage\.\n$/,
    ],
    [['--print-queries', '--stage', 'Prod'], /^--stage: this is no name of a stage\.\n$/],
    [['--speed', '9'], /^Unknown option '--speed'\.?/],
    [['--logs', 'bad.log'], /bad\.log:1: 2 fields are too few for an access log\.\n$/],
    [['--metrics', 'bad.json'], /bad\.json:1: .*MetricDataResults/],
    [['--durations', 'bad.json'], /bad\.json:1: /],
    [['--sizes', 'bad.json'], /bad\.json:1: sizes\.database\.instance_class is missing\.\n$/],
    [
      ['--account', '105'],
      /^functions\/[^:]+\/function\.yml:\d+: with \w+ the reservations sum up to/,
    ],
    [['--template', 'none.json'], /none\.json: the packaged template cannot be read\.\n$/],
  ])('refuses %j in one sentence with exit code 1', async (args, sentence) => {
    await writeFile(join(folder, 'bad.log'), 'https yesterday\n')
    await writeFile(join(folder, 'bad.json'), '{}\n')
    const slow = JSON.stringify(durations, undefined, 2).replace('"mean": 80', '"mean": 80000')
    await writeFile(join(folder, 'slow.json'), slow)
    const before = await readdir(folder)
    const { code, output, error } = await run(...args)
    expect(error).toMatch(sentence)
    expect(error.trim().split('\n')).toHaveLength(1)
    expect(output).toBe('')
    expect(code).toBe(1)
    expect(await readdir(folder)).toEqual(before)
  })
})
