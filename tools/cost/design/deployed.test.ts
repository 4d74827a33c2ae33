import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { scratchFile } from '../testing.ts'
import { deployedFrom, readDeployed } from './deployed.ts'
import { pathOf } from './workflow.ts'

const fixture = fileURLToPath(
  new URL('../../../local/template/fixtures/template.json', import.meta.url),
)
const text = await readFile(fixture, 'utf8')

type Json = { Resources: Record<string, { Type: string; Properties: Record<string, unknown> }> }
const edited = (edit: (resources: Json['Resources']) => void) => {
  const document = JSON.parse(text) as Json
  edit(document.Resources)
  return deployedFrom(JSON.stringify(document), fixture)
}
const named = (name: string, deployed = deployedFrom(text, fixture)) =>
  deployed.functions.find((one) => one.name === name)

describe('the packaged template', () => {
  it('says of each function what it is paid by', () => {
    expect(named('courseHttp')).toMatchObject({
      ...{ kind: 'http', memoryMb: 1_024, architecture: 'arm64', ephemeralMb: 512 },
      ...{ provisioned: 0, reserved: 5, topics: [] },
    })
    expect(named('loginHttp')).toMatchObject({ kind: 'http', provisioned: 2 })
    expect(named('searchBus')).toMatchObject({ kind: 'bus' })
    expect(named('searchBus')?.topics.length).toBeGreaterThan(0)
  })

  it('follows a change of memory, architecture, storage and tags', () => {
    const changed = edited((resources) => {
      Object.assign(resources.CourseHttpLambdaFunction?.Properties ?? {}, {
        ...{ MemorySize: 2_048, Architectures: ['x86_64'], EphemeralStorage: { Size: 10_240 } },
        Tags: [{ Key: 'group', Value: 'video' }],
      })
    })
    expect(named('courseHttp', changed)).toMatchObject({
      ...{ memoryMb: 2_048, architecture: 'x86_64', ephemeralMb: 10_240, group: 'video' },
    })
  })

  it('counts the metrics that its alarms read, of one that computes each', () => {
    const alarm = (Properties: Record<string, unknown>) => ({
      Type: 'AWS::CloudWatch::Alarm',
      Properties,
    })
    const before = deployedFrom(text, fixture).alarmMetrics
    const changed = edited((resources) =>
      Object.assign(resources, {
        plain: alarm({ MetricName: 'Errors' }),
        computed: alarm({
          Metrics: [{ Expression: 'a / b' }, { MetricStat: {} }, { MetricStat: {} }],
        }),
      }),
    )
    expect(changed.alarmMetrics - before).toBe(3)
  })

  it('says which share of traces is logged: all, where the functions are told nothing', () => {
    expect(deployedFrom(text, fixture).logShare).toBe(1)
    const told = edited((resources) => {
      for (const { Type, Properties } of Object.values(resources))
        if (Type === 'AWS::Lambda::Function')
          Properties.Environment = { Variables: { LOG_SHARE: '0.25' } }
    })
    expect(told.logShare).toBe(0.25)
  })

  it('counts scheduled runs, by rate and by cron', () => {
    // Every minute; the first of both months that 30.4 days from a first of the month touch; and a disabled one.
    expect(named('outboxPublisher')?.runsPerMonth).toBe(43_800 + 2)
  })

  it('says how to make it when it is not there', async () => {
    const absent = await scratchFile('none.json')
    await expect(readDeployed(absent)).rejects.toThrow('`npm run package` writes it')
  })

  it('is refused in a sentence when it is no JSON', async () => {
    const path = await scratchFile('broken.json')
    await writeFile(path, 'Resources:')
    await expect(readDeployed(path)).rejects.toThrow(`${path} is not a packaged template`)
  })
})

const machine = (States: Record<string, unknown>, StartAt = 'A') => ({
  ...{ logicalId: 'M', name: 'm', arn: 'arn', type: 'STANDARD' as const },
  definition: { StartAt, States },
})
const arn = 'arn:aws:lambda:us-east-1:123456789012:function:hub-dev-step'
const task = (Next?: string) => ({ Type: 'Task', Resource: arn, Next })

describe('a state machine', () => {
  it('takes one transition to start and one for every state of its longest way', () => {
    const path = pathOf(
      machine({
        A: { ...task('B'), Catch: [{ ErrorEquals: ['States.ALL'], Next: 'E' }] },
        B: {
          Type: 'Choice',
          Choices: [{ Variable: '$.x', StringEquals: 'y', Next: 'C' }],
          Default: 'D',
        },
        C: task('D'),
        D: { Type: 'Succeed' },
        E: { Type: 'Fail' },
      }),
    )
    expect(path.transitions).toBe(5)
    expect([...path.calls]).toEqual([['step', 2]])
  })

  it('enters every branch of a parallel state', () => {
    const branch = { StartAt: 'X', States: { X: task() } }
    const path = pathOf(
      machine({
        A: { Type: 'Parallel', Branches: [branch, branch], Next: 'B' },
        B: { Type: 'Succeed' },
      }),
    )
    expect([path.transitions, path.calls.get('step')]).toEqual([5, 2])
  })

  it('counts its encoding jobs', () => {
    const job = { Type: 'Task', Resource: 'arn:aws:states:::mediaconvert:createJob.sync' }
    expect(pathOf(machine({ A: job })).encodes).toBe(1)
  })

  it.each([
    ['goes in a circle', { A: { Type: 'Wait', Next: 'A' } }, 'm runs in a circle at A.'],
    ['leads nowhere', { A: { Type: 'Wait', Next: 'Z' } }, 'm goes to Z, which is not there.'],
    ['has a state that cannot be counted', { A: { Type: 'Map' } }, 'm: States.A.Type'],
  ])('that %s is refused', (_name, states, sentence) => {
    expect(() => pathOf(machine(states))).toThrow(sentence)
  })
})
