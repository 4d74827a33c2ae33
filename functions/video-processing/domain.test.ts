import { describe, expect, it } from '@jest/globals'
import { newId } from '../../shared/kernel/id.ts'
import { addMs, instantOf } from '../../shared/kernel/time.ts'
import { isWebVtt, packagePlaylists } from './domain/playlists.ts'
import {
  beginVideo,
  cancel,
  EXECUTIONS_MAX,
  fail,
  folderOf,
  type Processing,
  publish,
  reprocess,
  supersede,
  swept,
  takeOver,
  videoIdOf,
} from './domain/processing.ts'

const now = instantOf('2026-03-01T10:00:00Z')
const when = { now, traceparent: '00-0-0-01' }

const begin = () =>
  beginVideo(
    {
      mediaId: newId('media'),
      organizationId: newId('organization'),
      ownerId: newId('account'),
      bucket: 'media',
      sourceKey: 'media/o/m',
      sourceBytes: 1,
    },
    when,
  )

const source = { durationMs: 10_000, widthPx: 1_280, heightPx: 720, hasAudio: true }
const output = {
  masterPlaylist: 'master-0.m3u8',
  captionsRevision: 0,
  poster: 'poster.jpg',
  sprite: 'sprite.jpg',
  thumbnails: 'thumbnails.vtt',
  startTicks: 126_000,
  durationMs: 10_000,
}

describe('a video', () => {
  it('is the same for the same file, however often it is announced', () => {
    const mediaId = newId('media')
    expect(videoIdOf(mediaId)).toBe(videoIdOf(mediaId))
    expect(videoIdOf(mediaId)).toMatch(/^vid_[0-9a-f]{32}$/)
  })

  it('has a folder of its own for every version', () => {
    const first = begin()
    const { processing } = publish(first.video, { ...first.processing, source, output }, now)
    const second = reprocess(first.video, processing, when)
    expect(folderOf(second.processing)).not.toBe(folderOf(first.processing))
  })

  it('is not processed twice at the same time', () => {
    const { video, processing } = begin()
    expect(() => reprocess(video, processing, when)).toThrow(
      expect.objectContaining({ code: 'video.in_progress' }),
    )
  })
})

describe('a run', () => {
  const { video, processing } = begin()

  it('ends once: what comes after the first end changes nothing and tells nobody', () => {
    const reason = { reasonCode: 'truncated', reason: 'Cut off.' }
    const failed = fail(video, processing, reason, now)
    expect(failed.events).toMatchObject([{ type: 'video.failed', reasonCode: 'truncated' }])
    expect(fail(video, failed.processing, reason, now).events).toEqual([])
    const cancelled = cancel(video, processing, now)
    expect(cancelled.events).toMatchObject([{ type: 'video.cancelled' }])
    expect(fail(video, cancelled.processing, reason, now)).toEqual({
      processing: cancelled.processing,
      events: [],
    })
    expect(cancel(video, cancelled.processing, now).events).toEqual([])
    expect(() => cancel(video, failed.processing, now)).toThrow(
      expect.objectContaining({ code: 'video.not_in_progress' }),
    )
  })

  it('is published with everything a player needs to know', () => {
    const rungs = [{ widthPx: 1_280, heightPx: 720, bitrateMax: 1, quality: 8 }]
    const { events } = publish(video, { ...processing, source, output, rungs }, now)
    expect(events).toMatchObject([
      {
        type: 'video.ready',
        prefix: folderOf(processing),
        masterPlaylist: 'master-0.m3u8',
        durationMs: 10_000,
        heightPx: 720,
      },
    ])
    expect(events[0]).not.toHaveProperty('startTicks')
  })

  it('is taken over under another name, which fences the former execution off, and not for ever', () => {
    const names = new Set<string>()
    for (let run: Processing | undefined = processing; run; run = takeOver(run, now))
      names.add(run.executionName)
    expect(names.size).toBe(EXECUTIONS_MAX)
    expect([...names][0]).toBe(`${processing.videoId}-1`)
  })

  it('keeps its files a while when superseded, and removes those of a failure more than once', () => {
    expect(supersede(processing, now).sweepAt).toBeGreaterThan(addMs(now, 3_600_000))
    let run = cancel(video, processing, now).processing
    let sweeps = 0
    for (; run.sweepAt !== null; sweeps += 1) run = swept(run, run.sweepAt)
    expect(sweeps).toBe(2)
  })
})

describe('playlists', () => {
  const encodedMaster = [
    '#EXTM3U',
    '#EXT-X-VERSION:4',
    '#EXT-X-STREAM-INF:BANDWIDTH=1000,RESOLUTION=640x360',
    'index_640x360.m3u8',
    '',
  ].join('\r\n')
  const timing = { durationMs: 4_500, startTicks: 126_000 }

  it('pass the encoder’s renditions on when there are no captions', () => {
    const { files } = packagePlaylists({ encodedMaster, captions: [], revision: 0, ...timing })
    expect(files).toHaveLength(1)
    expect(files[0]?.body).toBe(encodedMaster.replaceAll('\r\n', '\n'))
  })

  it('name every language, tie its clock to the picture’s, and never reuse a name', () => {
    const captions = [
      {
        language: 'en',
        label: 'English',
        webVtt: '\uFEFFWEBVTT\r\n\r\n00:00.000 --> 00:01.000\r\nHi',
      },
    ]
    const at = (revision: number) =>
      packagePlaylists({ encodedMaster, captions, revision, ...timing })
    const { masterPlaylist, files } = at(3)
    expect(files.map(({ name }) => name)).toEqual([
      'captions-en-3.vtt',
      'captions-en-3.m3u8',
      'master-3.m3u8',
    ])
    expect(masterPlaylist).toBe('master-3.m3u8')
    expect(files[0]?.body).toMatch(
      /^WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:126000,LOCAL:00:00:00.000\n\n00:00/,
    )
    expect(files[1]?.body).toContain('#EXTINF:4.500,\ncaptions-en-3.vtt')
    expect(files[2]?.body).toContain('URI="captions-en-3.m3u8"')
    expect(files[2]?.body).toContain('RESOLUTION=640x360,SUBTITLES="captions"\nindex_640x360.m3u8')
    expect(at(4).files.some(({ name }) => files.some((file) => file.name === name))).toBe(false)
  })

  it('take only what begins as WebVTT', () => {
    expect(['WEBVTT', 'WEBVTT - x\n', '\uFEFFWEBVTT\n'].every(isWebVtt)).toBe(true)
    expect(['WEBVTTX', ' WEBVTT', '1\n00:00'].some(isWebVtt)).toBe(false)
  })
})
