import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import type { ConsumeOptions } from '../../shared/bus/consume.ts'
import { discard, redrive } from '../../shared/bus/consume.ts'
import type { OperatorCall } from '../../shared/lambda/bus.ts'
import type { MappingLag } from '../event-source-mappings/event-source-mappings.ts'
import { sampleFunction, sampleLambda } from '../lambda/fixtures/lambda.ts'
import type { Invoked, Lambda } from '../lambda/lambda.ts'
import { startStepFunctions } from '../step-functions/server.ts'
import { createLogRing } from './log-ring.ts'
import { createRedact } from './redact.ts'

const ARN = 'arn:aws:states:us-east-1:123456789012:stateMachine:shipping'
const task = (name: string) => `arn:aws:lambda:us-east-1:123456789012:function:${name}`

/** A machine with a retry, a catch, a choice, and a step that ends only when it is let. */
export const shipping = {
  logicalId: 'ShippingStateMachine',
  type: 'STANDARD' as const,
  name: 'shipping',
  arn: ARN,
  definition: {
    StartAt: 'Weigh',
    States: {
      Weigh: {
        Type: 'Task',
        Resource: task('weigh'),
        Retry: [{ ErrorEquals: ['Hiccup'], IntervalSeconds: 1, MaxAttempts: 2 }],
        Catch: [{ ErrorEquals: ['TooHeavy'], ResultPath: '$.failure', Next: 'Refuse' }],
        ResultPath: '$.weight',
        Next: 'IsFar',
      },
      IsFar: {
        Type: 'Choice',
        Choices: [{ Variable: '$.isFar', BooleanEquals: true, Next: 'Fly' }],
        Default: 'Done',
      },
      Fly: { Type: 'Task', Resource: task('fly'), End: true },
      Refuse: { Type: 'Fail', Error: 'Refused', Cause: 'It is too heavy.' },
      Done: { Type: 'Succeed' },
    },
  },
}

/** Step Functions with that machine; `fly` waits until `land` is called. */
export const startShipping = async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'hub-console-'))
  const landed = Promise.withResolvers<void>()
  let hiccups = 0
  const steps: Readonly<Record<string, (payload: { kilos?: number }) => Promise<unknown>>> = {
    async weigh({ kilos = 0 }) {
      if (kilos > 100) return failure('TooHeavy')
      hiccups += 1
      return kilos > 50 && hiccups === 1 ? failure('Hiccup') : { payload: kilos }
    },
    async fly() {
      await landed.promise
      return { payload: { landed: true } }
    },
  }
  const failure = (errorType: string) => ({
    payload: { errorType, errorMessage: `${errorType} of a parcel` },
    functionError: 'Unhandled',
  })
  const server = await startStepFunctions({
    dataDir,
    port: 0,
    stateMachines: [shipping],
    invokeLambda: async (name, payload) => {
      const step = steps[name.split(':').at(-1) ?? '']
      return (await step?.(payload as object)) as { payload: unknown }
    },
    mediaConvert: 'http://127.0.0.1:1',
  })
  const client = new SFNClient({
    endpoint: server.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })
  return {
    url: server.url,
    land: () => landed.resolve(),
    start: (name: string, input: object) =>
      client.send(
        new StartExecutionCommand({ stateMachineArn: ARN, name, input: JSON.stringify(input) }),
      ),
    async close() {
      landed.resolve()
      client.destroy()
      await server.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** The functions of the fixtures; `hub-dev-courseBus` does what that door does when an operator calls it. */
export const consoleLambda = (options: () => ConsumeOptions<unknown>) => {
  const lambda = sampleLambda([
    sampleFunction('echo', { reservedConcurrency: 2 }),
    sampleFunction('fail'),
  ])
  const invoke: Lambda['invoke'] = async (name, payload, given) => {
    if (name !== COURSE_BUS) return lambda.invoke(name, payload, given)
    const call = JSON.parse(payload) as OperatorCall
    const done =
      'redrive' in call
        ? await redrive(options(), call.redrive)
        : await discard(options(), call.discard)
    return { statusCode: 200, requestId: '1', payload: JSON.stringify(done) } satisfies Invoked
  }
  return { ...lambda, invoke }
}

export const COURSE_BUS = 'hub-dev-courseBus'

export const aLag: MappingLag = {
  functionName: COURSE_BUS,
  topic: 'hub.organization.v1',
  consumerGroupId: 'course',
  partitions: [
    { topic: 'hub.organization.v1', partition: 0, committedOffset: 3, endOffset: 10, lag: 7 },
  ],
}

export const aLogRing = () => createLogRing({ redact: createRedact(['the-hubs-own-secret']) })
