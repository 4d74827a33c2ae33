import * as z from 'zod'
import { type Clock, systemClock } from '../../shared/kernel/time.ts'
import { type Answer, listen } from '../step-functions/aws-http.ts'
import { ServiceException } from '../step-functions/errors.ts'
import { Bucket, type S3Access } from './bucket.ts'
import type { MediaConvertEvent } from './job.ts'
import { type JobRecord, jobOnWire } from './job.ts'
import { Jobs } from './jobs.ts'
import { badRequest, parseJobRequest } from './settings.ts'
import { ffmpegPath as ffmpegDefault, ffprobePath as ffprobeDefault } from './tool-paths.ts'

export type MediaConvertOptions = {
  /**
   * Where jobs are kept and where they work; created if absent. One server at a time may own it.
   */
  readonly dataDir: string
  /** 0 takes any free port. */
  readonly port: number
  readonly s3: S3Access
  /** `FFMPEG_PATH`, else the binary from npm. */
  readonly ffmpegPath?: string
  readonly ffprobePath?: string
  /** Jobs that are encoded at the same time: 1, since one encoder takes every core. */
  readonly concurrency?: number
  readonly clock?: Clock
  /** Takes every event; the last one of a job is repeated until this resolves. */
  readonly onEvent: (event: MediaConvertEvent) => Promise<void> | void
}

export type MediaConvert = { readonly url: string; readonly close: () => Promise<void> }

/**
 * AWS Elemental MediaConvert on one machine: CreateJob as it is sent to AWS, played by ffmpeg.
 *
 * After a crash unfinished jobs begin anew; no encoder outlives this process.
 */
export async function startMediaConvert(options: MediaConvertOptions): Promise<MediaConvert> {
  const bucket = new Bucket(options.s3)
  const jobs = new Jobs({
    dataDir: options.dataDir,
    bucket,
    ffmpegPath: options.ffmpegPath ?? ffmpegDefault(),
    ffprobePath: options.ffprobePath ?? ffprobeDefault(),
    concurrency: options.concurrency ?? 1,
    clock: options.clock ?? systemClock,
    onEvent: options.onEvent,
  })
  const ready = Promise.withResolvers<void>()
  const http = await listen(options.port, 'application/json', async (request, body) => {
    await ready.promise
    return answer(jobs, String(request.method), String(request.url), body)
  })
  try {
    await jobs.resume()
    ready.resolve()
  } catch (error) {
    await http.close()
    throw error
  }
  return {
    url: http.url,
    async close() {
      await jobs.close()
      await http.close()
      bucket.close()
    },
  }
}

const JOBS_PATH = '/2017-08-29/jobs'

async function answer(jobs: Jobs, method: string, url: string, body: unknown): Promise<Answer> {
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  const id = pathname.startsWith(`${JOBS_PATH}/`)
    ? decodeURIComponent(pathname.slice(JOBS_PATH.length + 1))
    : undefined
  if (method === 'POST' && pathname === JOBS_PATH) {
    return { status: 201, body: { job: jobOnWire(await jobs.create(parseJobRequest(body))) } }
  }
  if (method === 'GET' && pathname === JOBS_PATH)
    return { status: 200, body: list(jobs, searchParams) }
  if (method === 'GET' && id !== undefined)
    return { status: 200, body: { job: jobOnWire(jobs.get(id)) } }
  if (method === 'DELETE' && id !== undefined) {
    await jobs.cancel(id)
    return { status: 202, body: {} }
  }
  throw new ServiceException('NotFoundException', `${method} ${pathname} is not played here.`, 404)
}

const PAGE_MAX = 20

const listQuery = z.object({
  maxResults: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_MAX),
  nextToken: z.string().max(256).optional(),
  order: z.enum(['ASCENDING', 'DESCENDING']).default('DESCENDING'),
  queue: z.string().optional(),
  status: z.enum(['SUBMITTED', 'PROGRESSING', 'COMPLETE', 'CANCELED', 'ERROR']).optional(),
})

function list(jobs: Jobs, searchParams: URLSearchParams) {
  const parsed = listQuery.safeParse(Object.fromEntries(searchParams))
  if (!parsed.success) throw badRequest(z.prettifyError(parsed.error))
  const { maxResults, nextToken, order, queue, status } = parsed.data
  const all = jobs.list(status, queue).sort(oldestFirst)
  const ordered = order === 'ASCENDING' ? all : all.reverse()
  // The token is the last job shown, so jobs that arrive meanwhile shift nothing.
  const from = nextToken === undefined ? 0 : ordered.findIndex(({ id }) => id === nextToken) + 1
  if (nextToken !== undefined && from === 0) throw badRequest('nextToken names no job')
  const shown = ordered.slice(from, from + maxResults)
  const hasMore = from + maxResults < ordered.length
  return { jobs: shown.map(jobOnWire), ...(hasMore ? { nextToken: shown.at(-1)?.id } : {}) }
}

const oldestFirst = (a: JobRecord, b: JobRecord): number =>
  a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1)
