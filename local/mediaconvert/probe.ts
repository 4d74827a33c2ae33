import * as z from 'zod'
import { INPUT_LIMITS, TOOL_BYTES_MAX } from '../../workflows/video-processing/media-tools.ts'
import { JobError } from './job-error.ts'
import { runTool } from './tool.ts'

/** A frame rate as a fraction, frames per second. */
export type Rate = { readonly numerator: number; readonly denominator: number }

export type InputFacts = {
  /** Undefined if the container does not say. */
  readonly durationSeconds: number | undefined
  readonly video: {
    readonly index: number
    /** As shown, in square pixels: rotation and pixel shape applied. */
    readonly width: number
    readonly height: number
    /** Clockwise turn that the metadata asks for: 0, 90, 180 or 270 degrees. */
    readonly rotationDegrees: number
    readonly rate: Rate
  }
  readonly audioIndexes: readonly number[]
}

const PROBE_MS_MAX = 60_000
/** Pixels of a side; MediaConvert's own limit for inputs. */
const SIDE_MAX = 8_192

const stream = z.object({
  index: z.number(),
  codec_type: z.string().optional(),
  codec_name: z.string().optional(),
  width: z.number().optional(),
  height: z.number().optional(),
  sample_aspect_ratio: z.string().optional(),
  r_frame_rate: z.string().optional(),
  avg_frame_rate: z.string().optional(),
  duration: z.string().optional(),
  disposition: z.object({ attached_pic: z.number().optional() }).optional(),
  tags: z.object({ rotate: z.string().optional() }).optional(),
  side_data_list: z.array(z.object({ rotation: z.number().optional() })).optional(),
})
const probed = z.object({
  streams: z.array(stream).default([]),
  format: z.object({ duration: z.string().optional() }).default({}),
})
type Stream = z.output<typeof stream>

/** @throws JobError in words if the file is no video. */
export async function probe(
  ffprobePath: string,
  path: string,
  rotate: number | 'AUTO',
  signal: AbortSignal,
): Promise<InputFacts> {
  const args = ['-v', 'error', ...INPUT_LIMITS, '-show_streams', '-show_format', '-of', 'json']
  const run = await runTool({
    path: ffprobePath,
    args: [...args, `file:${path}`],
    memoryBytesMax: TOOL_BYTES_MAX.ffprobe,
    silenceMsMax: PROBE_MS_MAX,
    signal,
  })
  signal.throwIfAborted()
  // Not started (126, 127) or ended by a signal: that says nothing of the input.
  if (run.code >= 126) throw new JobError(1999, `ffprobe was ended (${run.code}). ${run.complaint}`)
  if (run.code !== 0) throw new JobError(1010, 'The input is not a video file that can be read.')
  const { streams, format } = probed.parse(JSON.parse(run.answer))
  const video = streams.find((one) => one.codec_type === 'video' && !isCover(one))
  const audioIndexes = streams.flatMap((one) => (isSound(one) ? [one.index] : []))
  if (video === undefined) {
    const words =
      audioIndexes.length > 0 ? 'holds sound but no video' : 'holds neither video nor sound'
    throw new JobError(1010, `The input ${words}.`)
  }
  const duration = Number(video.duration ?? format.duration)
  return {
    durationSeconds: duration > 0 ? duration : undefined,
    video: videoFacts(video, rotate),
    audioIndexes,
  }
}

const isCover = (one: Stream): boolean => one.disposition?.attached_pic === 1
const isSound = (one: Stream): boolean =>
  one.codec_type === 'audio' && one.codec_name !== undefined && one.codec_name !== 'unknown'

function videoFacts(video: Stream, rotate: number | 'AUTO'): InputFacts['video'] {
  const { width = 0, height = 0 } = video
  if (width < 2 || height < 2 || width > SIDE_MAX || height > SIDE_MAX) {
    throw new JobError(1010, `The input has a picture of ${width} x ${height} pixels.`)
  }
  const rotationDegrees = rotate === 'AUTO' ? metadataRotation(video) : rotate
  const shape = fraction(video.sample_aspect_ratio?.replace(':', '/')) ?? 1
  const shown = { width: Math.round(width * shape), height }
  const isTurned = rotationDegrees % 180 !== 0
  return {
    index: video.index,
    width: isTurned ? shown.height : shown.width,
    height: isTurned ? shown.width : shown.height,
    rotationDegrees,
    rate: constantRate(video),
  }
}

function metadataRotation({ tags, side_data_list }: Stream): number {
  // The display matrix counts anticlockwise, the older tag clockwise.
  const matrix = side_data_list?.find(({ rotation }) => rotation !== undefined)?.rotation
  const clockwise = matrix === undefined ? Number(tags?.rotate ?? 0) : -matrix
  const quarter = Math.round((Number.isFinite(clockwise) ? clockwise : 0) / 90)
  return (((quarter % 4) + 4) % 4) * 90
}

const RATE_MAX = 60
const RATE_DEFAULT: Rate = { numerator: 30, denominator: 1 }
const USUAL_RATES: readonly Rate[] = [
  { numerator: 24_000, denominator: 1_001 },
  { numerator: 24, denominator: 1 },
  { numerator: 25, denominator: 1 },
  { numerator: 30_000, denominator: 1_001 },
  { numerator: 30, denominator: 1 },
  { numerator: 50, denominator: 1 },
  { numerator: 60_000, denominator: 1_001 },
  { numerator: 60, denominator: 1 },
]

/**
 * The constant rate to encode at. A variable rate is raised to the one its shortest frames have,
 * within reason.
 */
function constantRate({ avg_frame_rate, r_frame_rate }: Stream): Rate {
  const average = fraction(avg_frame_rate)
  const finest = fraction(r_frame_rate)
  const isPlausible =
    finest !== undefined && finest <= RATE_MAX && finest <= 2.2 * (average ?? finest)
  const wanted = Math.min((isPlausible ? finest : average) ?? 30, RATE_MAX)
  if (wanted < 1) return wanted > 0 ? { numerator: 1, denominator: 1 } : RATE_DEFAULT
  const usual = USUAL_RATES.toSorted((a, b) => distance(a, wanted) - distance(b, wanted))[0]
  if (usual !== undefined && distance(usual, wanted) < 0.0005) return usual
  return { numerator: Math.round(wanted * 1_000), denominator: 1_000 }
}

const distance = ({ numerator, denominator }: Rate, wanted: number): number =>
  Math.abs(numerator / denominator / wanted - 1)

function fraction(text: string | undefined): number | undefined {
  const [numerator, denominator] = (text ?? '').split('/').map(Number)
  const value = (numerator ?? 0) / (denominator ?? 1)
  return Number.isFinite(value) && value > 0 ? value : undefined
}
