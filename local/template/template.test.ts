import { readFile } from 'node:fs/promises'
import { describe, expect, it } from '@jest/globals'
import { TemplateError } from './resolve.ts'
import { functionNameOf, parseTemplate, readTemplate } from './template.ts'

const path = new URL('./fixtures/template.json', import.meta.url).pathname
const parameters = {
  AlbListenerArn: 'arn:local:listener',
  MskClusterArn: 'arn:local:cluster',
  DatabaseUrl: 'postgres://localhost/hub',
  FontsLayerArn: 'arn:local:fonts',
  // By SSM path, as Terraform writes it.
  '/learning-hub/dev/mc/role': 'arn:local:role',
}
const prefix = 'learning-hub-fixture-dev'
const lambdaArn = (name: string) =>
  `arn:aws:lambda:us-east-1:123456789012:function:${prefix}-${name}`

type Json = Record<string, unknown>

/** The fixture after one edit of its resources. */
async function edited(edit: (resources: Record<string, Json & { Properties: Json }>) => void) {
  const document = JSON.parse(await readFile(path, 'utf8'))
  edit(document.Resources)
  return () => parseTemplate(JSON.stringify(document), parameters)
}

describe('readTemplate on what serverless package wrote', () => {
  it('gives functions their limits, environment and layers', async () => {
    const { functions } = await readTemplate(path, parameters)
    expect(functions).toHaveLength(8)
    expect(functions[0]).toEqual({
      logicalId: 'CourseHttpLambdaFunction',
      name: `${prefix}-courseHttp`,
      arn: lambdaArn('courseHttp'),
      handler: 'functions/course/lambda.http',
      memoryMb: 1_024,
      timeoutSeconds: 12,
      reservedConcurrency: 5,
      provisionedConcurrency: undefined,
      environment: { STAGE: 'dev', DATABASE_URL: 'postgres://localhost/hub', COURSE_LIMIT: '100' },
      layers: ['arn:local:fonts', 'arn:aws:lambda:us-east-1:123456789012:layer:assets:1'],
      asyncRetriesMax: 2,
      asyncAgeSecondsMax: 21_600,
    })
    expect(functions[1]).toMatchObject({
      memoryMb: 512,
      timeoutSeconds: 10,
      reservedConcurrency: undefined,
    })
    const provisioned = functions.filter((one) => one.provisionedConcurrency !== undefined)
    expect(provisioned.map((one) => [one.logicalId, one.provisionedConcurrency])).toEqual([
      ['LoginHttpLambdaFunction', 2],
    ])
  })

  it('sorts listener rules by priority and keeps every kind of condition', async () => {
    const { listenerRules } = await readTemplate(path, parameters)
    expect(listenerRules.map((rule) => rule.priority)).toEqual([105, 110, 120, 130])
    expect(listenerRules[0]).toMatchObject({
      listenerArn: 'arn:local:listener',
      conditions: [
        { field: 'path', values: ['/v1/search/?'] },
        { field: 'host', values: ['*.example.com'] },
        { field: 'method', values: ['GET', 'HEAD'] },
        { field: 'header', name: 'X-Client', values: ['web*', 'app'] },
        { field: 'query', values: [{ key: 'kind', value: 'course*' }] },
        { field: 'source-ip', values: ['10.0.0.0/8', '2001:db8::/32'] },
      ],
    })
  })

  it('follows a rule to its function, flag and health check, through an alias too', async () => {
    const { listenerRules } = await readTemplate(path, parameters)
    expect(listenerRules[1]?.targetGroup).toEqual({
      arn: expect.stringMatching(
        /^arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup\/\w+\/\w+$/,
      ),
      functionName: `${prefix}-courseHttp`,
      multiValueHeaders: true,
      healthCheck: {
        path: '/health',
        intervalSeconds: 15,
        timeoutSeconds: 5,
        healthyThreshold: 2,
        unhealthyThreshold: 3,
        matcher: '200,204',
      },
    })
    expect(listenerRules[2]?.targetGroup).toMatchObject({
      multiValueHeaders: false,
      healthCheck: undefined,
    })
    expect(listenerRules[3]?.targetGroup.functionName).toBe(`${prefix}-loginHttp`)
  })

  it('reads event-source mappings with their defaults', async () => {
    const { eventSourceMappings } = await readTemplate(path, parameters)
    expect(eventSourceMappings).toMatchObject([
      {
        functionName: `${prefix}-searchBus`,
        eventSourceArn: 'arn:local:cluster',
        topic: 'hub.course.v1',
        batchSizeMax: 50,
        windowSeconds: 2,
        consumerGroupId: 'hub.search',
        startingPosition: 'TRIM_HORIZON',
        enabled: true,
        functionResponseTypes: ['ReportBatchItemFailures'],
        filterPatterns: ['{"value":{"type":["course.published"]}}'],
      },
      {
        topic: 'hub.user.v1',
        batchSizeMax: 100,
        windowSeconds: 0.5,
        enabled: false,
        retryAttemptsMax: -1,
      },
    ])
  })

  it('reads schedules of EventBridge rules and of EventBridge Scheduler', async () => {
    const { schedules } = await readTemplate(path, parameters)
    const functionName = `${prefix}-outboxPublisher`
    expect(schedules).toMatchObject([
      {
        expression: 'rate(1 minute)',
        enabled: true,
        input: undefined,
        timezone: 'UTC',
        functionName,
      },
      { expression: 'cron(0 3 ? * MON-FRI *)', enabled: false, input: '{"task":"nightly"}' },
      { expression: 'cron(30 2 1 * ? *)', enabled: true, timezone: 'Europe/Berlin', functionName },
    ])
  })

  it('reads event rules that start functions and state machines', async () => {
    const { eventRules } = await readTemplate(path, parameters)
    expect(eventRules).toMatchObject([
      {
        bus: 'default',
        pattern: { source: ['aws.mediaconvert'], detail: { status: ['STATUS_UPDATE'] } },
        targets: [{ kind: 'function', name: `${prefix}-encodeProgress`, inputPath: '$.detail' }],
      },
      {
        pattern: { source: ['hub.media'], 'detail-type': ['media.uploaded'] },
        targets: [{ kind: 'state-machine', name: 'video-processing-dev' }],
      },
    ])
  })

  it('substitutes resources and parameters in a state machine', async () => {
    const { stateMachines } = await readTemplate(path, parameters)
    expect(stateMachines).toMatchObject([
      {
        name: 'video-processing-dev',
        arn: 'arn:aws:states:us-east-1:123456789012:stateMachine:video-processing-dev',
        definition: {
          StartAt: 'Probe',
          States: {
            Probe: { Resource: lambdaArn('probe') },
            Invoke: { Parameters: { FunctionName: lambdaArn('probe'), 'Payload.$': '$' } },
            Encode: { Parameters: { Role: 'arn:local:role' } },
          },
        },
      },
    ])
  })
})

describe('readTemplate on what it does not understand', () => {
  it('names a parameter without a value, and its SSM path', () => {
    const { DatabaseUrl: _, ...rest } = parameters
    return expect(readTemplate(path, rest)).rejects.toThrow(
      'needs the parameter DatabaseUrl, which is read from SSM at /learning-hub/dev/db/url ' +
        'and has no value here.',
    )
  })

  it('names a missing file', () =>
    expect(readTemplate('/nowhere.json', {})).rejects.toThrow(
      '/nowhere.json cannot be read; run npm run package',
    ))

  it('refuses a text that is no template', () => {
    expect(() => parseTemplate('{', {})).toThrow('The packaged template is not JSON.')
    expect(() => parseTemplate('{}', {})).toThrow(TemplateError)
  })

  it('refuses a resource type that is not played', async () => {
    const parse = await edited((resources) => {
      resources.Queue = { Type: 'AWS::SQS::Queue', Properties: {} }
    })
    expect(parse).toThrow('Queue is a AWS::SQS::Queue, which is not played on one machine.')
  })

  it('refuses a property it does not know', async () => {
    const parse = await edited((resources) => {
      const mapping = resources.SearchBusEventSourceMappingMSKMskClusterArnHubcoursev1
      if (mapping) mapping.Properties.TumblingWindowInSeconds = 5
    })
    expect(parse).toThrow(
      /SearchBusEventSourceMapping.*EventSourceMapping.*TumblingWindowInSeconds/,
    )
  })

  it('refuses an action other than forward', async () => {
    const parse = await edited((resources) => {
      const rule = resources.CourseHttpAlbListenerRule110
      if (rule) rule.Properties.Actions = [{ Type: 'authenticate-oidc' }]
    })
    expect(parse).toThrow(/CourseHttpAlbListenerRule110 .*Actions/)
  })

  it('refuses two rules of one listener with the same priority', async () => {
    const parse = await edited((resources) => {
      const rule = resources.CourseHttpAlbListenerRule110
      if (rule) rule.Properties.Priority = 120
    })
    expect(parse).toThrow(/CourseHttp.* and LegacyHttp.* both have priority 120\./)
  })

  it('refuses a target that is not in the template', async () => {
    const parse = await edited((resources) => {
      const group = resources.LegacyHttpAlbTargetGroupAlbListenerArn
      if (group) group.Properties.Targets = [{ Id: 'arn:aws:lambda:us-east-1:1:function:gone' }]
    })
    expect(parse).toThrow('function:gone, which is no function or state machine of this template.')
  })

  it('refuses an intrinsic function it does not know, and a dangling reference', async () => {
    const set = (handler: unknown) =>
      edited((resources) => {
        const called = resources.ProbeLambdaFunction
        if (called) called.Properties.Handler = handler
      })
    expect(await set({ 'Fn::ImportValue': 'x' })).toThrow('Handler uses Fn::ImportValue')
    expect(await set({ Ref: 'Gone' })).toThrow(
      'Handler refers to Gone, which is not in the template.',
    )
  })
})

describe('intrinsic functions', () => {
  it('resolves Sub, Join, Split, Select and pseudo parameters', async () => {
    const parse = await edited((resources) => {
      const called = resources.ProbeLambdaFunction
      if (!called) return
      called.Properties.Environment = {
        Variables: {
          SUB: { 'Fn::Sub': `\${AWS::Region}/\${ProbeLambdaFunction.Arn}/\${Literal}/\${!raw}` },
          NAMED: { 'Fn::Sub': [`\${a}`, { a: { Ref: 'ProbeLambdaFunction' } }] },
          JOIN: { 'Fn::Join': ['-', ['a', { Ref: 'AWS::AccountId' }]] },
          PART: { 'Fn::Select': [1, { 'Fn::Split': ['/', 'a/b/c'] }] },
        },
      }
    })
    expect(parse().functions.find((one) => one.name.endsWith('probe'))?.environment).toEqual({
      SUB: `us-east-1/${lambdaArn('probe')}/literal-default/\${raw}`,
      NAMED: `${prefix}-probe`,
      JOIN: 'a-123456789012',
      PART: 'b',
    })
  })
})

describe('functionNameOf', () => {
  it.each([
    ['course', 'course'],
    ['course:live', 'course'],
    [`${lambdaArn('course')}:7`, `${prefix}-course`],
    ['123456789012:function:course', 'course'],
    ['function:course', 'course'],
  ])('finds the name in %s', (given, name) => expect(functionNameOf(given)).toBe(name))
})
