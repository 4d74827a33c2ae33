import { CancelJobCommand, MediaConvertClient } from '@aws-sdk/client-mediaconvert'
import {
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn'
import * as z from 'zod'
import { type Environment, loadConfig } from '../../shared/config/load.ts'
import type { Processing } from './domain/processing.ts'

const executionsSchema = z.object({
  AWS_REGION: z.string(),
  VIDEO_STATE_MACHINE: z.string().startsWith('arn:'),
})

/** What every execution is started with; `workflows/video-processing` reads it. */
export type ExecutionInput = Pick<Processing, 'videoId' | 'version' | 'traceparent'>

/** The state machine and the encoder, as this service needs them. Every call may be repeated. */
export type Executions = {
  /** @returns `over` when an execution of this name has run and ended: the name cannot be used again. */
  start(processing: Processing): Promise<'running' | 'over'>
  state(executionName: string): Promise<'running' | 'over' | 'absent'>
  /** One that is over or was never there is no error. */
  stop(executionName: string, cause: string): Promise<void>
  /** The same for an encoding job. */
  cancelJob(jobId: string): Promise<void>
}

/** Opens lazily; endpoints other than AWS's own come from `AWS_ENDPOINT_URL_…`, as the SDKs understand them. */
export const openExecutions = (environment: Environment): Executions => {
  const { AWS_REGION: region, VIDEO_STATE_MACHINE: machineArn } = loadConfig(
    executionsSchema,
    environment,
  )
  const sfn = new SFNClient({ region })
  const mediaConvert = new MediaConvertClient({ region })
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
    async cancelJob(jobId) {
      await mediaConvert
        .send(new CancelJobCommand({ Id: jobId }))
        .catch(unless('ConflictException', 'NotFoundException', 'BadRequestException'))
    },
  }
}

const isNamed = (error: unknown, name: string): boolean =>
  error instanceof Error && error.name === name

const unless =
  (...names: string[]) =>
  (error: unknown): void => {
    if (!names.some((name) => isNamed(error, name))) throw error
  }
