import type { CreateJobRequest, JobSettings, Output } from '@aws-sdk/client-mediaconvert'
import {
  folderOf,
  type Processing,
  type Rung,
  type Source,
  type Video,
} from '../../../functions/video-processing/domain/processing.ts'
import {
  FRAMES,
  posterEverySeconds,
  THUMBNAILS_MAX,
  thumbnailSeconds,
  thumbnailSize,
} from './pictures.ts'

/** What the Transcode state hands to MediaConvert, and how long it waits before (again). */
export type Encoding = Required<Pick<CreateJobRequest, 'UserMetadata'>> & {
  readonly Settings: JobSettings
  /** The same request twice is one job. */
  readonly ClientRequestToken: string
  readonly pauseSeconds: number
}

/** Every rung has a keyframe at the same instants, and segments of three such groups. */
const GOP_SECONDS = 2
export const SEGMENT_SECONDS = 6

/**
 * The encoding job of a run. @param encodings how many there were before: a new number makes a new
 * job.
 */
export const encodingOf = (
  video: Video,
  processing: Processing & { readonly source: Source; readonly rungs: readonly Rung[] },
  { pauseSeconds }: { pauseSeconds: number },
): Encoding => {
  const { videoId, version, executionName, encodings, source, rungs } = processing
  const folder = `s3://${video.bucket}/${folderOf(processing)}`
  const hls = rungs.map((rung) => hlsOutput(rung, source))
  return {
    UserMetadata: { videoId, version: String(version), executionName },
    ClientRequestToken: `${executionName}-${encodings}`,
    pauseSeconds,
    Settings: {
      TimecodeConfig: { Source: 'ZEROBASED' },
      Inputs: [
        {
          FileInput: `s3://${video.bucket}/${video.sourceKey}`,
          TimecodeSource: 'ZEROBASED',
          VideoSelector: { Rotate: 'AUTO' },
          ...(source.hasAudio && {
            AudioSelectors: { 'Audio Selector 1': { DefaultSelection: 'DEFAULT' } },
          }),
        },
      ],
      OutputGroups: [
        {
          Name: 'HLS',
          OutputGroupSettings: {
            Type: 'HLS_GROUP_SETTINGS',
            HlsGroupSettings: {
              Destination: `${folder}index`,
              SegmentLength: SEGMENT_SECONDS,
              MinSegmentLength: 0,
              SegmentControl: 'SEGMENTED_FILES',
              DirectoryStructure: 'SINGLE_DIRECTORY',
              ManifestDurationFormat: 'FLOATING_POINT',
              CodecSpecification: 'RFC_4281',
              StreamInfResolution: 'INCLUDE',
              OutputSelection: 'MANIFESTS_AND_SEGMENTS',
            },
          },
          Outputs: hls,
        },
        {
          Name: 'Pictures',
          OutputGroupSettings: {
            Type: 'FILE_GROUP_SETTINGS',
            FileGroupSettings: { Destination: `${folder}${FRAMES}` },
          },
          Outputs: [posterOutput(source, rungs), thumbnailOutput(source)],
        },
      ],
    },
  }
}

const hlsOutput = (
  { widthPx, heightPx, bitrateMax, quality }: Rung,
  { hasAudio }: Source,
): Output => ({
  NameModifier: `_${widthPx}x${heightPx}`,
  ContainerSettings: { Container: 'M3U8' },
  VideoDescription: {
    Width: widthPx,
    Height: heightPx,
    // The sides were rounded to even numbers: bars of one pixel would be worse than a stretch by
    // one.
    ScalingBehavior: 'STRETCH_TO_OUTPUT',
    CodecSettings: {
      Codec: 'H_264',
      H264Settings: {
        RateControlMode: 'QVBR',
        QvbrSettings: { QvbrQualityLevel: quality },
        MaxBitrate: bitrateMax,
        GopSize: GOP_SECONDS,
        GopSizeUnits: 'SECONDS',
        SceneChangeDetect: 'DISABLED',
        CodecProfile: 'HIGH',
        QualityTuningLevel: 'SINGLE_PASS_HQ',
        FramerateControl: 'INITIALIZE_FROM_SOURCE',
        ParControl: 'SPECIFIED',
        ParNumerator: 1,
        ParDenominator: 1,
      },
    },
  },
  ...(hasAudio && {
    AudioDescriptions: [
      {
        AudioSourceName: 'Audio Selector 1',
        CodecSettings: {
          Codec: 'AAC',
          AacSettings: { Bitrate: 128_000, CodingMode: 'CODING_MODE_2_0', SampleRate: 48_000 },
        },
      },
    ],
  }),
})

/** The poster is the size of a rung that every page can bear. */
const POSTER_SHORT_PX_MAX = 720

const posterOutput = (source: Source, rungs: readonly Rung[]): Output => {
  const { widthPx, heightPx } =
    rungs.find((rung) => Math.min(rung.widthPx, rung.heightPx) <= POSTER_SHORT_PX_MAX) ??
    thumbnailSize(source)
  return captureOutput(
    '_poster',
    { widthPx, heightPx },
    {
      everySeconds: posterEverySeconds(source),
      capturesMax: 2,
    },
  )
}

const thumbnailOutput = (source: Source): Output =>
  captureOutput('_thumbnail', thumbnailSize(source), {
    everySeconds: thumbnailSeconds(source),
    capturesMax: THUMBNAILS_MAX,
  })

const captureOutput = (
  nameModifier: string,
  { widthPx, heightPx }: { widthPx: number; heightPx: number },
  { everySeconds, capturesMax }: { everySeconds: number; capturesMax: number },
): Output => ({
  NameModifier: nameModifier,
  Extension: 'jpg',
  ContainerSettings: { Container: 'RAW' },
  VideoDescription: {
    Width: widthPx,
    Height: heightPx,
    ScalingBehavior: 'STRETCH_TO_OUTPUT',
    CodecSettings: {
      Codec: 'FRAME_CAPTURE',
      FrameCaptureSettings: {
        FramerateNumerator: 1,
        FramerateDenominator: everySeconds,
        MaxCaptures: capturesMax,
        Quality: 80,
      },
    },
  },
})
