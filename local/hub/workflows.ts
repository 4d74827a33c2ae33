import { join } from 'node:path'
import { createEventBridge, type Rule } from '../event-bridge/event-bridge.ts'
import type { Lambda } from '../lambda/lambda.ts'
import { startMediaConvert } from '../mediaconvert/server.ts'
import { startStepFunctions } from '../step-functions/server.ts'
import { functionNameOf, type Template } from '../template/template.ts'
import type { Closers } from './closers.ts'
import type { S3Config } from './config.ts'
import { REGION } from './template.ts'

/** Step Functions with the template's state machines, MediaConvert for their jobs, and EventBridge for its news. */
export const startWorkflows = async ({
  template,
  lambda,
  dataDir,
  ports,
  s3,
  closers,
}: {
  template: Template
  lambda: Lambda
  dataDir: string
  ports: { stepFunctions: number; mediaConvert: number }
  s3: S3Config
  closers: Closers
}): Promise<void> => {
  const invokeLambda = invokerOf(lambda)
  const eventBridge = createEventBridge({
    rules: enabledRules(template),
    invokeLambda,
    startExecution: async () => {
      throw new Error('no rule starts a state machine')
    },
  })
  closers.add(
    await startMediaConvert({
      dataDir: join(dataDir, 'mediaconvert'),
      port: ports.mediaConvert,
      s3: { ...s3, region: REGION },
      onEvent: (event) => eventBridge.put(event),
    }),
    (part) => part.close(),
  )
  closers.add(
    await startStepFunctions({
      dataDir: join(dataDir, 'step-functions'),
      port: ports.stepFunctions,
      stateMachines: template.stateMachines,
      invokeLambda,
      mediaConvert: `http://127.0.0.1:${ports.mediaConvert}`,
    }),
    (part) => part.close(),
  )
}

const invokerOf = (lambda: Lambda) => async (name: string, payload: unknown) => {
  const { payload: text, functionError } = await lambda.invoke(
    functionNameOf(name),
    JSON.stringify(payload ?? {}),
  )
  return { payload: text === '' ? null : JSON.parse(text), functionError }
}

// The bridge itself refuses a pattern or a target's input that it does not play.
const enabledRules = ({ eventRules }: Template): readonly Rule[] =>
  eventRules
    .filter(({ enabled }) => enabled)
    .map(({ name, pattern, targets }) => ({
      name,
      pattern,
      targets: targets.map(toTarget),
    })) as readonly Rule[]

const toTarget = ({
  kind,
  name,
  arn,
  ...input
}: Template['eventRules'][number]['targets'][number]) =>
  kind === 'function'
    ? { kind: 'lambda' as const, functionName: name, ...input }
    : { kind: 'state-machine' as const, arn }
