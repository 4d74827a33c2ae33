import { createHash, randomUUID } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, DAY_MS, SECOND_MS } from '../../shared/kernel/time.ts'
import { ServiceException } from '../step-functions/errors.ts'
import type { Bucket } from './bucket.ts'
import { eventOf } from './events.ts'
import type { MediaConvertEvent } from './job.ts'
import { isFinished, type JobRecord, type JobStatus } from './job.ts'
import { JobError } from './job-error.ts'
import { JobStore } from './job-store.ts'
import type { JobRequest } from './settings.ts'
import { type OutputGroupDetail, type Phase, transcode } from './transcode.ts'

/** Jobs that wait for an encoder; one more is refused. */
export const JOBS_WAITING_MAX = 1_000
/** How long MediaConvert shows a finished job. */
export const FINISHED_KEPT_MS = 90 * DAY_MS
/**
 * MediaConvert sends at most one in 10 s; somebody who watches a hub on a laptop wants to see it
 * move.
 */
const STATUS_UPDATE_MS = SECOND_MS
/**
 * Attempts to hand over an event while the server runs; what is left then goes out at the next
 * start.
 */
const DELIVERY_ATTEMPTS_MAX = 3

export type JobsOptions = {
  readonly dataDir: string
  readonly bucket: Bucket
  readonly ffmpegPath: string
  readonly ffprobePath: string
  /** Jobs that are encoded at the same time. */
  readonly concurrency: number
  readonly clock: Clock
  readonly onEvent: (event: MediaConvertEvent) => Promise<void> | void
}

type End = Pick<JobRecord, 'status' | 'details' | 'errorCode' | 'errorMessage'>
type Running = { readonly controller: AbortController; readonly over: Promise<void> }
const CANCELED = Symbol('canceled by CancelJob')
const LEFT = Symbol('left for the next start')

/** Every job: taken once, encoded in turn, kept on the disk, begun anew after a crash. */
export class Jobs {
  readonly #options: JobsOptions
  readonly #store: JobStore
  readonly #jobs = new Map<string, JobRecord>()
  readonly #tokens = new Map<string, { job: JobRecord; saved: Promise<void> }>()
  readonly #waiting = new Set<JobRecord>()
  readonly #running = new Map<string, Running>()
  readonly #deliveries = new Set<Promise<void>>()
  #isClosed = false

  constructor(options: JobsOptions) {
    this.#options = options
    this.#store = new JobStore(join(options.dataDir, 'jobs'))
  }

  /**
   * Takes up what an earlier process left: unfinished jobs from scratch, events that nobody took.
   */
  async resume(): Promise<void> {
    await rm(this.#workFolder(), { recursive: true, force: true })
    for (const job of await this.#store.load()) {
      if (isFinished(job) && (job.finishedAt ?? 0) < this.#options.clock() - FINISHED_KEPT_MS) {
        await this.#store.remove(job.id)
        continue
      }
      this.#keep(job, Promise.resolve())
      if (!isFinished(job)) this.#waiting.add(job)
      else if (job.undelivered !== undefined) this.#deliver(job, job.undelivered)
    }
    this.#next()
  }

  /** @throws ConflictException if the token was used for another request. */
  async create(request: JobRequest): Promise<JobRecord> {
    const fingerprint = createHash('sha256').update(JSON.stringify(request)).digest('hex')
    const known = this.#tokens.get(request.clientRequestToken ?? '')
    if (known !== undefined) {
      if (known.job.fingerprint !== fingerprint) {
        throw new ServiceException(
          'ConflictException',
          'The token belongs to another request.',
          409,
        )
      }
      await known.saved
      return known.job
    }
    if (this.#isClosed || this.#waiting.size >= JOBS_WAITING_MAX) {
      throw new ServiceException('TooManyRequestsException', 'Too many jobs are waiting.', 429)
    }
    const createdAt = this.#options.clock()
    const id = `${createdAt}-${randomUUID().slice(0, 8)}`
    const job: JobRecord = { id, request, fingerprint, createdAt, status: 'SUBMITTED', percent: 0 }
    const saved = this.#store.save(job)
    this.#keep(job, saved)
    try {
      await saved
    } catch (error) {
      // Nobody was told of it: the same token may try again.
      this.#jobs.delete(id)
      this.#tokens.delete(request.clientRequestToken ?? '')
      throw error
    }
    this.#waiting.add(job)
    this.#next()
    return job
  }

  get(id: string): JobRecord {
    const job = this.#jobs.get(id)
    if (job !== undefined) return job
    throw new ServiceException('NotFoundException', `Job ${id} does not exist.`, 404)
  }

  list(status: JobStatus | undefined, queue: string | undefined): JobRecord[] {
    return [...this.#jobs.values()].filter(
      (job) =>
        (status === undefined || job.status === status) &&
        (queue === undefined || job.request.queue === queue),
    )
  }

  /** Resolves once nothing of the job runs any more. */
  async cancel(id: string): Promise<void> {
    const job = this.get(id)
    if (isFinished(job)) {
      throw new ServiceException('ConflictException', `Job ${id} is ${job.status}.`, 409)
    }
    if (this.#waiting.delete(job)) return this.#finish(job, { status: 'CANCELED' })
    this.#running.get(id)?.controller.abort(CANCELED)
    await this.#running.get(id)?.over
  }

  /** Ends every encoder; unfinished jobs begin anew at the next start. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const { controller } of this.#running.values()) controller.abort(LEFT)
    await Promise.all([...this.#running.values()].map(({ over }) => over))
    await Promise.all(this.#deliveries)
    await rm(this.#workFolder(), { recursive: true, force: true })
  }

  #keep(job: JobRecord, saved: Promise<void>): void {
    this.#jobs.set(job.id, job)
    const token = job.request.clientRequestToken
    if (token !== undefined) this.#tokens.set(token, { job, saved })
  }

  #next(): void {
    const byPriority = [...this.#waiting].sort((a, b) => b.request.priority - a.request.priority)
    for (const job of byPriority) {
      if (this.#isClosed || this.#running.size >= this.#options.concurrency) return
      this.#waiting.delete(job)
      const controller = new AbortController()
      const over = this.#run(job, controller.signal).finally(() => {
        this.#running.delete(job.id)
        this.#next()
      })
      this.#running.set(job.id, { controller, over })
    }
  }

  async #run(job: JobRecord, signal: AbortSignal): Promise<void> {
    const folder = this.#workFolder(job.id)
    try {
      await mkdir(folder, { recursive: true })
      await this.#removeWritten(job)
      job.status = 'PROGRESSING'
      job.startedAt = this.#options.clock()
      await this.#store.save(job)
      this.#emit(eventOf(job, 'PROGRESSING', this.#options.clock())).catch(() => {})
      const details = await this.#transcode(job, folder, signal)
      await this.#finish(job, { status: 'COMPLETE', details })
    } catch (error) {
      if (signal.reason === LEFT) return
      await this.#fail(job, signal, error)
    } finally {
      await rm(folder, { recursive: true, force: true }).catch(() => {})
    }
  }

  async #transcode(
    job: JobRecord,
    folder: string,
    signal: AbortSignal,
  ): Promise<OutputGroupDetail[]> {
    const { bucket, ffmpegPath, ffprobePath } = this.#options
    return transcode({
      ...{ settings: job.request.settings, folder, bucket, ffmpegPath, ffprobePath, signal },
      onPhase: this.#progress(job),
      onWriting: async (writing) => {
        job.writing = writing
        await this.#store.save(job)
      },
    })
  }

  #progress(job: JobRecord): (phase: Phase, percent: number) => void {
    let toldAt = 0
    return (phase, percent) => {
      job.phase = phase
      // Encoding is what takes the time: the other phases have the first and the last per cent.
      job.percent = { PROBING: 0, TRANSCODING: Math.max(1, Math.min(percent, 98)), UPLOADING: 99 }[
        phase
      ]
      const now = this.#options.clock()
      if (now - toldAt < STATUS_UPDATE_MS) return
      toldAt = now
      this.#emit(eventOf(job, 'STATUS_UPDATE', now)).catch(() => {})
    }
  }

  async #fail(job: JobRecord, signal: AbortSignal, error: unknown): Promise<void> {
    const isCanceled = signal.reason === CANCELED
    const message = error instanceof Error ? error.message : String(error)
    try {
      await this.#removeWritten(job)
    } catch {
      // The bucket is out of reach; `writing` stays in the job and says what may be left there.
    }
    const errorCode = error instanceof JobError ? error.code : 1999
    const end: End = isCanceled
      ? { status: 'CANCELED' }
      : { status: 'ERROR', errorCode, errorMessage: message }
    await this.#finish(job, end).catch((fault: Error) => {
      // Whoever waits is told now; on the disk the job is unfinished and begins anew at the next
      // start.
      const errorMessage = `The job cannot be kept: ${fault.message}`
      Object.assign(job, { status: 'ERROR', errorCode: 1999, errorMessage })
    })
  }

  async #removeWritten(job: JobRecord): Promise<void> {
    if (job.writing === undefined) return
    await this.#options.bucket.removeAll(job.writing)
    delete job.writing
  }

  async #finish(job: JobRecord, end: End): Promise<void> {
    const finishedAt = this.#options.clock()
    const { writing, ...kept } = job
    const percent = end.status === 'COMPLETE' ? 100 : job.percent
    const finished: JobRecord = { ...kept, ...end, finishedAt, percent }
    // What was written completely is nobody's leftover.
    if (writing !== undefined && end.status !== 'COMPLETE') finished.writing = writing
    const event = eventOf(finished, end.status, finishedAt)
    finished.undelivered = event
    // On the disk first: whoever sees the end sees it after a crash too.
    await this.#store.save(finished)
    Object.assign(job, finished)
    if (end.status === 'COMPLETE') delete job.writing
    this.#deliver(job, event)
  }

  #deliver(job: JobRecord, event: MediaConvertEvent): void {
    const delivery = this.#deliverOnce(job, event).catch(() => {})
    this.#deliveries.add(delivery)
    void delivery.then(() => this.#deliveries.delete(delivery))
  }

  async #deliverOnce(job: JobRecord, event: MediaConvertEvent): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#emit(event)
        break
      } catch (error) {
        if (attempt >= DELIVERY_ATTEMPTS_MAX) throw error
      }
    }
    delete job.undelivered
    await this.#store.save(job)
  }

  async #emit(event: MediaConvertEvent): Promise<void> {
    await this.#options.onEvent(event)
  }

  #workFolder(id?: string): string {
    return join(this.#options.dataDir, 'work', ...(id === undefined ? [] : [id]))
  }
}
