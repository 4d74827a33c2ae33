import * as z from 'zod'
import { eachDue } from '../../shared/db/batches.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import { assert } from '../../shared/kernel/assert.ts'
import { idSchema } from '../../shared/kernel/id.ts'
import { addMs, type Instant } from '../../shared/kernel/time.ts'
import type { JobCall, Jobs } from '../../shared/service/define.ts'
import { removeFolder } from '../../shared/storage/objects.ts'
import {
  type Failure,
  fail,
  folderOf,
  LEASE_MS,
  PROCESSING_MS_MAX,
  type Processing,
  swept,
  takeOver,
} from './domain/processing.ts'
import type { Deps } from './routes.ts'
import type { Executions } from './settings.ts'
import { processings, type RunKey, videos } from './store.ts'

/** Runs that one call looks at, a transaction each: the next call goes on. */
const RUNS_PER_CALL_MAX = 50

/** Encoding is most of the work: where it begins and ends, in per cent of the whole. */
const ENCODING_PERCENT = { from: 5, to: 90 } as const

/**
 * `detail` of MediaConvert's events, as far as it is ours; `userMetadata` was given with the job.
 */
const progressSchema = z.object({
  status: z.string(),
  jobId: z.string(),
  userMetadata: z.object({
    videoId: idSchema('video'),
    version: z.coerce.number().int().positive(),
    executionName: z.string(),
  }),
  jobProgress: z.object({ jobPercentComplete: z.number().min(0).max(100) }).optional(),
})

export const jobs: Jobs<Deps> = {
  /**
   * MediaConvert's progress. Late and repeated reports change nothing: progress does not go back.
   */
  async recordProgress({ input, now, log, transaction }) {
    const parsed = progressSchema.safeParse(input)
    // The account may run jobs that are not ours.
    if (!parsed.success) return log.info('job of somebody else')
    const { jobId, userMetadata, jobProgress } = parsed.data
    const work = { jobId, ...(jobProgress && { percent: overall(jobProgress.jobPercentComplete) }) }
    await transaction('*', (tx) => processings(tx).hold(userMetadata, work, now))
  },

  /** Starts what was recorded but not started, and looks after runs whose lease is over. */
  recover: (call, { executions }) =>
    eachRun(call, {
      list: (tx, limit) => processings(tx).listExpired(call.now, limit),
      isDue: ({ leaseExpiresAt }) => leaseExpiresAt !== null && leaseExpiresAt <= call.now,
      work: (processing, tx) => recover(processing, { ...call, tx, executions }),
    }),

  /**
   * Removes the files of runs that ended badly, were superseded or whose video is gone. Repeats
   * itself.
   */
  sweep: (call, { executions, storage }) =>
    eachRun(call, {
      list: (tx, limit) => processings(tx).listUnswept(call.now, limit),
      isDue: ({ sweepAt }) => sweepAt !== null && sweepAt <= call.now,
      async work(processing, tx) {
        if (processing.state !== 'superseded') await stop(processing, executions)
        await removeFolder(storage, folderOf(processing))
        await processings(tx).save(swept(processing, call.now))
      },
    }),
}

const overall = (jobPercent: number): number =>
  Math.floor(
    ENCODING_PERCENT.from + (jobPercent / 100) * (ENCODING_PERCENT.to - ENCODING_PERCENT.from),
  )

/** The runs that are due, each in a transaction of its own, if nobody else has looked after it meanwhile. */
const eachRun = (
  call: JobCall,
  {
    list,
    isDue,
    work,
  }: {
    list(tx: Tx, limit: number): Promise<RunKey[]>
    isDue(processing: Processing): boolean
    work(processing: Processing, tx: Tx): Promise<void>
  },
): Promise<void> =>
  eachDue<RunKey>(call, {
    ...{ rowsMax: RUNS_PER_CALL_MAX, failure: 'run not looked after' },
    due: (tx, { limit }) => list(tx, limit),
    work: (key) =>
      call.transaction('*', async (tx) => {
        const processing = await processings(tx).findForUpdate(key)
        if (processing && isDue(processing)) await work(processing, tx)
      }),
  })

const recover = async (
  processing: Processing,
  { tx, now, log, executions }: Pick<JobCall, 'now' | 'log'> & { tx: Tx; executions: Executions },
): Promise<void> => {
  log.warn('lease over', { execution: processing.executionName, stage: processing.stage })
  if (now >= addMs(processing.startedAt, PROCESSING_MS_MAX)) {
    await stop(processing, executions)
    return failNow(processing, TOOK_TOO_LONG, { tx, now })
  }
  const state = await executions.state(processing.executionName)
  if (state === 'running' || (await isStarted(processing, state, executions)))
    return processings(tx).save({ ...processing, leaseExpiresAt: addMs(now, LEASE_MS) })
  await restart(processing, { tx, now, executions })
}

const isStarted = async (
  processing: Processing,
  state: 'over' | 'absent',
  executions: Executions,
): Promise<boolean> => {
  if (state !== 'absent' || processing.state !== 'queued') return false
  return (await executions.start(processing)) === 'running'
}

const restart = async (
  processing: Processing,
  { tx, now, executions }: { tx: Tx; now: Instant; executions: Executions },
): Promise<void> => {
  // Its encoder would write into the same folder as the next one.
  if (processing.jobId !== null) await executions.cancelJob(processing.jobId)
  const taken = takeOver(processing, now)
  if (!taken) return failNow(processing, STALLED, { tx, now })
  await processings(tx).save(taken)
  // The first step waits for this commit; if the start fails, the next call finds the run again.
  await executions.start(taken).catch(() => {})
}

const failNow = async (
  processing: Processing,
  failure: Failure,
  { tx, now }: { tx: Tx; now: Instant },
): Promise<void> => {
  const video = await videos(tx).find(processing.videoId)
  assert(video, 'a deleted video has no run in progress')
  const decision = fail(video, processing, failure, now)
  await processings(tx).save(decision.processing)
  await videos(tx).emit(decision.events)
}

const stop = async (
  { executionName, jobId }: Processing,
  executions: Executions,
): Promise<void> => {
  await executions.stop(executionName, 'the run is over')
  if (jobId !== null) await executions.cancelJob(jobId)
}

const TOOK_TOO_LONG: Failure = {
  reasonCode: 'took_too_long',
  reason: 'Processing took longer than it may and was stopped.',
}

const STALLED: Failure = {
  reasonCode: 'stalled',
  reason: 'Processing stopped unexpectedly, more than once. Please try again.',
}
