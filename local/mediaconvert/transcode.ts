import { readdir, readFile } from 'node:fs/promises'
import * as z from 'zod'
import { assert } from '../../shared/kernel/assert.ts'
import { TOOL_BYTES_MAX } from '../../workflows/video-processing/media-tools.ts'
import { type Bucket, INPUT_BYTES_MAX, type Upload } from './bucket.ts'
import { JobError } from './job-error.ts'
import {
  type Caption,
  type Capture,
  destinationOf,
  INPUT_FILE,
  type ObjectPlace,
  type Plan,
  placeOf,
  planJob,
  type Rung,
} from './plan.ts'
import {
  captionPlaylist,
  captionSegment,
  fileName,
  type MadeRung,
  masterPlaylist,
  type RungFacts,
  readMediaPlaylist,
} from './playlists.ts'
import { type InputFacts, probe } from './probe.ts'
import type { JobSettings } from './settings.ts'
import { runTool } from './tool.ts'

export type TranscodeOptions = {
  readonly settings: JobSettings
  /** An empty folder of this job's own. */
  readonly folder: string
  readonly bucket: Bucket
  readonly ffmpegPath: string
  readonly ffprobePath: string
  readonly signal: AbortSignal
  readonly onPhase: (phase: Phase, phasePercent: number) => void
  /** Told which objects are about to be written, before the first one is. */
  readonly onWriting: (places: readonly ObjectPlace[]) => Promise<void>
}
export type Phase = 'PROBING' | 'TRANSCODING' | 'UPLOADING'

/** MediaConvert's `outputGroupDetails`, in the shape of its COMPLETE event. */
export type OutputGroupDetail = {
  readonly type: 'HLS_GROUP' | 'FILE_GROUP'
  readonly playlistFilePaths?: readonly string[]
  readonly outputDetails: readonly {
    readonly outputFilePaths: readonly string[]
    readonly durationInMs: number
    readonly videoDetails?: { readonly widthInPx: number; readonly heightInPx: number }
  }[]
}

/**
 * Reads the input from its bucket, makes every output with one ffmpeg process, checks that nothing
 * is missing and writes the objects, master playlists last.
 *
 * @throws JobError with the reason in words.
 */
export async function transcode(options: TranscodeOptions): Promise<OutputGroupDetail[]> {
  const { settings, folder, bucket, signal, onPhase, onWriting } = options
  const [input] = settings.inputs
  assert(input !== undefined, 'the schema asks for one input')
  onPhase('PROBING', 0)
  const path = `${folder}/${INPUT_FILE}`
  await bucket.download(placeOf(input.fileInput), path, INPUT_BYTES_MAX, signal)
  const rotate = rotations[input.videoSelector?.rotate ?? 'DEGREE_0']
  const facts = await probe(options.ffprobePath, path, rotate, signal)
  const plan = planJob(settings, facts)
  await encode(plan, facts, options)
  const made = await collect(plan, facts, options)
  onPhase('UPLOADING', 0)
  await onWriting(made.uploads.map(({ bucket: name, key }) => ({ bucket: name, key })))
  await bucket.uploadAll(made.uploads, signal)
  return made.details
}

const rotations = {
  AUTO: 'AUTO',
  DEGREE_0: 0,
  DEGREES_90: 90,
  DEGREES_180: 180,
  DEGREES_270: 270,
} as const

/** ffmpeg reports twice a second; so long without a word it hangs. */
const SILENCE_MS_MAX = 5 * 60_000

async function encode(
  plan: Plan,
  facts: InputFacts,
  { ffmpegPath, folder, signal, onPhase }: TranscodeOptions,
): Promise<void> {
  onPhase('TRANSCODING', 0)
  const run = await runTool({
    path: ffmpegPath,
    args: plan.args,
    folder,
    memoryBytesMax: TOOL_BYTES_MAX.ffmpeg,
    silenceMsMax: SILENCE_MS_MAX,
    signal,
    onLine: (line) => {
      // Microseconds, whatever the name says.
      const microseconds = Number(/^out_time_ms=(\d+)/.exec(line)?.[1] ?? 0)
      if (microseconds === 0 || facts.durationSeconds === undefined) return
      const percent = Math.floor(microseconds / 10_000 / facts.durationSeconds)
      onPhase('TRANSCODING', Math.max(0, Math.min(percent, 100)))
    },
  })
  signal.throwIfAborted()
  if (run.wasSilent) throw new JobError(1999, 'The encoder stopped making progress.')
  if (run.code === 0) return
  const words = run.complaint.trim().split('\n').at(-1) ?? ''
  // Not started (126, 127) or ended by a signal: that says nothing of the input.
  if (run.code >= 126) throw new JobError(1999, `The encoder was ended (${run.code}). ${words}`)
  throw new JobError(1010, `The input cannot be decoded: ${words}`)
}

type Made = { uploads: Upload[]; details: OutputGroupDetail[] }

async function collect(plan: Plan, facts: InputFacts, options: TranscodeOptions): Promise<Made> {
  const groups = await Promise.all(
    options.settings.outputGroups.map((group, number) => {
      const outputs = plan.outputs.filter((output) => output.group === number)
      return group.outputGroupSettings.type === 'HLS_GROUP_SETTINGS'
        ? collectHls(number, outputs, facts, options)
        : collectCaptures(outputs as Capture[], facts, options) // A file group holds nothing else.
    }),
  )
  return {
    // Masters last: whoever sees one finds everything it names.
    uploads: [...groups.flatMap(({ parts }) => parts), ...groups.flatMap(({ masters }) => masters)],
    details: groups.map(({ detail }) => detail),
  }
}

type MadeGroup = { parts: Upload[]; masters: Upload[]; detail: OutputGroupDetail }

async function collectHls(
  number: number,
  outputs: Plan['outputs'],
  facts: InputFacts,
  options: TranscodeOptions,
): Promise<MadeGroup> {
  const group = options.settings.outputGroups[number]
  assert(group?.outputGroupSettings.type === 'HLS_GROUP_SETTINGS', 'asked for an HLS group')
  const { directoryStructure, streamInfResolution } = group.outputGroupSettings.hlsGroupSettings
  const rungs = await Promise.all(
    outputs
      .filter((output) => output.kind === 'rung')
      .map((rung) => madeRung(rung, facts, options)),
  )
  const captions = outputs.filter((output) => output.kind === 'caption')
  const [first] = rungs
  const captionParts = await Promise.all(
    captions.map((caption) => captionUploads(caption, first, options)),
  )
  const destination = destinationOf(group, options.settings.inputs[0]?.fileInput ?? '')
  const master = { ...destination, key: `${destination.key}.m3u8` }
  const hasResolution = streamInfResolution !== 'EXCLUDE'
  return {
    parts: [
      ...rungs.flatMap((made) =>
        rungUploads(made, directoryStructure === 'SUBDIRECTORY_PER_STREAM', options.folder),
      ),
      ...captionParts.flat(),
    ],
    masters: [
      {
        ...master,
        contentType: PLAYLIST_TYPE,
        text: masterPlaylist(rungs, captions, { hasResolution }),
      },
    ],
    detail: {
      type: 'HLS_GROUP',
      playlistFilePaths: [urlOf(master)],
      outputDetails: outputs.map((output) => ({
        outputFilePaths: [`${urlOf(output.place)}.m3u8`],
        durationInMs: Math.round((first?.playlist.seconds ?? 0) * 1_000),
        ...(output.kind === 'rung' ? { videoDetails: videoDetails(output) } : {}),
      })),
    },
  }
}

const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl'
const urlOf = ({ bucket, key }: ObjectPlace): string => `s3://${bucket}/${key}`
const videoDetails = ({ width, height }: Rung | Capture) => ({
  widthInPx: width,
  heightInPx: height,
})

async function madeRung(
  rung: Rung,
  facts: InputFacts,
  options: TranscodeOptions,
): Promise<MadeRung> {
  const playlist = await readMediaPlaylist(options.folder, rung.stem)
  const [first] = playlist.segments
  if (first === undefined || playlist.seconds <= 0) {
    throw new JobError(1010, 'The input holds no picture that can be decoded.')
  }
  rejectCutOff(facts, playlist.seconds)
  return { rung, playlist, facts: await rungFacts(`${options.folder}/${first.file}`, options) }
}

/** How much may be missing at the end: part of the declared length, and seconds. */
const MISSING_SHARE_MAX = 0.01
const MISSING_SECONDS_MAX = 0.5

/** ffmpeg is content with what it finds; a viewer of half a lesson is not. */
function rejectCutOff({ durationSeconds }: InputFacts, seconds: number): void {
  if (durationSeconds === undefined) return
  const missing = durationSeconds - seconds
  if (missing <= MISSING_SECONDS_MAX + durationSeconds * MISSING_SHARE_MAX) return
  throw new JobError(
    1010,
    `The input is cut off: ${seconds.toFixed(1)} of ${durationSeconds.toFixed(1)} s can be decoded.`,
  )
}

const segmentProbe = z.object({
  streams: z
    .array(z.object({ profile: z.string(), level: z.number(), start_time: z.coerce.number() }))
    .min(1),
})
const PROBE_MS_MAX = 60_000

async function rungFacts(
  path: string,
  { ffprobePath, signal }: TranscodeOptions,
): Promise<RungFacts> {
  const entries = ['-select_streams', 'v:0', '-show_entries', 'stream=profile,level,start_time']
  const args = ['-v', 'error', '-f', 'mpegts', ...entries, '-of', 'json', `file:${path}`]
  const run = await runTool({
    path: ffprobePath,
    args,
    memoryBytesMax: TOOL_BYTES_MAX.ffprobe,
    silenceMsMax: PROBE_MS_MAX,
    signal,
  })
  signal.throwIfAborted()
  if (run.code !== 0) throw new JobError(1999, `A finished segment does not read: ${run.complaint}`)
  const [stream] = segmentProbe.parse(JSON.parse(run.answer)).streams
  assert(stream !== undefined, 'the schema asks for one stream')
  const { profile, level, start_time } = stream
  return { profile, level, startTicks: Math.round(start_time * 90_000) }
}

function rungUploads({ rung, playlist }: MadeRung, hasFolder: boolean, folder: string): Upload[] {
  const { bucket, key } = rung.place
  const name = fileName(key)
  const path = hasFolder ? `${name}/${name}` : name
  const base = key.slice(0, key.length - name.length)
  const remote = (file: string) => path + file.slice(rung.stem.length)
  const text = playlist.text
    .split('\n')
    .map((line) => (line.startsWith(rung.stem) ? remote(line) : line))
    .join('\n')
  return [
    ...playlist.segments.map(({ file }) => ({
      bucket,
      key: base + remote(file),
      contentType: 'video/MP2T',
      file: `${folder}/${file}`,
    })),
    { bucket, key: `${key}.m3u8`, contentType: PLAYLIST_TYPE, text },
  ]
}

/** Captions of a day-long lecture stay far below this, in bytes. */
const CAPTION_BYTES_MAX = 10 * 1_024 * 1_024

async function captionUploads(
  { place, source }: Caption,
  first: MadeRung | undefined,
  { folder, bucket, signal }: TranscodeOptions,
): Promise<Upload[]> {
  const file = `${folder}/${fileName(place.key)}.source`
  await bucket.download(source, file, CAPTION_BYTES_MAX, signal)
  const text = await readFile(file, 'utf8')
  if (!/^\uFEFF?WEBVTT(?:[ \t\r\n]|$)/.test(text)) {
    throw new JobError(1010, `${urlOf(source)} is not a WebVTT file.`)
  }
  const key = `${place.key}_00001.vtt`
  const playlist = captionPlaylist(fileName(key), first?.playlist.seconds ?? 0)
  return [
    {
      bucket: place.bucket,
      key,
      contentType: 'text/vtt',
      text: captionSegment(text, first?.facts.startTicks ?? 0),
    },
    { bucket: place.bucket, key: `${place.key}.m3u8`, contentType: PLAYLIST_TYPE, text: playlist },
  ]
}

async function collectCaptures(
  captures: readonly Capture[],
  { durationSeconds = 0 }: InputFacts,
  { folder }: TranscodeOptions,
): Promise<MadeGroup> {
  const files = (await readdir(folder)).sort()
  const groups = captures.map((capture) => {
    const own = files.filter((file) => file.startsWith(`${capture.stem}.`))
    return {
      capture,
      keys: own.map((file) => [file, capture.place.key + file.slice(capture.stem.length)]),
    }
  })
  if (groups.some(({ keys }) => keys.length === 0)) {
    throw new JobError(1010, 'The input holds no picture that can be decoded.')
  }
  return {
    parts: groups.flatMap(({ capture: { place }, keys }) =>
      keys.map(([file, key = '']) => ({
        bucket: place.bucket,
        key,
        contentType: 'image/jpeg',
        file: `${folder}/${file}`,
      })),
    ),
    masters: [],
    detail: {
      type: 'FILE_GROUP',
      outputDetails: groups.map(({ capture, keys }) => ({
        // As MediaConvert does it: the last picture stands for all.
        outputFilePaths: [urlOf({ bucket: capture.place.bucket, key: keys.at(-1)?.[1] ?? '' })],
        durationInMs: Math.round(durationSeconds * 1_000),
        videoDetails: videoDetails(capture),
      })),
    },
  }
}
