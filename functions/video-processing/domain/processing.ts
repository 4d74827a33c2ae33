import type { VideoProcessingEvent } from '../../../shared/events/video-processing.ts'
import type { AccountId, MediaId, OrganizationId, VideoId } from '../../../shared/kernel/id.ts'
import { addMs, DAY_MS, HOUR_MS, type Instant, MINUTE_MS } from '../../../shared/kernel/time.ts'
import { videoInProgress, videoNotInProgress } from '../errors.ts'

export type Video = {
  readonly videoId: VideoId
  readonly mediaId: MediaId
  readonly organizationId: OrganizationId
  readonly ownerId: AccountId
  readonly bucket: string
  readonly sourceKey: string
  readonly sourceBytes: number
  readonly lastVersion: number
  /** What viewers see; null until a version was ready. */
  readonly liveVersion: number | null
  /** Grows with every change of the captions: playlists are written for one of them. */
  readonly captionsRevision: number
  readonly createdAt: Instant
  readonly deletedAt: Instant | null
}

export type Stage =
  | 'waiting'
  | 'probing'
  | 'transcoding'
  | 'illustrating'
  | 'packaging'
  | 'verifying'
  | 'done'

/** What the probe found: as shown, so after rotation and in square pixels. */
export type Source = {
  readonly durationMs: number
  readonly widthPx: number
  readonly heightPx: number
  readonly hasAudio: boolean
}

export type Rung = {
  readonly widthPx: number
  readonly heightPx: number
  readonly bitrateMax: number
  /** MediaConvert's QVBR level, 1 to 10. */
  readonly quality: number
}

/** The files of a version, below its folder. */
export type Output = {
  readonly masterPlaylist: string
  /** The captions that the master playlist names. */
  readonly captionsRevision: number
  readonly poster: string
  readonly sprite: string
  readonly thumbnails: string
  /** Where the picture begins on the segments' own clock, in 1/90,000 s. */
  readonly startTicks: number
  readonly durationMs: number
}

export type Processing = {
  readonly videoId: VideoId
  readonly version: number
  readonly organizationId: OrganizationId
  readonly state: 'queued' | 'processing' | 'ready' | 'failed' | 'cancelled' | 'superseded'
  readonly stage: Stage
  readonly percent: number
  /** The execution that holds the lease: the writes of any other are refused. */
  readonly executionName: string
  readonly executions: number
  /** Encoding jobs so far. */
  readonly encodings: number
  readonly jobId: string | null
  readonly traceparent: string
  /** Null once it is over. */
  readonly leaseExpiresAt: Instant | null
  readonly source: Source | null
  readonly rungs: readonly Rung[] | null
  readonly output: Output | null
  readonly reasonCode: string | null
  readonly reason: string | null
  readonly startedAt: Instant
  readonly finishedAt: Instant | null
  readonly sweepAt: Instant | null
  readonly sweeps: number
}

export type Failure = { readonly reasonCode: string; readonly reason: string }

/**
 * A step or a progress report extends the lease; without either, somebody looks what became of the
 * execution.
 */
export const LEASE_MS = 5 * MINUTE_MS
/** What was recorded but has not begun by then is started again. */
export const START_LEASE_MS = MINUTE_MS
/** The longest that a run may take, whatever it says of itself. */
export const PROCESSING_MS_MAX = 8 * HOUR_MS
/** Executions of one run: a new one when the one before vanished. */
export const EXECUTIONS_MAX = 3
/** Viewers of the former version finish it within this. */
export const SUPERSEDED_KEPT_MS = DAY_MS
/**
 * When the files of a run that ended badly are removed, counted from its end: an encoder may still
 * be writing.
 */
export const SWEEP_DELAYS_MS: readonly number[] = [MINUTE_MS, HOUR_MS]

/**
 * One video per file, known from the file's id alone: however often the event comes, it is the
 * same video.
 */
export const videoIdOf = (mediaId: MediaId): VideoId =>
  // The pattern of ids is a prefix and 32 hex digits; only the prefix changes.
  `vid_${mediaId.slice('med_'.length)}` as VideoId

/**
 * `<videoId>-<version>`, the name that Step Functions starts once; a number follows when it must
 * start anew.
 */
export const executionNameOf = ({
  videoId,
  version,
  executions,
}: Pick<Processing, 'videoId' | 'version' | 'executions'>): string =>
  `${videoId}-${version}${executions > 1 ? `-${executions}` : ''}`

/** The folder that holds everything of a version. */
export const folderOf = ({
  organizationId,
  videoId,
  version,
}: Pick<Processing, 'organizationId' | 'videoId' | 'version'>): string =>
  `videos/${organizationId}/${videoId}/v${version}/`

export type Begun = {
  readonly video: Video
  readonly processing: Processing
  readonly events: readonly VideoProcessingEvent[]
}

export const beginVideo = (
  source: Omit<
    Video,
    'videoId' | 'lastVersion' | 'liveVersion' | 'captionsRevision' | 'createdAt' | 'deletedAt'
  >,
  { now, traceparent }: { now: Instant; traceparent: string },
): Begun => {
  const video: Video = {
    ...source,
    videoId: videoIdOf(source.mediaId),
    lastVersion: 1,
    liveVersion: null,
    captionsRevision: 0,
    createdAt: now,
    deletedAt: null,
  }
  return begun(video, { now, traceparent })
}

/** @throws `video.in_progress` */
export const reprocess = (
  video: Video,
  newest: Processing,
  { now, traceparent }: { now: Instant; traceparent: string },
): Begun => {
  if (isRunning(newest)) throw videoInProgress()
  return begun({ ...video, lastVersion: video.lastVersion + 1 }, { now, traceparent })
}

export const isRunning = ({ state }: Processing): boolean =>
  state === 'queued' || state === 'processing'

/** Final for this run, and harmless to repeat. @throws `video.not_in_progress` */
export const cancel = (
  video: Video,
  processing: Processing,
  now: Instant,
): { processing: Processing; events: readonly VideoProcessingEvent[] } => {
  if (processing.state === 'cancelled') return { processing, events: [] }
  if (!isRunning(processing)) throw videoNotInProgress()
  return {
    processing: { ...ended(processing, now), state: 'cancelled' },
    events: [{ type: 'video.cancelled', ...factsOf(video, processing) }],
  }
}

/**
 * The run ended without a result; what is live is not touched. Once it is over, nothing changes
 * any more.
 */
export const fail = (
  video: Video,
  processing: Processing,
  { reasonCode, reason }: Failure,
  now: Instant,
): { processing: Processing; events: readonly VideoProcessingEvent[] } => {
  if (!isRunning(processing)) return { processing, events: [] }
  return {
    processing: { ...ended(processing, now), state: 'failed', reasonCode, reason },
    events: [{ type: 'video.failed', ...factsOf(video, processing), reasonCode, reason }],
  }
}

/** The one switch that makes a verified version the live one. */
export const publish = (
  video: Video,
  processing: Processing & { readonly output: Output; readonly source: Source },
  now: Instant,
): Begun => {
  const ready: Processing = {
    ...processing,
    state: 'ready',
    stage: 'done',
    percent: 100,
    leaseExpiresAt: null,
    finishedAt: now,
  }
  return {
    video: { ...video, liveVersion: processing.version },
    processing: ready,
    events: [{ type: 'video.ready', ...versionOf(video, processing) }],
  }
}

/** Another version is live: the files stay a while for those who are watching. */
export const supersede = (processing: Processing, now: Instant): Processing => ({
  ...processing,
  state: 'superseded',
  sweepAt: addMs(now, SUPERSEDED_KEPT_MS),
})

/** The execution has vanished: a new one takes the run over, unless there were too many. */
export const takeOver = (processing: Processing, now: Instant): Processing | undefined => {
  if (processing.executions >= EXECUTIONS_MAX) return undefined
  const executions = processing.executions + 1
  return {
    ...processing,
    executions,
    executionName: executionNameOf({ ...processing, executions }),
    state: 'queued',
    stage: 'waiting',
    jobId: null,
    leaseExpiresAt: addMs(now, START_LEASE_MS),
  }
}

/** After the files were removed: when to look again, or never. */
export const swept = (processing: Processing, now: Instant): Processing => {
  const sweeps = processing.sweeps + 1
  const delayMs = SWEEP_DELAYS_MS[sweeps]
  return { ...processing, sweeps, sweepAt: delayMs === undefined ? null : addMs(now, delayMs) }
}

/** What a player needs of a version, as events tell it. */
export const versionOf = (
  video: Video,
  processing: Processing & { readonly output: Output; readonly source: Source },
) => {
  const { captionsRevision: _, startTicks: __, ...output } = processing.output
  return {
    ...factsOf(video, processing),
    ...output,
    widthPx: processing.rungs?.[0]?.widthPx ?? processing.source.widthPx,
    heightPx: processing.rungs?.[0]?.heightPx ?? processing.source.heightPx,
    bucket: video.bucket,
    prefix: folderOf(processing),
  }
}

const begun = (
  video: Video,
  { now, traceparent }: { now: Instant; traceparent: string },
): Begun => {
  const { videoId, organizationId, lastVersion: version } = video
  const executionName = executionNameOf({ videoId, version, executions: 1 })
  const processing: Processing = {
    videoId,
    version,
    organizationId,
    state: 'queued',
    stage: 'waiting',
    percent: 0,
    executionName,
    executions: 1,
    encodings: 0,
    jobId: null,
    traceparent,
    leaseExpiresAt: addMs(now, START_LEASE_MS),
    source: null,
    rungs: null,
    output: null,
    reasonCode: null,
    reason: null,
    startedAt: now,
    finishedAt: null,
    sweepAt: null,
    sweeps: 0,
  }
  return {
    video,
    processing,
    events: [{ type: 'video.processing_started', ...factsOf(video, processing) }],
  }
}

const ended = (processing: Processing, now: Instant): Processing => ({
  ...processing,
  leaseExpiresAt: null,
  finishedAt: now,
  sweepAt: addMs(now, SWEEP_DELAYS_MS[0] ?? 0),
  sweeps: 0,
})

const factsOf = (video: Video, { version }: Pick<Processing, 'version'>) => ({
  videoId: video.videoId,
  mediaId: video.mediaId,
  organizationId: video.organizationId,
  ownerId: video.ownerId,
  version,
})
