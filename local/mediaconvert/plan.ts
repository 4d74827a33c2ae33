import { basename, extname } from 'node:path'
import { assert } from '../../shared/kernel/assert.ts'
import { INPUT_LIMITS } from '../../workflows/video-processing/media-tools.ts'
import type { InputFacts, Rate } from './probe.ts'
import type {
  AudioDescription,
  H264Settings,
  JobSettings,
  Output,
  OutputGroup,
} from './settings.ts'

export type ObjectPlace = { readonly bucket: string; readonly key: string }
type Size = { readonly width: number; readonly height: number }

/** One H.264 rung of an HLS group. `stem` is its name in the work folder. */
export type Rung = Size & {
  readonly kind: 'rung'
  readonly stem: string
  readonly group: number
  readonly place: ObjectPlace
  readonly rate: Rate
  readonly hasAudio: boolean
}
export type Capture = Size & {
  readonly kind: 'capture'
  readonly stem: string
  readonly group: number
  readonly place: ObjectPlace
}
export type Caption = {
  readonly kind: 'caption'
  readonly group: number
  readonly place: ObjectPlace
  readonly source: ObjectPlace
  readonly language: string | undefined
  readonly label: string
}
export type Planned = Rung | Capture | Caption

/** What one ffmpeg process is to do, and what becomes of its files. */
export type Plan = { readonly outputs: readonly Planned[]; readonly args: readonly string[] }

/** The destination of a group: a destination that ends in a slash takes the input's own name. */
export function destinationOf(group: OutputGroup, fileInput: string): ObjectPlace {
  const settings = group.outputGroupSettings
  const place = placeOf(
    settings.type === 'HLS_GROUP_SETTINGS'
      ? settings.hlsGroupSettings.destination
      : settings.fileGroupSettings.destination,
  )
  if (!place.key.endsWith('/')) return place
  const name = basename(fileInput)
  return { ...place, key: place.key + name.slice(0, name.length - extname(name).length) }
}

export function placeOf(s3Url: string): ObjectPlace {
  const { bucket, key } = /^s3:\/\/(?<bucket>[^/]+)\/(?<key>.+)$/s.exec(s3Url)?.groups ?? {}
  assert(bucket !== undefined && key !== undefined, 'the schema lets only s3 addresses pass')
  return { bucket, key }
}

/** The input's name in the work folder. */
export const INPUT_FILE = 'input'

/** The one command that decodes once and makes every output; it runs in the work folder. */
export function planJob(settings: JobSettings, facts: InputFacts): Plan {
  const [input] = settings.inputs
  assert(input !== undefined, 'the schema asks for one input')
  const steps = settings.outputGroups.flatMap((group, number) => {
    const destination = destinationOf(group, input.fileInput)
    return group.outputs.map((output, index) => {
      const key = destination.key + (output.nameModifier ?? '')
      const place = { bucket: destination.bucket, key }
      return step({ output, group, number, index, place, settings, facts })
    })
  })
  const pictures = steps.filter((one) => one.filter !== undefined)
  return {
    outputs: steps.map(({ planned }) => planned),
    args: [
      ...['-hide_banner', '-nostdin', '-y', '-loglevel', 'error', '-progress', 'pipe:1'],
      ...[...INPUT_LIMITS, '-noautorotate', '-i', `file:${INPUT_FILE}`],
      ...[
        '-filter_complex',
        filterGraph(
          facts,
          pictures.map(({ filter }) => filter ?? ''),
          settings,
        ),
      ],
      ...pictures.flatMap(({ args }, index) => ['-map', `[out${index}]`, ...args]),
    ],
  }
}

type Step = { planned: Planned; filter?: string; args: string[] }
type StepInput = {
  output: Output
  group: OutputGroup
  number: number
  index: number
  place: ObjectPlace
  settings: JobSettings
  facts: InputFacts
}

function step(input: StepInput): Step {
  const { output, settings, number, place } = input
  const caption = output.captionDescriptions?.[0]
  if (caption !== undefined) {
    const selector = settings.inputs[0]?.captionSelectors?.[caption.captionSelectorName]
    assert(selector !== undefined, 'the settings were checked for this selector')
    const language = caption.customLanguageCode ?? caption.languageCode?.toLowerCase()
    const label = caption.languageDescription ?? language ?? caption.captionSelectorName
    const source = placeOf(selector.sourceSettings.fileSourceSettings.sourceFile)
    return { planned: { kind: 'caption', group: number, place, source, language, label }, args: [] }
  }
  const codec = output.videoDescription?.codecSettings
  assert(codec !== undefined, 'the settings were checked for a codec')
  return codec.codec === 'H_264'
    ? rung(input, codec.h264Settings)
    : capture(input, codec.frameCaptureSettings)
}

function rung({ output, group, number, index, place, facts }: StepInput, h264: H264Settings): Step {
  const size = sizeOf(output, facts)
  const rate = rateOf(h264, facts)
  const stem = `rung-${number}-${index}`
  const audio = output.audioDescriptions?.[0]
  const [audioIndex] = facts.audioIndexes
  const hasAudio = audio !== undefined && audioIndex !== undefined
  const hls = group.outputGroupSettings
  assert(hls.type === 'HLS_GROUP_SETTINGS', 'the settings were checked for the group')
  const gopFrames = gopFramesOf(h264, rate)
  const isSpecified = h264.framerateControl === 'SPECIFIED'
  return {
    planned: { kind: 'rung', stem, group: number, place, rate, hasAudio, ...size },
    filter: [
      ...(isSpecified ? [`fps=${rate.numerator}/${rate.denominator}`] : []),
      scaleFilter(output, size, facts),
    ].join(','),
    args: [
      ...(hasAudio ? ['-map', `0:${audioIndex}`, ...audioArgs(audio)] : []),
      ...COMMON_ARGS,
      ...['-c:v', 'libx264', '-preset', presetOf(h264), ...rateArgs(h264)],
      ...['-profile:v', h264.codecProfile.toLowerCase()],
      // Keyframes on the same frames in every rung, and nowhere else.
      ...['-g', String(gopFrames), '-keyint_min', String(gopFrames), '-sc_threshold', '0'],
      ...['-f', 'hls', '-hls_list_size', '0', '-hls_playlist_type', 'vod', '-start_number', '1'],
      ...['-hls_time', segmentSeconds(hls.hlsGroupSettings.segmentLength, gopFrames, rate)],
      ...(hls.hlsGroupSettings.manifestDurationFormat === 'INTEGER'
        ? ['-hls_flags', 'round_durations']
        : []),
      ...['-hls_segment_filename', `${stem}_%05d.ts`, `${stem}.m3u8`],
    ],
  }
}

type CaptureSettings = {
  framerateNumerator: number
  framerateDenominator: number
  maxCaptures?: number | undefined
  quality: number
}

function capture(
  { output, number, index, place, facts }: StepInput,
  wanted: CaptureSettings,
): Step {
  const size = sizeOf(output, facts)
  const stem = `capture-${number}-${index}`
  const everySeconds = wanted.framerateDenominator / wanted.framerateNumerator
  const everyFrames = Math.max(1, Math.round(perSecond(facts.video.rate) * everySeconds))
  return {
    planned: { kind: 'capture', stem, group: number, place, ...size },
    // Chosen by number and then dealt out at one a second: no frame is doubled, and the first is
    // always there.
    filter: `select=not(mod(n\\,${everyFrames})),setpts=N/TB,${scaleFilter(output, size, facts)}`,
    args: [
      ...COMMON_ARGS,
      ...['-r', '1', '-frames:v', String(wanted.maxCaptures ?? CAPTURES_MAX)],
      ...['-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p', '-q:v', String(mjpegQuality(wanted.quality))],
      ...['-f', 'image2', '-start_number', '0', `${stem}.%07d.jpg`],
    ],
  }
}

const CAPTURES_MAX = 10_000
const COMMON_ARGS = ['-map_metadata', '-1', '-map_chapters', '-1', '-max_muxing_queue_size', '4096']

function filterGraph(facts: InputFacts, filters: string[], settings: JobSettings): string {
  const { index, rotationDegrees, rate } = facts.video
  const turn = { 0: '', 90: 'transpose=clock,', 180: 'hflip,vflip,', 270: 'transpose=cclock,' }
  const turned = turn[rotationDegrees as 0 | 90 | 180 | 270] // The probe gives only these four.
  const branches = filters.map((_, number) => `[in${number}]`).join('')
  assert(settings.outputGroups.length > 0 && filters.length > 0, 'a job makes at least one picture')
  // One constant rate before the split: all rungs have the same frames, whatever the input's clock
  // does.
  const head = `[0:${index}]${turned}fps=${rate.numerator}/${rate.denominator},format=yuv420p`
  return [
    `${head},split=${filters.length}${branches}`,
    ...filters.map((filter, number) => `[in${number}]${filter}[out${number}]`),
  ].join(';')
}

function sizeOf({ videoDescription }: Output, { video }: InputFacts): Size {
  const { width, height } = videoDescription ?? {}
  if (width !== undefined && height !== undefined) return { width, height }
  if (width !== undefined) return { width, height: even((width * video.height) / video.width) }
  if (height !== undefined) return { width: even((height * video.width) / video.height), height }
  return { width: even(video.width), height: even(video.height) }
}

const even = (pixels: number): number => Math.max(2, Math.round(pixels / 2) * 2)

/** How far two shapes may differ before bars are drawn: what rounding to even sizes makes. */
const SHAPE_TOLERANCE = 0.02

function scaleFilter(
  { videoDescription }: Output,
  { width, height }: Size,
  { video }: InputFacts,
): string {
  const shape = width / height / (video.width / video.height)
  const isStretched =
    videoDescription?.scalingBehavior === 'STRETCH_TO_OUTPUT' ||
    Math.abs(shape - 1) < SHAPE_TOLERANCE
  const fitted =
    shape > 1
      ? { width: even((height * video.width) / video.height), height }
      : { width, height: even((width * video.height) / video.width) }
  const inner = isStretched ? { width, height } : fitted
  const scale = `scale=${inner.width}:${inner.height}:flags=bicubic`
  const bars = isStretched ? '' : `,pad=${width}:${height}:(ow-iw)/2:(oh-ih)/2`
  return `${scale}${bars},setsar=1`
}

function rateOf(
  { framerateControl, framerateNumerator, framerateDenominator }: H264Settings,
  { video }: InputFacts,
): Rate {
  if (framerateControl !== 'SPECIFIED') return video.rate
  return { numerator: framerateNumerator ?? 30, denominator: framerateDenominator ?? 1 }
}

const perSecond = ({ numerator, denominator }: Rate): number => numerator / denominator

const GOP_SECONDS_DEFAULT = 2

function gopFramesOf({ gopSize, gopSizeUnits }: H264Settings, rate: Rate): number {
  if (gopSize !== undefined && gopSizeUnits !== 'SECONDS' && gopSizeUnits !== 'AUTO') {
    return Math.max(1, Math.round(gopSize))
  }
  const seconds = gopSizeUnits === 'SECONDS' ? gopSize : undefined
  return Math.max(1, Math.round((seconds ?? GOP_SECONDS_DEFAULT) * perSecond(rate)))
}

/**
 * A whole number of GOPs, a microsecond short: the muxer cuts at the first keyframe at or after it.
 */
function segmentSeconds(segmentLength: number, gopFrames: number, rate: Rate): string {
  const gopSeconds = gopFrames / perSecond(rate)
  const gops = Math.max(1, Math.round(segmentLength / gopSeconds))
  return (gops * gopSeconds - 0.000_001).toFixed(6)
}

/** Two quality levels are about four steps of CRF; level 7 is x264's own default. */
const crfOf = (level: number): number => 37 - 2 * level
const QUALITY_LEVEL_DEFAULT = 7

function rateArgs(h264: H264Settings): string[] {
  const { rateControlMode, qvbrSettings, bitrate, maxBitrate, hrdBufferSize } = h264
  const most = maxBitrate ?? bitrate
  assert(most !== undefined, 'the settings were checked for a bitrate')
  const ceiling = ['-maxrate', String(most), '-bufsize', String(hrdBufferSize || 2 * most)]
  if (rateControlMode === 'QVBR') {
    return [
      '-crf',
      String(crfOf(qvbrSettings?.qvbrQualityLevel ?? QUALITY_LEVEL_DEFAULT)),
      ...ceiling,
    ]
  }
  const floor = rateControlMode === 'CBR' ? ['-minrate', String(bitrate)] : []
  return ['-b:v', String(bitrate), ...floor, ...ceiling]
}

const presetOf = ({ qualityTuningLevel }: H264Settings): string =>
  qualityTuningLevel === 'MULTI_PASS_HQ' ? 'fast' : 'veryfast'

const mjpegQuality = (quality: number): number => Math.round(2 + (100 - quality) * 0.15)

function audioArgs({
  codecSettings: { aacSettings },
  audioNormalizationSettings,
}: AudioDescription): string[] {
  const { bitrate, codingMode, sampleRate } = aacSettings
  const loudness =
    audioNormalizationSettings === undefined
      ? []
      : [`loudnorm=I=${Math.max(-70, Math.min(-5, audioNormalizationSettings.targetLkfs))}`]
  return [
    ...['-c:a', 'aac', '-b:a', String(bitrate), '-ar', String(sampleRate)],
    ...['-ac', codingMode === 'CODING_MODE_1_0' ? '1' : '2'],
    // Sound that starts late or has holes keeps its place beside the picture.
    ...['-af', [...loudness, 'aresample=async=1:first_pts=0'].join(',')],
  ]
}
