import type { ObjectPlace } from './plan.ts'
import type { JobRequest } from './settings.ts'
import type { OutputGroupDetail, Phase } from './transcode.ts'

export type JobStatus = 'SUBMITTED' | 'PROGRESSING' | 'COMPLETE' | 'ERROR' | 'CANCELED'

/** A job as it is kept on the disk. Times are Unix milliseconds. */
export type JobRecord = {
  readonly id: string
  readonly request: JobRequest
  /** Tells a repeated request with the same token from another one. */
  readonly fingerprint: string
  readonly createdAt: number
  status: JobStatus
  startedAt?: number
  finishedAt?: number
  percent: number
  phase?: Phase
  errorCode?: number
  errorMessage?: string
  details?: readonly OutputGroupDetail[]
  /** Objects that this run may have begun to write: removed if it does not complete. */
  writing?: readonly ObjectPlace[]
  /** The last event, until somebody has taken it. */
  undelivered?: MediaConvertEvent
}

export const isFinished = ({ status }: JobRecord): boolean =>
  status === 'COMPLETE' || status === 'ERROR' || status === 'CANCELED'

const ACCOUNT = '000000000000'
const REGION = 'us-east-1'
export const QUEUE_DEFAULT = `arn:aws:mediaconvert:${REGION}:${ACCOUNT}:queues/Default`
export const jobArn = (id: string): string => `arn:aws:mediaconvert:${REGION}:${ACCOUNT}:jobs/${id}`

/** The job as GetJob answers it: MediaConvert's wire names, times in Unix seconds. */
export function jobOnWire(job: JobRecord) {
  const { request } = job
  const seconds = (ms: number | undefined) =>
    ms === undefined ? undefined : Math.floor(ms / 1_000)
  return {
    id: job.id,
    arn: jobArn(job.id),
    status: job.status,
    role: request.role,
    queue: request.queue ?? QUEUE_DEFAULT,
    priority: request.priority,
    settings: request.settings,
    userMetadata: request.userMetadata,
    clientRequestToken: request.clientRequestToken,
    createdAt: seconds(job.createdAt),
    timing: {
      submitTime: seconds(job.createdAt),
      startTime: seconds(job.startedAt),
      finishTime: seconds(job.finishedAt),
    },
    jobPercentComplete: job.percent,
    currentPhase: job.phase,
    retryCount: 0,
    errorCode: job.errorCode,
    errorMessage: job.errorMessage,
    outputGroupDetails: job.details?.map(({ outputDetails }) => ({
      outputDetails: outputDetails.map(({ durationInMs, videoDetails }) => ({
        durationInMs,
        videoDetails,
      })),
    })),
  }
}

/** An EventBridge event as MediaConvert sends it. */
export type MediaConvertEvent = {
  readonly version: '0'
  readonly id: string
  readonly 'detail-type': 'MediaConvert Job State Change'
  readonly source: 'aws.mediaconvert'
  readonly account: string
  readonly time: string
  readonly region: string
  readonly resources: readonly string[]
  readonly detail: {
    readonly status: string
    readonly jobId: string
    readonly [field: string]: unknown
  }
}
