import { describe, expect, it } from '@jest/globals'
import { beginVideo, type Source } from '../../functions/video-processing/domain/processing.ts'
import { newId } from '../../shared/kernel/id.ts'
import { instantOf } from '../../shared/kernel/time.ts'
import { assess, failureOf } from './domain/failure.ts'
import { encodingOf } from './domain/job.ts'
import { ladderFor } from './domain/ladder.ts'
import { spriteLayout, thumbnailSeconds, thumbnailSize, thumbnailTrack } from './domain/pictures.ts'
import { checkDurations, firstPictureTicks } from './domain/segments.ts'
import { declaredSeconds, sourceOf } from './domain/source.ts'

const aSource = (changes: Partial<Source> = {}): Source => ({
  durationMs: 60_000,
  widthPx: 1_920,
  heightPx: 1_080,
  hasAudio: true,
  ...changes,
})

const sizes = (widthPx: number, heightPx: number) =>
  ladderFor(aSource({ widthPx, heightPx })).map((rung) => `${rung.widthPx}x${rung.heightPx}`)

describe('the ladder', () => {
  it.each([
    ['full HD', 1_920, 1_080, ['1920x1080', '1280x720', '854x480', '640x360']],
    ['portrait', 1_080, 1_920, ['1080x1920', '720x1280', '480x854', '360x640']],
    ['4K', 3_840, 2_160, ['1920x1080', '1280x720', '854x480', '640x360']],
    ['between two steps', 1_600, 900, ['1600x900', '1280x720', '854x480', '640x360']],
    ['just above a step', 1_308, 736, ['1280x720', '854x480', '640x360']],
    ['tiny', 160, 90, ['160x90']],
    ['odd sides', 641, 361, ['640x360']],
    ['odd and tiny', 101, 75, ['100x74']],
    ['square', 500, 500, ['480x480', '360x360']],
    ['a banner', 8_000, 100, ['4096x52']],
  ])('of %s', (_, widthPx, heightPx, expected) => {
    expect(sizes(widthPx, heightPx)).toEqual(expected)
  })

  it('never goes above the source, is never empty, and has even sides', () => {
    for (let widthPx = 32; widthPx <= 2_400; widthPx += 59)
      for (let heightPx = 32; heightPx <= 2_400; heightPx += 61) {
        const rungs = ladderFor(aSource({ widthPx, heightPx }))
        expect(rungs.length).toBeGreaterThan(0)
        for (const rung of rungs) {
          expect(rung.widthPx % 2 || rung.heightPx % 2).toBe(0)
          expect(rung.widthPx).toBeLessThanOrEqual(Math.max(32, widthPx))
          expect(rung.heightPx).toBeLessThanOrEqual(Math.max(32, heightPx))
        }
      }
  })
})

const video = { codec_type: 'video', codec_name: 'h264', width: 1_920, height: 1_080 }
const format = { duration: '12.5' }

describe('the source', () => {
  it.each([
    ['the display matrix', { side_data_list: [{ rotation: -90 }] }],
    ['the older tag', { tags: { rotate: '270' } }],
  ])('is turned as %s says', (_, turn) => {
    expect(sourceOf({ streams: [{ ...video, ...turn }], format })).toMatchObject({
      widthPx: 1_080,
      heightPx: 1_920,
      durationMs: 12_500,
    })
  })

  it('is measured in square pixels', () => {
    const anamorphic = { ...video, width: 720, height: 576, sample_aspect_ratio: '64:45' }
    expect(sourceOf({ streams: [anamorphic], format })).toMatchObject({ widthPx: 1_024 })
  })

  it('takes its length from the packets when the container does not say it', () => {
    const probed = { streams: [video], format: {} }
    expect(declaredSeconds(probed)).toBeUndefined()
    expect(sourceOf(probed, 3.25).durationMs).toBe(3_250)
  })

  it.each([
    ['no_video_stream', { streams: [{ codec_type: 'audio', codec_name: 'aac' }], format }],
    ['no_video_stream', { streams: [{ ...video, disposition: { attached_pic: 1 } }], format }],
    ['no_video_stream', { streams: [], format }],
    ['unsupported_codec', { streams: [{ ...video, codec_name: 'bink' }], format }],
    ['unsupported_size', { streams: [{ ...video, width: 16 }], format }],
    ['unsupported_size', { streams: [{ ...video, width: 20_000 }], format }],
    ['too_long', { streams: [video], format: { duration: '14401' } }],
    ['truncated', { streams: [video], format: {} }],
  ])('is rejected as %s in one sentence', (reasonCode, probed) => {
    expect(() => sourceOf(probed)).toThrow(
      expect.objectContaining({
        name: 'VideoRejected',
        message: expect.stringMatching(new RegExp(`^${reasonCode}: [A-Z].*\\.$`)),
      }),
    )
  })
})

describe('the encoding job', () => {
  const { video: aVideo, processing } = beginVideo(
    {
      mediaId: newId('media'),
      organizationId: newId('organization'),
      ownerId: newId('account'),
      bucket: 'media',
      sourceKey: 'media/o/m',
      sourceBytes: 1,
    },
    { now: instantOf('2026-03-01T10:00:00Z'), traceparent: '00' },
  )
  const jobFor = (source: Source, encodings = 0) =>
    encodingOf(
      aVideo,
      { ...processing, encodings, source, rungs: ladderFor(source) },
      { pauseSeconds: 0 },
    )

  it('is the same request for the same encoding, and another for the next one', () => {
    const source = aSource()
    expect(jobFor(source)).toEqual(jobFor(source))
    expect(jobFor(source, 1).ClientRequestToken).not.toBe(jobFor(source).ClientRequestToken)
  })

  it('cuts every rendition at the same instants', () => {
    const [hls] = jobFor(aSource()).Settings.OutputGroups ?? []
    const gops = hls?.Outputs?.map((output) => {
      const { GopSize, GopSizeUnits } = output.VideoDescription?.CodecSettings?.H264Settings ?? {}
      return `${GopSize} ${GopSizeUnits}`
    })
    expect(new Set(gops)).toEqual(new Set(['2 SECONDS']))
  })

  it('asks for no sound where there is none', () => {
    const job = JSON.stringify(jobFor(aSource({ hasAudio: false })))
    expect(job).not.toContain('Audio')
    expect(JSON.stringify(jobFor(aSource()))).toContain('AudioDescriptions')
  })

  it('captures so few pictures of the longest video that one sprite holds them', () => {
    const fourHours = aSource({ durationMs: 4 * 3_600_000 })
    expect((4 * 3_600) / thumbnailSeconds(fourHours)).toBeLessThanOrEqual(100)
  })
})

describe('the sprite', () => {
  const tile = thumbnailSize(aSource())

  it('has a place of its own for every thumbnail, and the cues cover the whole video', () => {
    const layout = spriteLayout(23, { tile, everySeconds: 2, durationMs: 45_500 })
    const places = new Set(layout.tiles.map(({ leftPx, topPx }) => `${leftPx},${topPx}`))
    expect(places.size).toBe(23)
    for (const { leftPx, topPx } of layout.tiles) {
      expect(leftPx + tile.widthPx).toBeLessThanOrEqual(layout.widthPx)
      expect(topPx + tile.heightPx).toBeLessThanOrEqual(layout.heightPx)
    }
    expect(layout.tiles.at(0)?.fromMs).toBe(0)
    expect(layout.tiles.at(-1)?.toMs).toBe(45_500)
  })

  it('is described in WebVTT', () => {
    const layout = spriteLayout(12, { tile, everySeconds: 400, durationMs: 4_500_250 })
    expect(thumbnailTrack(layout, tile)).toMatch(
      /^WEBVTT\n\n00:00:00.000 --> 00:06:40.000\nsprite.jpg#xywh=0,0,160,90\n/,
    )
    expect(thumbnailTrack(layout, tile)).toContain(
      '01:13:20.000 --> 01:15:00.250\nsprite.jpg#xywh=160,90,160,90',
    )
  })
})

describe('a failure', () => {
  const caughtFrom = (name: string, message: string) => ({
    Error: name,
    Cause: JSON.stringify({ errorType: name, errorMessage: message, trace: [] }),
  })

  it('says what the step said', () => {
    expect(failureOf(caughtFrom('VideoRejected', 'too_long: A video may last 4 hours.'))).toEqual({
      reasonCode: 'too_long',
      reason: 'A video may last 4 hours.',
    })
  })

  it.each([
    caughtFrom('TypeError', 'secret_table: x is not a function'),
    { Error: 'Lambda.Unknown', Cause: 'not json' },
    caughtFrom('VideoRejected', 'no code'),
  ])('of ours tells nobody what it was', (caught) => {
    expect(failureOf(caught)).toMatchObject({ reasonCode: 'processing_failed' })
  })

  it('of the clock is said to be one', () => {
    expect(failureOf({ Error: 'States.Timeout', Cause: '' }).reasonCode).toBe('took_too_long')
  })

  const ofJob = (job: object) => ({
    Error: 'States.TaskFailed',
    Cause: JSON.stringify({ Job: { Status: 'ERROR', ...job } }),
  })

  it('of the encoder is tried again when it may pass, three times in all', () => {
    expect(assess(ofJob({ ErrorCode: 1999 }), 1)).toBe('again')
    expect(assess(ofJob({ ErrorCode: 1999 }), 2)).toBe('again')
    expect(() => assess(ofJob({ ErrorCode: 1999 }), 3)).toThrow(/^encoder_failed: /)
    expect(assess({ Error: 'MediaConvert.TooManyRequestsException', Cause: 'x' }, 1)).toBe('again')
  })

  it.each([
    [{ ErrorCode: 1010, ErrorMessage: 'The input is cut off: 3 of 9 seconds.' }, 'truncated'],
    [{ ErrorCode: 1010, ErrorMessage: 'Invalid data' }, 'not_decodable'],
    [{ ErrorCode: 1404, ErrorMessage: 'gone' }, 'source_missing'],
    [{ Status: 'CANCELED' }, 'encoding_cancelled'],
  ])('of the input is not: %j', (job, reasonCode) => {
    expect(() => assess(ofJob(job), 1)).toThrow(new RegExp(`^${reasonCode}: `))
  })
})

describe('the output', () => {
  it('must be as long as the source', () => {
    expect(() => checkDurations([9_900, 9_950], 10_000)).not.toThrow()
    expect(() => checkDurations([5_000, 5_000], 10_000)).toThrow(/^truncated: /)
  })

  it('must be equally long in every rendition', () => {
    expect(() => checkDurations([10_000, 9_000], 10_000)).toThrow(/^output_incomplete: /)
  })

  it('tells when its first picture is shown', () => {
    // A packet of video: sync, unit start, payload only; PES with a time of 2^32 + 12,345 ticks.
    const ticks = 2 ** 32 + 12_345
    const packet = Buffer.alloc(188, 0xff)
    const high = Math.floor(ticks / 2 ** 30)
    const middle = Math.floor(ticks / 2 ** 15) % 2 ** 15
    const low = ticks % 2 ** 15
    packet.set([0x47, 0x41, 0x00, 0x10, 0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5])
    packet.writeUInt8(0x21 | (high << 1), 13)
    packet.writeUInt16BE((middle << 1) | 1, 14)
    packet.writeUInt16BE((low << 1) | 1, 16)
    const table = Buffer.alloc(188, 0)
    table.set([0x47, 0x40, 0x00, 0x10])
    expect(firstPictureTicks(Buffer.concat([table, packet]))).toBe(ticks)
    expect(() => firstPictureTicks(table)).toThrow(/^output_incomplete: /)
  })
})
