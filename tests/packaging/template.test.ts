import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from '@jest/globals'
import * as z from 'zod'
import { configSchema } from '../../eks-workloads/gateway/config.ts'
import { packageHub } from '../../local/package/package.ts'
import { stateMachinesOf } from './state-machines.ts'
import { type Template, templateComplaints } from './template-rules.ts'

// Our own rules for the packaged template, and that each of them would notice.

const root = fileURLToPath(new URL('../..', import.meta.url))
/** The gateway's is the shortest wait on the way; the balancers' 60 s lie above it. */
const answerSecondsMax = configSchema.shape.UPSTREAM_TIMEOUT_MS.parse(undefined) / 1_000

const RULE = 'AWS::ElasticLoadBalancingV2::ListenerRule'
const TARGETS = 'AWS::ElasticLoadBalancingV2::TargetGroup'
const FUNCTION = 'AWS::Lambda::Function'
const MAPPING = 'AWS::Lambda::EventSourceMapping'

const rule = (Priority: number, Values: readonly string[], Field = 'path-pattern') => ({
  Type: RULE,
  Properties: { Priority, Conditions: [{ Field, Values }] },
})
const lambda = (properties: object = {}) => ({
  Type: FUNCTION,
  Properties: { FunctionName: 'one', Timeout: 15, ...properties },
})
const logs = {
  Type: 'AWS::Logs::LogGroup',
  Properties: { LogGroupName: '/aws/lambda/one', RetentionInDays: 30 },
}
const targets = (properties: object = {}) => ({
  Type: TARGETS,
  Properties: {
    Targets: [{ Id: { 'Fn::GetAtt': ['one', 'Arn'] } }],
    TargetGroupAttributes: [{ Key: 'lambda.multi_value_headers.enabled', Value: true }],
    ...properties,
  },
})
const mapping = (ConsumerGroupId?: string) => ({
  Type: MAPPING,
  Properties: { AmazonManagedKafkaEventSourceConfig: { ConsumerGroupId } },
})
const topics = (count: number): Template['Resources'] =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`r${index}`, { Type: 'AWS::SNS::Topic' }]),
  )

const tagsSchema = z
  .array(z.object({ Key: z.string(), Value: z.string() }))
  .transform((tags) => Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])))
const machineSchema = z.object({
  States: z.record(
    z.string(),
    z.object({
      Resource: z.string().optional(),
      Parameters: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
})

describe('the packaged template', () => {
  let template: Template

  beforeAll(async () => {
    const { templatePath } = await packageHub({ root, reuse: true })
    template = JSON.parse(readFileSync(templatePath, 'utf8'))
  }, 120_000)

  it('stays within the limits that only a deployment would meet', () => {
    expect(templateComplaints(template, { answerSecondsMax })).toEqual([])
  })

  it('has encoding jobs billed under the tags of their state machine', () => {
    const [tags] = Object.values(template.Resources).flatMap(({ Type, Properties }) =>
      Type === 'AWS::StepFunctions::StateMachine' &&
      String(Properties?.StateMachineName).endsWith('-video-processing')
        ? [tagsSchema.parse(Properties?.Tags)]
        : [],
    )
    const [encode] = stateMachinesOf(template).flatMap(({ definition }) => {
      const { States } = machineSchema.parse(JSON.parse(definition))
      return Object.values(States).filter(({ Resource }) => Resource?.includes(':createJob'))
    })
    expect(encode?.Parameters).toMatchObject({ Tags: tags, BillingTagsSource: 'JOB' })
    expect(Object.keys(tags ?? {}).toSorted()).toEqual(['group', 'project', 'stage'])
  })

  it('has what the rules are about', () => {
    const types = Object.values(template.Resources).map(({ Type }) => Type)
    expect(types).toEqual(expect.arrayContaining([RULE, TARGETS, FUNCTION, MAPPING]))
  })
})

describe('a rule for the template', () => {
  const accepted: readonly [string, Template['Resources']][] = [
    ['450 resources', topics(450)],
    ['the first and the last priority', { a: rule(100, ['/a']), b: rule(899, ['/b']) }],
    ['five values', { a: rule(100, ['/1', '/2', '/3', '/4', '/5*']) }],
    ['a function behind a target group', { one: lambda(), logs, targets: targets() }],
    ['900 reserved executions', { one: lambda({ ReservedConcurrentExecutions: 900 }), logs }],
    ['a group for each mapping', { a: mapping('hub.user.auth'), b: mapping('hub.user.course') }],
    ['a share', { one: lambda({ Environment: { Variables: { LOG_SHARE: '0.1' } } }), logs }],
    // Nobody waits for it at the other end of a connection.
    ['a slow function of its own', { one: lambda({ Timeout: 900 }), logs }],
  ]

  it.each(accepted)('accepts %s', (_, Resources) => {
    expect(templateComplaints({ Resources }, { answerSecondsMax })).toEqual([])
  })

  const refused: readonly [string, Template['Resources']][] = [
    ['451 resources', topics(451)],
    ['two rules share a priority', { a: rule(100, ['/a']), b: rule(100, ['/b']) }],
    ['a has priority 99', { a: rule(99, ['/a']) }],
    ['a has priority 900', { a: rule(900, ['/a']) }],
    ['a has too many condition values', { a: rule(100, ['/1', '/2', '/3', '/4', '/5', '/6']) }],
    ['a has too many wildcards', { a: rule(100, ['/*/*', '/*/*', '/*?']) }],
    ['a has a condition on path-patern', { a: rule(100, ['/a'], 'path-patern') }],
    ['901 reserved executions', { one: lambda({ ReservedConcurrentExecutions: 901 }), logs }],
    [
      'targets has no multi-value headers',
      { targets: targets({ TargetGroupAttributes: [] }), one: lambda(), logs },
    ],
    [
      'targets is a lambda target group with a port',
      { targets: targets({ Port: 80 }), one: lambda(), logs },
    ],
    [
      'one may answer when its caller has gone',
      { targets: targets(), one: lambda({ Timeout: answerSecondsMax }), logs },
    ],
    ['one keeps no logs for 30 days', { one: lambda() }],
    [
      'one keeps no logs for 30 days',
      { one: lambda(), logs: { ...logs, Properties: { ...logs.Properties, RetentionInDays: 7 } } },
    ],
    [
      'one has a LOG_SHARE that is no share: 10%',
      { one: lambda({ Environment: { Variables: { LOG_SHARE: '10%' } } }), logs },
    ],
    ['b is in a group of another: hub.user', { a: mapping('hub.user'), b: mapping('hub.user') }],
    ['a names no consumer group', { a: mapping() }],
    [
      'machine names its functions by placeholders',
      {
        machine: { Type: 'AWS::StepFunctions::StateMachine', Properties: { DefinitionString: '' } },
      },
    ],
  ]

  it.each(refused)('says “%s”', (complaint, Resources) => {
    expect(templateComplaints({ Resources }, { answerSecondsMax })).toEqual([complaint])
  })
})
