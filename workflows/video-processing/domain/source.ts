import * as z from 'zod'
import type { Source } from '../../../functions/video-processing/domain/processing.ts'
import { VIDEO_SECONDS_MAX } from '../../../shared/contracts/video-processing.ts'
import { VideoRejected } from '../errors.ts'

/** Pixels of a side: what MediaConvert takes at most, and what it makes at least. */
const SIDE_PX = { min: 32, max: 8_192 } as const

const streamSchema = z.object({
  codec_type: z.string().optional(),
  codec_name: z.string().optional(),
  width: z.number().optional(),
  height: z.number().optional(),
  sample_aspect_ratio: z.string().optional(),
  duration: z.string().optional(),
  disposition: z.object({ attached_pic: z.number().optional() }).optional(),
  tags: z.object({ rotate: z.string().optional() }).optional(),
  side_data_list: z.array(z.object({ rotation: z.number().optional() })).optional(),
})

/** ffprobe's `-show_streams -show_format -of json`, as far as it matters here. */
export const probedSchema = z.object({
  streams: z.array(streamSchema).default([]),
  format: z.object({ duration: z.string().optional() }).default({}),
})

type Stream = z.output<typeof streamSchema>

/** Codecs that MediaConvert decodes (its list of supported input codecs), as ffprobe names them. */
const CODECS = new Set([
  'h264',
  'hevc',
  'vp8',
  'vp9',
  'av1',
  'mpeg1video',
  'mpeg2video',
  'mpeg4',
  'msmpeg4v2',
  'msmpeg4v3',
  'h263',
  'prores',
  'dnxhd',
  'mjpeg',
  'theora',
  'vc1',
  'wmv2',
  'wmv3',
  'flv1',
  'ffv1',
  'rawvideo',
  'jpeg2000',
])

/**
 * What the source is, as a viewer sees it: turned as its metadata says, in square pixels.
 *
 * @param durationSeconds of the packets, for containers that do not say it.
 * @throws VideoRejected with the reason in words.
 */
export const sourceOf = (
  probed: z.output<typeof probedSchema>,
  durationSeconds?: number,
): Source => {
  const video = videoStreamOf(probed)
  const hasAudio = probed.streams.some(isSound)
  if (!video)
    throw new VideoRejected(
      'no_video_stream',
      hasAudio ? 'The file holds sound but no video.' : 'The file holds no video.',
    )
  if (!CODECS.has(video.codec_name ?? ''))
    throw new VideoRejected(
      'unsupported_codec',
      `Video in the format ${video.codec_name ?? 'unknown'} cannot be processed.`,
    )
  const durationMs = Math.round((declaredSeconds(probed) ?? durationSeconds ?? 0) * 1_000)
  if (durationMs <= 0) throw new VideoRejected('truncated', 'The file holds no picture.')
  if (durationMs > VIDEO_SECONDS_MAX * 1_000)
    throw new VideoRejected(
      'too_long',
      `A video may last ${VIDEO_SECONDS_MAX / 3_600} hours at most.`,
    )
  return { durationMs, ...shownSize(video), hasAudio }
}

/** Undefined where the container does not say: recordings of browsers do not. */
export const declaredSeconds = (probed: z.output<typeof probedSchema>): number | undefined => {
  const seconds = Number(videoStreamOf(probed)?.duration ?? probed.format.duration)
  return seconds > 0 ? seconds : undefined
}

const videoStreamOf = ({ streams }: z.output<typeof probedSchema>): Stream | undefined =>
  streams.find((one) => one.codec_type === 'video' && one.disposition?.attached_pic !== 1)

const isSound = ({ codec_type, codec_name }: Stream): boolean =>
  codec_type === 'audio' && codec_name !== undefined && codec_name !== 'unknown'

const shownSize = (video: Stream): { widthPx: number; heightPx: number } => {
  const { width = 0, height = 0 } = video
  const shown = { widthPx: Math.round(width * pixelShape(video)), heightPx: height }
  const size = isTurned(video) ? { widthPx: shown.heightPx, heightPx: shown.widthPx } : shown
  const sides = [size.widthPx, size.heightPx]
  if (Math.min(...sides) < SIDE_PX.min || Math.max(...sides) > SIDE_PX.max)
    throw new VideoRejected(
      'unsupported_size',
      `A picture of ${sides.join(' x ')} pixels cannot be processed: ` +
        `a side has ${SIDE_PX.min} to ${SIDE_PX.max}.`,
    )
  return size
}

const pixelShape = ({ sample_aspect_ratio = '' }: Stream): number => {
  const [width = 0, height = 0] = sample_aspect_ratio.split(':').map(Number)
  return width > 0 && height > 0 ? width / height : 1
}

// The display matrix counts anticlockwise, the older tag clockwise: for the shape only the quarter
// matters.
const isTurned = ({ tags, side_data_list = [] }: Stream): boolean => {
  const matrix = side_data_list.find(({ rotation }) => rotation !== undefined)?.rotation
  const degrees = matrix ?? Number(tags?.rotate ?? 0)
  return Math.round(degrees / 90) % 2 !== 0
}
