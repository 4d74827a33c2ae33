import { SEGMENT_SECONDS } from '../../../../workflows/video-processing/domain/job.ts'
import { ladderFor } from '../../../../workflows/video-processing/domain/ladder.ts'
import { type Formula, fixed, minus, named, over, plus, times, value } from '../../bill/formula.ts'
import type { Line } from '../../bill/line.ts'
import { load } from '../../inputs/scenario.ts'
import { InputError } from '../../inputs/yaml.ts'
import type { Inputs } from '../inputs.ts'

const LADDER = { kind: 'workflow', text: 'workflows/video-processing/domain/ladder.ts' } as const
const HOUR_SECONDS = fixed('seconds of an hour', 3_600, 's')
const HOUR_MINUTES = fixed('minutes of an hour', 60, 'minutes')
/** As AWS counts: 1,024 x 1,024 x 1,024 bytes of eight bits, from a million bits. */
const GB_PER_MBIT = fixed('GB of a Mbit', '0.000116415', 'GB', '1,000,000 ÷ 8 ÷ 1,024³')
const AUDIO_MBPS = 0.128
const WHOLE = fixed('all', 1, '')

/** The renditions of a full-HD lecture, as the workflow makes them. */
const rungs = ladderFor({
  widthPx: 1_920,
  heightPx: 1_080,
  durationMs: 3_600_000,
  hasAudio: true,
}).map(({ widthPx, heightPx, bitrateMax }) => ({
  shortPx: Math.min(widthPx, heightPx),
  maxMbps: bitrateMax / 1e6,
}))

/** MediaConvert counts a minute of HD twice (AVC, one pass, up to 30 frames a second). */
const HD_SHORT_PX = 720
const normalizedPerMinute = value(
  'normalized minutes of a minute',
  rungs.reduce((sum, { shortPx }) => sum + (shortPx >= HD_SHORT_PX ? 2 : 1), 0),
  'normalized minutes',
  LADDER,
)

const segmentsPerHour = over(
  HOUR_SECONDS,
  value('length of a segment', SEGMENT_SECONDS, 's', LADDER),
)
const renditions = value('renditions', rungs.length, 'renditions', LADDER)

/** Encoding, whose jobs carry their group's tag; keeping and showing videos, where nothing does, so that is shared. */
export const videoLines = (inputs: Inputs): readonly Line[] => [
  encoding(inputs),
  ...keeping(inputs),
  ...showing(inputs),
]

const encoding = ({ prices, scenario }: Inputs): Line => ({
  id: 'mediaconvert.jobs',
  title: 'Encoding',
  component: 'video',
  service: 'AWSElementalMediaConvert',
  group: 'video',
  cost: named(
    'encoding',
    'USD',
    prices.costOf(
      'mediaconvert.basic',
      named(
        'normalized minutes',
        'normalized minutes',
        times(load(scenario, 'videoHoursUploaded'), HOUR_MINUTES, normalizedPerMinute),
      ),
    ),
  ),
})

const gbPerHour = (name: string, mbps: Formula) =>
  named(name, 'GB', times(mbps, HOUR_SECONDS, GB_PER_MBIT))

const keeping = ({ prices, scenario, assumptions }: Inputs): readonly Line[] => {
  const stored = load(scenario, 'videoHoursStored')
  const maxima = value(
    'maximal bit rate of all renditions',
    sum(rungs.map(({ maxMbps }) => maxMbps)),
    'Mbit/s',
    LADDER,
  )
  const audio = value(
    'sound of all renditions',
    (AUDIO_MBPS * rungs.length).toFixed(3),
    'Mbit/s',
    LADDER,
  )
  const perHour = gbPerHour(
    'GB of an hour',
    plus(times(maxima, assumptions.of('bitrateShare')), audio, assumptions.of('sourceMbps')),
  )
  const library = named('library', 'GB', times(stored, perHour))
  const old = named('older part', 'GB', times(library, assumptions.of('oldShare')))
  const young = named('younger part', 'GB', minus(library, old))
  const resting = named('resting part', 'GB', times(young, assumptions.of('restingShare')))
  const objects = named('files of an hour', 'objects', times(segmentsPerHour, renditions))
  const s3 = { component: 'storage', service: 'AmazonS3' } as const
  return [
    {
      ...s3,
      id: 's3.media',
      title: 'Videos kept',
      group: 'shared',
      cost: named(
        'videos',
        'USD',
        plus(
          times(minus(young, resting), prices.of('s3.standard')),
          times(resting, prices.of('s3.infrequent')),
          times(old, prices.of('s3.glacier-instant')),
          times(
            stored,
            minus(WHOLE, assumptions.of('oldShare')),
            objects,
            prices.of('s3.monitoring'),
          ),
        ),
      ),
    },
    {
      ...s3,
      id: 's3.uploads',
      title: 'Files written',
      group: 'shared',
      cost: named(
        'files',
        'USD',
        times(load(scenario, 'videoHoursUploaded'), objects, prices.of('s3.put')),
      ),
    },
    {
      ...s3,
      id: 's3.documents',
      title: 'Documents, pages and exports',
      group: 'shared',
      cost: named(
        'documents',
        'USD',
        times(load(scenario, 'documentsGb'), prices.of('s3.standard')),
      ),
    },
  ]
}

const showing = ({ prices, scenario, assumptions }: Inputs): readonly Line[] => {
  const watched = load(scenario, 'videoHoursWatched')
  const shortPx = assumptions.of('watchedShortPx')
  const rung = rungs.find((each) => shortPx.value.eq(each.shortPx))
  if (!rung) throw new InputError(`No rendition has ${shortPx.value} pixels.`)
  const mbps = plus(
    times(
      value(`maximal bit rate at ${rung.shortPx}`, rung.maxMbps, 'Mbit/s', LADDER),
      assumptions.of('bitrateShare'),
    ),
    value('sound', AUDIO_MBPS, 'Mbit/s', LADDER),
  )
  const requests = named('segments', 'requests', times(watched, segmentsPerHour))
  return [
    {
      id: 'cloudfront.transfer',
      title: 'Videos to learners',
      component: 'delivery',
      service: 'AmazonCloudFront',
      group: 'shared',
      cost: named(
        'transfer',
        'USD',
        prices.costOf(
          'cloudfront.transfer',
          named('GB watched', 'GB', times(watched, gbPerHour('GB of an hour watched', mbps))),
        ),
      ),
    },
    {
      id: 'cloudfront.requests',
      title: 'Calls of players',
      component: 'delivery',
      service: 'AmazonCloudFront',
      group: 'shared',
      cost: named('calls', 'USD', times(requests, prices.of('cloudfront.https'))),
    },
    {
      id: 's3.reads',
      title: 'Files read by CloudFront',
      component: 'storage',
      service: 'AmazonS3',
      group: 'shared',
      cost: named(
        'reads',
        'USD',
        times(requests, assumptions.of('edgeMisses'), prices.of('s3.get')),
      ),
    },
  ]
}

const sum = (numbers: readonly number[]) =>
  numbers.reduce((total, each) => total + each, 0).toFixed(3)
