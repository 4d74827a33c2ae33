import { randomUUID } from 'node:crypto'
import { type JobRecord, jobArn, type MediaConvertEvent, QUEUE_DEFAULT } from './job.ts'

/**
 * The event that tells of the job as it is now. `STATUS_UPDATE` tells of progress, the rest of the
 * status.
 */
export function eventOf(job: JobRecord, status: string, nowMs: number): MediaConvertEvent {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'MediaConvert Job State Change',
    source: 'aws.mediaconvert',
    account: '000000000000',
    time: new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z'),
    region: 'us-east-1',
    resources: [jobArn(job.id)],
    detail: {
      timestamp: nowMs,
      accountId: '000000000000',
      queue: job.request.queue ?? QUEUE_DEFAULT,
      jobId: job.id,
      status,
      userMetadata: job.request.userMetadata,
      ...particulars(job, status),
    },
  }
}

function particulars(job: JobRecord, status: string): Record<string, unknown> {
  switch (status) {
    case 'STATUS_UPDATE':
      return {
        jobProgress: {
          currentPhase: job.phase,
          jobPercentComplete: job.percent,
          retryCount: 0,
        },
      }
    case 'COMPLETE':
      return { outputGroupDetails: job.details, paddingInserted: 0, blackVideoDetected: 0 }
    case 'ERROR':
      return { errorCode: job.errorCode, errorMessage: job.errorMessage }
    default:
      return {}
  }
}
