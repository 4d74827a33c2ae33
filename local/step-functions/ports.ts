import { setTimeout as delay } from 'node:timers/promises'
import {
  CancelJobCommand,
  CreateJobCommand,
  type CreateJobCommandInput,
  GetJobCommand,
  type Job,
  MediaConvertClient,
  MediaConvertServiceException,
} from '@aws-sdk/client-mediaconvert'

/**
 * Runs a Lambda function and waits for it. `functionError` is set if the function threw; the
 * payload is then Lambda's error object (`errorType`, `errorMessage`). A throttled or unknown
 * function rejects with an error named as the Lambda API names it.
 */
export type InvokeLambda = (
  functionArnOrName: string,
  payload: unknown,
) => Promise<{ payload: unknown; functionError?: string | undefined }>

/** MediaConvert as `createJob.sync` needs it. */
export type JobPort = {
  readonly createJob: (input: CreateJobCommandInput) => Promise<Job>
  /** Resolves with the job once it is COMPLETE, ERROR or CANCELED; rejects when aborted. */
  readonly waitForJob: (id: string, signal: AbortSignal) => Promise<Job>
  readonly cancelJob: (id: string) => Promise<void>
}

/**
 * How often a waiting execution asks for its job: a job takes seconds, an answer under a
 * millisecond.
 */
const JOB_POLL_MS = 250
/**
 * Polls in a row that may find nobody, each with the client's own three attempts: a minute at
 * least.
 */
const SILENT_POLLS_MAX = 120

/** The job port over MediaConvert's own API at `endpoint`. */
export function jobPort(endpoint: string): JobPort {
  const client = new MediaConvertClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })
  return {
    async createJob(input) {
      const { Job } = await client.send(new CreateJobCommand(input))
      if (Job === undefined) throw new Error('MediaConvert answered without a job')
      return Job
    },
    async waitForJob(id, signal) {
      for (let failures = 0; ; await delay(JOB_POLL_MS, undefined, { signal })) {
        try {
          const { Job } = await client.send(new GetJobCommand({ Id: id }), { abortSignal: signal })
          failures = 0
          if (Job !== undefined && isFinal(Job)) return Job
        } catch (error) {
          // MediaConvert may be starting anew: an unknown job is an answer, silence is not.
          const isAnswer = error instanceof MediaConvertServiceException
          if (signal.aborted || isAnswer || ++failures >= SILENT_POLLS_MAX) throw error
        }
      }
    },
    async cancelJob(id) {
      await client.send(new CancelJobCommand({ Id: id }))
    },
  }
}

const isFinal = (job: Job): boolean =>
  job.Status === 'COMPLETE' || job.Status === 'ERROR' || job.Status === 'CANCELED'
