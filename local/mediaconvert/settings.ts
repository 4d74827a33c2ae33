import * as z from 'zod'
import { ServiceException } from '../step-functions/errors.ts'

/*
 * The CreateJob request as AWS takes it, as far as it is played here. A field is in one of three
 * groups: it has an effect; it is a hint that changes nothing a player would notice (`hints`); or
 * it is not named, and then the request is refused with the path of the setting. Nothing is dropped
 * in silence.
 */

const hints = <Name extends string>(...names: Name[]) =>
  Object.fromEntries(names.map((name) => [name, z.unknown().optional()])) as Record<
    Name,
    z.ZodOptional<z.ZodUnknown>
  >

const s3Url = z.string().regex(/^s3:\/\/[a-z0-9][a-z0-9.-]+\/.+$/, 'must be s3://bucket/key')
const pixels = z.int().min(32).max(8_192).multipleOf(2, 'must be even')
const bitrate = z.int().min(1_000).max(1_152_000_000)

const h264 = z.strictObject({
  rateControlMode: z.enum(['QVBR', 'CBR', 'VBR']).default('QVBR'),
  bitrate: bitrate.optional(),
  maxBitrate: bitrate.optional(),
  hrdBufferSize: z.int().min(0).max(1_152_000_000).optional(),
  qvbrSettings: z
    .strictObject({
      qvbrQualityLevel: z.int().min(1).max(10).optional(),
      ...hints('qvbrQualityLevelFineTune', 'maxAverageBitrate'),
    })
    .optional(),
  gopSize: z.number().positive().optional(),
  gopSizeUnits: z.enum(['SECONDS', 'FRAMES', 'AUTO']).optional(),
  codecProfile: z.enum(['BASELINE', 'MAIN', 'HIGH']).default('MAIN'),
  qualityTuningLevel: z.enum(['SINGLE_PASS', 'SINGLE_PASS_HQ', 'MULTI_PASS_HQ']).optional(),
  framerateControl: z.enum(['INITIALIZE_FROM_SOURCE', 'SPECIFIED']).optional(),
  framerateNumerator: z.int().positive().optional(),
  framerateDenominator: z.int().positive().optional(),
  interlaceMode: z.literal('PROGRESSIVE').optional(),
  parControl: z.enum(['INITIALIZE_FROM_SOURCE', 'SPECIFIED']).optional(),
  parNumerator: z.literal(1).optional(),
  parDenominator: z.literal(1).optional(),
  ...hints(
    'adaptiveQuantization',
    'codecLevel',
    'dynamicSubGop',
    'endOfStreamMarkers',
    'entropyEncoding',
    'fieldEncoding',
    'flickerAdaptiveQuantization',
    'framerateConversionAlgorithm',
    'gopBReference',
    'gopClosedCadence',
    'hrdBufferFinalFillPercentage',
    'hrdBufferInitialFillPercentage',
    'minIInterval',
    'numberBFramesBetweenReferenceFrames',
    'numberReferenceFrames',
    'repeatPps',
    'saliencyAwareEncoding',
    'scanTypeConversionMode',
    'sceneChangeDetect',
    'slices',
    'slowPal',
    'softness',
    'spatialAdaptiveQuantization',
    'syntax',
    'telecine',
    'temporalAdaptiveQuantization',
    'unregisteredSeiTimecode',
    'writeMp4PackagingType',
  ),
})

const frameCapture = z.strictObject({
  framerateNumerator: z.int().positive().default(1),
  framerateDenominator: z.int().positive().default(1),
  maxCaptures: z.int().min(1).max(10_000_000).optional(),
  quality: z.int().min(1).max(100).default(80),
})

const videoDescription = z.strictObject({
  width: pixels.optional(),
  height: pixels.optional(),
  scalingBehavior: z.enum(['DEFAULT', 'STRETCH_TO_OUTPUT']).default('DEFAULT'),
  codecSettings: z.discriminatedUnion('codec', [
    z.strictObject({ codec: z.literal('H_264'), h264Settings: h264 }),
    z.strictObject({ codec: z.literal('FRAME_CAPTURE'), frameCaptureSettings: frameCapture }),
  ]),
  ...hints(
    'afdSignaling',
    'antiAlias',
    'colorMetadata',
    'dropFrameTimecode',
    'respondToAfd',
    'sharpness',
    'timecodeInsertion',
  ),
})

const audioDescription = z.strictObject({
  codecSettings: z.strictObject({
    codec: z.literal('AAC'),
    aacSettings: z.strictObject({
      bitrate: z.int().min(6_000).max(1_024_000).default(96_000),
      codingMode: z.enum(['CODING_MODE_1_0', 'CODING_MODE_2_0']).default('CODING_MODE_2_0'),
      sampleRate: z.int().min(8_000).max(96_000).default(48_000),
      codecProfile: z.literal('LC').optional(),
      rateControlMode: z.literal('CBR').optional(),
      ...hints('audioDescriptionBroadcasterMix', 'rawFormat', 'specification'),
    }),
  }),
  audioNormalizationSettings: z
    .strictObject({
      targetLkfs: z.number().min(-59).max(0).default(-23),
      algorithmControl: z.literal('CORRECT_AUDIO').optional(),
      ...hints('algorithm', 'correctionGateLevel', 'loudnessLogging', 'peakCalculation'),
    })
    .optional(),
  audioSourceName: z.string().max(2_048).optional(),
  ...hints(
    'audioType',
    'audioTypeControl',
    'languageCode',
    'languageCodeControl',
    'customLanguageCode',
    'streamName',
  ),
})

const captionDescription = z.strictObject({
  captionSelectorName: z.string().min(1).max(2_048),
  languageCode: z.string().max(3).optional(),
  customLanguageCode: z.string().max(35).optional(),
  languageDescription: z
    .string()
    .max(256)
    .regex(/^[^"\r\n]*$/, 'must fit into a playlist attribute')
    .optional(),
  destinationSettings: z.strictObject({
    destinationType: z.literal('WEBVTT'),
    ...hints('webvttDestinationSettings'),
  }),
})

const output = z.strictObject({
  // No slash, quote or percent sign: it becomes part of keys and of playlist lines.
  nameModifier: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,256}$/, 'may hold letters, digits, dot, dash and underscore')
    .optional(),
  extension: z.enum(['m3u8', 'jpg']).optional(),
  containerSettings: z
    .strictObject({
      container: z.enum(['M3U8', 'RAW']),
      ...hints('m3u8Settings'),
    })
    .optional(),
  outputSettings: z
    .strictObject({
      hlsSettings: z
        .strictObject({
          segmentModifier: z.literal('').optional(),
          iFrameOnlyManifest: z.literal('EXCLUDE').optional(),
          ...hints('audioGroupId', 'audioRenditionSets', 'audioTrackType', 'audioOnlyContainer'),
          ...hints('descriptiveVideoServiceFlag'),
        })
        .optional(),
    })
    .optional(),
  videoDescription: videoDescription.optional(),
  audioDescriptions: z.array(audioDescription).max(1).optional(),
  captionDescriptions: z.array(captionDescription).max(1).optional(),
})

const destinationSettings = z
  .strictObject({
    s3Settings: z.strictObject(hints('accessControl', 'encryption', 'storageClass')).optional(),
  })
  .optional()

const hlsGroup = z.strictObject({
  type: z.literal('HLS_GROUP_SETTINGS'),
  hlsGroupSettings: z.strictObject({
    destination: s3Url,
    destinationSettings,
    segmentLength: z.int().min(1).max(3_600).default(10),
    segmentControl: z.literal('SEGMENTED_FILES').optional(),
    directoryStructure: z.enum(['SINGLE_DIRECTORY', 'SUBDIRECTORY_PER_STREAM']).optional(),
    manifestDurationFormat: z.enum(['FLOATING_POINT', 'INTEGER']).optional(),
    streamInfResolution: z.enum(['INCLUDE', 'EXCLUDE']).optional(),
    codecSpecification: z.literal('RFC_4281').optional(),
    outputSelection: z.literal('MANIFESTS_AND_SEGMENTS').optional(),
    manifestCompression: z.literal('NONE').optional(),
    programDateTime: z.literal('EXCLUDE').optional(),
    imageBasedTrickPlay: z.literal('NONE').optional(),
    captionLanguageSetting: z.enum(['OMIT', 'NONE']).optional(),
    adMarkers: z.array(z.never()).optional(),
    ...hints(
      'clientCache',
      'minFinalSegmentLength',
      'minSegmentLength',
      'programDateTimePeriod',
      'progressiveWriteHlsManifest',
      'segmentLengthControl',
      'targetDurationCompatibilityMode',
      'timedMetadataId3Frame',
      'timedMetadataId3Period',
      'timestampDeltaMilliseconds',
    ),
  }),
})

const fileGroup = z.strictObject({
  type: z.literal('FILE_GROUP_SETTINGS'),
  fileGroupSettings: z.strictObject({ destination: s3Url, destinationSettings }),
})

const outputGroup = z.strictObject({
  name: z.string().max(2_048).optional(),
  customName: z.string().max(2_048).optional(),
  outputGroupSettings: z.discriminatedUnion('type', [hlsGroup, fileGroup]),
  outputs: z.array(output).min(1).max(20),
})

const input = z.strictObject({
  fileInput: s3Url,
  videoSelector: z
    .strictObject({
      rotate: z.enum(['AUTO', 'DEGREE_0', 'DEGREES_90', 'DEGREES_180', 'DEGREES_270']).optional(),
      ...hints('alphaBehavior', 'colorSpace', 'colorSpaceUsage', 'embeddedTimecodeOverride'),
      ...hints('padVideo', 'sampleRange'),
    })
    .optional(),
  audioSelectors: z
    .record(
      z.string(),
      z.strictObject({
        defaultSelection: z.enum(['DEFAULT', 'NOT_DEFAULT']).optional(),
        tracks: z.array(z.int().positive()).max(1).optional(),
        selectorType: z.enum(['TRACK', 'LANGUAGE_CODE']).optional(),
        ...hints('audioDurationCorrection', 'programSelection'),
        offset: z.literal(0).optional(),
      }),
    )
    .optional(),
  captionSelectors: z
    .record(
      z.string(),
      z.strictObject({
        sourceSettings: z.strictObject({
          sourceType: z.literal('WEBVTT'),
          fileSourceSettings: z.strictObject({ sourceFile: s3Url }),
        }),
        ...hints('languageCode', 'customLanguageCode'),
      }),
    )
    .optional(),
  ...hints('filterEnable', 'inputScanType', 'psiControl', 'timecodeSource'),
  filterStrength: z.literal(0).optional(),
  deblockFilter: z.literal('DISABLED').optional(),
  denoiseFilter: z.literal('DISABLED').optional(),
})

const createJob = z.strictObject({
  role: z.string().min(1),
  settings: z.strictObject({
    inputs: z.array(input).length(1, 'one input is played here'),
    outputGroups: z.array(outputGroup).min(1).max(10),
    timecodeConfig: z
      .strictObject(hints('source', 'anchor', 'start', 'timestampOffset'))
      .optional(),
    adAvailOffset: z.literal(0).optional(),
    ...hints('followSource'),
  }),
  clientRequestToken: z.string().min(1).max(256).optional(),
  userMetadata: z.record(z.string().max(256), z.string().max(256)).default({}),
  queue: z.string().max(2_048).optional(),
  tags: z.record(z.string(), z.string()).optional(),
  priority: z.int().min(-50).max(50).default(0),
  accelerationSettings: z.strictObject({ mode: z.enum(['DISABLED', 'PREFERRED']) }).optional(),
  ...hints('billingTagsSource', 'simulateReservedQueue', 'statusUpdateInterval'),
})

export type JobRequest = z.output<typeof createJob>
export type JobSettings = JobRequest['settings']
export type OutputGroup = JobSettings['outputGroups'][number]
export type Output = OutputGroup['outputs'][number]
export type H264Settings = z.output<typeof h264>
export type AudioDescription = z.output<typeof audioDescription>

/** @throws BadRequestException naming every setting that is wrong or not played here. */
export function parseJobRequest(body: unknown): JobRequest {
  const parsed = createJob.safeParse(body)
  if (!parsed.success) {
    throw badRequest(parsed.error.issues.flatMap(issueTexts).join('; '))
  }
  const wrong = combinations(parsed.data.settings)
  if (wrong.length > 0) throw badRequest(wrong.join('; '))
  return parsed.data
}

export const badRequest = (message: string): ServiceException =>
  new ServiceException('BadRequestException', message)

function issueTexts(issue: z.core.$ZodIssue): string[] {
  const path = z.core.toDotPath(issue.path)
  if (issue.code === 'unrecognized_keys') {
    const at = path === '' ? '' : `${path}.`
    return issue.keys.map((key) => `${at}${key} is not supported by the local MediaConvert`)
  }
  return [`${path}: ${issue.message}`]
}

/** What the shape of single fields cannot say. */
function combinations({ inputs, outputGroups }: JobSettings): string[] {
  const selectors = Object.keys(inputs[0]?.captionSelectors ?? {})
  return outputGroups.flatMap((group, index) => {
    const at = `settings.outputGroups[${index}]`
    const names = group.outputs.map(({ nameModifier }) => nameModifier ?? '')
    return [
      ...(new Set(names).size < names.length ? [`${at}: two outputs share a nameModifier`] : []),
      ...group.outputs.flatMap((one, number) =>
        wrongInOutput(group, one, selectors).map((text) => `${at}.outputs[${number}]: ${text}`),
      ),
      ...(hasPicture(group) ? [] : [`${at}: the group has no output with video`]),
      ...(isAligned(group) ? [] : [`${at}: outputs differ in gopSize or frame rate`]),
    ]
  })
}

function wrongInOutput(group: OutputGroup, one: Output, selectors: string[]): string[] {
  const codec = one.videoDescription?.codecSettings.codec
  const selector = one.captionDescriptions?.[0]?.captionSelectorName
  if (group.outputGroupSettings.type === 'FILE_GROUP_SETTINGS') {
    if (codec === 'FRAME_CAPTURE') return []
    return ['in a FILE_GROUP only FRAME_CAPTURE is supported by the local MediaConvert']
  }
  if (one.nameModifier === undefined) return ['an output of an HLS group needs a nameModifier']
  if (codec === 'FRAME_CAPTURE') return ['FRAME_CAPTURE belongs into a FILE_GROUP']
  if (selector !== undefined && !selectors.includes(selector)) {
    return [`captionSelectorName ${selector} names no selector of the input`]
  }
  if (selector !== undefined && codec !== undefined) return ['captions need an output of their own']
  if (selector === undefined && codec === undefined) {
    return ['an output without video or captions is not supported by the local MediaConvert']
  }
  return wrongRate(one)
}

const hasPicture = ({ outputs }: OutputGroup): boolean =>
  outputs.some(({ videoDescription }) => videoDescription !== undefined)

function wrongRate({ videoDescription }: Output): string[] {
  if (videoDescription?.codecSettings.codec !== 'H_264') return []
  const { rateControlMode, bitrate: rate, maxBitrate } = videoDescription.codecSettings.h264Settings
  if (rateControlMode === 'QVBR') return maxBitrate === undefined ? ['QVBR needs maxBitrate'] : []
  return rate === undefined ? [`${rateControlMode} needs bitrate`] : []
}

// A player may change the rung at any segment: that works only if all rungs cut at the same frames.
function isAligned({ outputs }: OutputGroup): boolean {
  const rhythms = outputs.flatMap(({ videoDescription }) => {
    if (videoDescription?.codecSettings.codec !== 'H_264') return []
    const { gopSize, gopSizeUnits, framerateControl, framerateNumerator, framerateDenominator } =
      videoDescription.codecSettings.h264Settings
    return [
      JSON.stringify([
        gopSize,
        gopSizeUnits,
        framerateControl === 'SPECIFIED' ? [framerateNumerator, framerateDenominator] : null,
      ]),
    ]
  })
  return new Set(rhythms).size <= 1
}
