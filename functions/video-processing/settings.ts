import {
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn'
import { AwsClient } from 'aws4fetch'
import * as z from 'zod'
import { type Environment, loadConfig } from '../../shared/config/load.ts'
import type { Processing } from './domain/processing.ts'

const executionsSchema = z.object({
  AWS_REGION: z.string(),
  AWS_ACCESS_KEY_ID: z.string(),
  AWS_SECRET_ACCESS_KEY: z.string(),
  AWS_SESSION_TOKEN: z.string().optional(),
  /** Another MediaConvert than AWS's own, as the SDKs understand it. */
  AWS_ENDPOINT_URL_MEDIACONVERT: z.url().optional(),
  VIDEO_STATE_MACHINE: z.string().startsWith('arn:'),
})

const CANCEL_TIMEOUT_MS = 3_000

/** What every execution is started with; `workflows/video-processing` reads it. */
export type ExecutionInput = Pick<Processing, 'videoId' | 'version' | 'traceparent'>

/** The state machine and the encoder, as this service needs them. Every call may be repeated. */
export type Executions = {
  /**
   * @returns `over` when an execution of this name has run and ended: the name cannot be used
   * again.
   */
  start(processing: Processing): Promise<'running' | 'over'>
  state(executionName: string): Promise<'running' | 'over' | 'absent'>
  /** One that is over or was never there is no error. */
  stop(executionName: string, cause: string): Promise<void>
  /** The same for an encoding job. */
  cancelJob(jobId: string): Promise<void>
}

/**
 * Opens lazily; endpoints other than AWS's own come from `AWS_ENDPOINT_URL_…`, as the SDKs
 * understand them.
 */
export const openExecutions = (environment: Environment): Executions => {
  const config = loadConfig(executionsSchema, environment)
  const { AWS_REGION: region, VIDEO_STATE_MACHINE: machineArn } = config
  const sfn = new SFNClient({ region })
  const arnOf = (executionName: string) =>
    `${machineArn.replace(':stateMachine:', ':execution:')}:${executionName}`

  const state = async (executionName: string) => {
    try {
      const { status } = await sfn.send(
        new DescribeExecutionCommand({ executionArn: arnOf(executionName) }),
      )
      return status === 'RUNNING' || status === 'PENDING_REDRIVE' ? 'running' : 'over'
    } catch (error) {
      if (isNamed(error, 'ExecutionDoesNotExist')) return 'absent'
      throw error
    }
  }

  return {
    state,
    async start(processing) {
      const { videoId, version, traceparent, executionName } = processing
      const input: ExecutionInput = { videoId, version, traceparent }
      try {
        await sfn.send(
          new StartExecutionCommand({
            stateMachineArn: machineArn,
            name: executionName,
            input: JSON.stringify(input),
          }),
        )
        return 'running'
      } catch (error) {
        if (!isNamed(error, 'ExecutionAlreadyExists')) throw error
        return (await state(executionName)) === 'running' ? 'running' : 'over'
      }
    },
    async stop(executionName, cause) {
      await sfn
        .send(new StopExecutionCommand({ executionArn: arnOf(executionName), cause }))
        .catch(unless('ExecutionDoesNotExist', 'ValidationException'))
    },
    cancelJob: jobCanceller(config),
  }
}

/** Starts what this transaction records. The first step waits for the commit; `recover` starts what cannot be started now. */
export const startOrLeave = async (
  processing: Processing,
  executions: Executions,
): Promise<void> => {
  await executions.start(processing).catch(() => {})
}

/** The record already refuses whatever the execution still writes; `sweep` repeats the stop. */
export const stopOrLeave = async (
  { executionName, jobId }: Processing,
  executions: Executions,
): Promise<void> => {
  await executions.stop(executionName, 'cancelled').catch(() => {})
  if (jobId !== null) await executions.cancelJob(jobId).catch(() => {})
}

/**
 * One signed request: MediaConvert's client would add 158 KB to the bundle for it (decision 0004).
 */
const jobCanceller = (config: z.output<typeof executionsSchema>) => {
  const { AWS_REGION: region, AWS_SESSION_TOKEN: sessionToken } = config
  const client = new AwsClient({
    accessKeyId: config.AWS_ACCESS_KEY_ID,
    secretAccessKey: config.AWS_SECRET_ACCESS_KEY,
    ...(sessionToken && { sessionToken }),
    service: 'mediaconvert',
    region,
    retries: 0,
  })
  const endpoint =
    config.AWS_ENDPOINT_URL_MEDIACONVERT ?? `https://mediaconvert.${region}.amazonaws.com`
  return async (jobId: string): Promise<void> => {
    const answer = await client.fetch(`${endpoint}/2017-08-29/jobs/${encodeURIComponent(jobId)}`, {
      method: 'DELETE',
      signal: AbortSignal.timeout(CANCEL_TIMEOUT_MS),
    })
    // 404 and 409: there is no such job, or it is over.
    if (!answer.ok && ![400, 404, 409].includes(answer.status))
      throw new Error(`MediaConvert answered ${answer.status} to CancelJob`)
  }
}

const isNamed = (error: unknown, name: string): boolean =>
  error instanceof Error && error.name === name

const unless =
  (...names: string[]) =>
  (error: unknown): void => {
    if (!names.some((name) => isNamed(error, name))) throw error
  }
