import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { newId } from '../../shared/kernel/id.ts'
import { addMs, HOUR_MS, instantOf } from '../../shared/kernel/time.ts'
import {
  GRANT_MS,
  grantExpiry,
  PLAYBACKS_PER_ACCOUNT_MAX,
  refuseUnlessLive,
  surplusOf,
} from './domain/grant.ts'
import { BEAT_WINDOW, type BeatWindow, countBeat } from './domain/heartbeat.ts'
import {
  clamp,
  coverageOf,
  GAP_MS,
  INTERVALS_MAX,
  type Interval,
  lengthOf,
  longest,
  unite,
} from './domain/intervals.ts'
import { isSafePath, resolveBelow, rewritePlaylist, rewriteThumbnails } from './domain/playlists.ts'
import {
  type Beat,
  beginWatching,
  nothingWatched,
  recordBeat,
  SILENCE_MS_MAX,
  SLACK_MS,
  type Watched,
} from './domain/watched.ts'

const now = instantOf('2026-03-01T10:00:00Z')
const DURATION_MS = 600_000

const interval = fc
  .tuple(fc.integer({ min: 0, max: 700_000 }), fc.integer({ min: 1, max: 60_000 }))
  .map(([start, length]): Interval => [start, start + length])
const intervals = fc.array(interval, { maxLength: 30 })

const watched = (changes: Partial<Watched> = {}): Watched => ({
  ...nothingWatched(
    {
      accountId: newId('account'),
      organizationId: newId('organization'),
      courseId: newId('course'),
      lessonId: newId('lesson'),
      mediaId: newId('media'),
    },
    now,
  ),
  ...changes,
})

const beat = (startMs: number, endMs: number, changes: Partial<Beat> = {}): Beat => ({
  sequence: 1,
  positionMs: endMs,
  playbackRate: 1,
  intervals: startMs < endMs ? [{ startMs, endMs }] : [],
  isLast: false,
  ...changes,
})

const record = (standing: Watched, given: Beat, afterMs: number, durationMs = DURATION_MS) =>
  recordBeat(standing, { beat: given, durationMs, isNewest: true }, addMs(now, afterMs))

const code = (expected: string) => expect.objectContaining({ code: expected })

describe('intervals', () => {
  it('unite to the same whatever is repeated or reordered', () => {
    fc.assert(
      fc.property(intervals, intervals, (some, others) => {
        const united = unite([...some, ...others])
        expect(unite(united)).toEqual(united)
        expect(unite([...others, ...some])).toEqual(united)
        expect(unite([...united, ...some])).toEqual(united)
      }),
    )
  })

  it('unite to sorted stretches that do not touch and hold exactly the same moments', () => {
    fc.assert(
      fc.property(intervals, fc.integer({ min: 0, max: 760_000 }), (some, moment) => {
        const united = unite(some)
        const holds = (list: readonly Interval[]) =>
          list.some(([start, end]) => start <= moment && moment < end)
        expect(holds(united)).toBe(holds(some))
        for (const [index, [start, end]] of united.entries()) {
          expect(start).toBeLessThan(end)
          const next = united[index + 1]
          if (next) expect(next[0]).toBeGreaterThan(end)
        }
      }),
    )
  })

  it('never cover more than the video, and never less for watching more', () => {
    fc.assert(
      fc.property(
        intervals,
        intervals,
        fc.integer({ min: 1, max: 800_000 }),
        (some, more, durationMs) => {
          expect(lengthOf(unite(clamp(some, durationMs)))).toBeLessThanOrEqual(durationMs)
          const before = coverageOf(some, durationMs)
          const after = coverageOf([...some, ...more], durationMs)
          expect(before).toBeGreaterThanOrEqual(0)
          expect(after).toBeGreaterThanOrEqual(before)
          expect(after).toBeLessThanOrEqual(10_000)
        },
      ),
    )
  })

  it('are kept up to a limit, the longest first', () => {
    const many = Array.from(
      { length: INTERVALS_MAX + 5 },
      (_, index): Interval => [index * 1_000, index * 1_000 + (index < 5 ? 1 : 2)],
    )
    const kept = longest(many)
    expect(kept).toHaveLength(INTERVALS_MAX)
    expect(kept).toEqual(many.slice(5))
  })
})

describe('coverageOf', () => {
  it.each([
    ['nothing', [], 0],
    ['a half', [[0, 300_000]], 5_000],
    ['rounds down', [[0, 599]], 9],
    ['everything', [[0, 600_000]], 10_000],
    ['everything but the last two seconds', [[0, 598_000]], 10_000],
    ['everything but the last three', [[0, 597_000]], 9_950],
    [
      'a gap between two heartbeats',
      [
        [0, 300_000],
        [300_400, 600_000],
      ],
      10_000,
    ],
    [
      'a gap that was skipped',
      [
        [0, 300_000],
        [301_000, 600_000],
      ],
      9_983,
    ],
    ['a start a few frames late', [[300, 600_000]], 10_000],
    ['only the end', [[598_500, 599_000]], 25],
  ] as [string, Interval[], number][])('counts %s', (_, some, expected) => {
    expect(coverageOf(some, DURATION_MS)).toBe(expected)
  })

  it('wants nearly all of a video of five frames', () => {
    expect(coverageOf([[0, 100]], 200)).toBe(5_000)
    expect(coverageOf([[0, 195]], 200)).toBe(10_000)
  })
})

describe('recordBeat', () => {
  it('merges what was played and tells of it when coverage passes a step', () => {
    const first = record(watched(), beat(0, 6_000), 6_000)
    expect(first.watched).toMatchObject({ coverageBasisPoints: 100, positionMs: 6_000 })
    expect(first.events).toMatchObject([{ coverageBasisPoints: 100, positionMs: 6_000 }])
    const second = record(first.watched, beat(6_000, 7_000), 8_000)
    expect(second.watched.coverageBasisPoints).toBe(116)
    expect(second.events).toEqual([])
    const last = record(second.watched, beat(7_000, 7_500, { isLast: true }), 9_000)
    expect(last.events).toMatchObject([{ coverageBasisPoints: 125, positionMs: 7_500 }])
    const again = record(last.watched, beat(0, 0, { isLast: true, positionMs: 7_500 }), 9_500)
    expect(again.events).toEqual([])
  })

  it('refuses more than wall clock, speed and slack allow', () => {
    const possibleMs = 10_000 + SLACK_MS
    expect(() => record(watched(), beat(0, possibleMs + 1), 10_000)).toThrow(
      code('playback.too_fast'),
    )
    expect(record(watched(), beat(0, possibleMs), 10_000).watched.creditMs).toBe(0)
    const twice = beat(0, 20_000 + SLACK_MS, { playbackRate: 2 })
    expect(record(watched(), twice, 10_000).watched.creditMs).toBe(0)
  })

  it('never grants more than the time that passed and one slack, however beats are cut', () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 0, max: 60_000 }),
      startMs: fc.integer({ min: 0, max: DURATION_MS - 1 }),
      lengthMs: fc.integer({ min: 1, max: 90_000 }),
      isNewGrant: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let standing = watched()
        let elapsedMs = 0
        for (const { afterMs, startMs, lengthMs, isNewGrant } of steps) {
          elapsedMs += afterMs
          const at = addMs(now, elapsedMs)
          if (isNewGrant) standing = beginWatching(standing, { isPlayingElsewhere: false }, at)
          try {
            standing = record(standing, beat(startMs, startMs + lengthMs), elapsedMs).watched
          } catch {
            // Refused: nothing has changed.
          }
          expect(lengthOf(standing.intervals)).toBeLessThanOrEqual(elapsedMs + SLACK_MS)
        }
      }),
    )
  })

  it('takes every beat of an honest viewer, however late the network hands them over', () => {
    const delays = fc.array(fc.integer({ min: 0, max: SLACK_MS }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(delays, (delaysMs) => {
        let standing = watched()
        let arrivedMs = 0
        for (const [index, delayMs] of delaysMs.entries()) {
          arrivedMs = Math.max(arrivedMs, (index + 1) * 10_000 + delayMs)
          standing = record(standing, beat(index * 10_000, (index + 1) * 10_000), arrivedMs).watched
        }
        expect(lengthOf(standing.intervals)).toBe(delaysMs.length * 10_000)
      }),
    )
  })

  it('charges the gaps that count as played: crumbs half a second apart buy no video', () => {
    const crumbs = (from: number): Beat =>
      beat(0, 0, {
        intervals: Array.from({ length: 50 }, (_, index) => ({
          startMs: from + index * (GAP_MS + 1),
          endMs: from + index * (GAP_MS + 1) + 1,
        })),
      })
    expect(() => record(watched(), crumbs(0), 0)).toThrow(code('playback.too_fast'))
    let standing = watched()
    for (let startMs = 0; startMs < DURATION_MS; startMs += GAP_MS + 1)
      try {
        standing = record(standing, beat(startMs, startMs + 1), 0).watched
      } catch {
        // Refused: nothing has changed.
      }
    expect(standing.coverageBasisPoints).toBeLessThanOrEqual((SLACK_MS * 10_000) / DURATION_MS)
  })

  it('lets a night of silence earn no more than the limit', () => {
    const long = beat(0, SILENCE_MS_MAX + SLACK_MS + 1)
    expect(() => record(watched(), long, 8 * HOUR_MS)).toThrow(code('playback.too_fast'))
  })

  it('clamps to the video, and refuses what lies far outside', () => {
    const standing = watched({ creditMs: 30_000 })
    const over = record(standing, beat(595_000, 604_000), 0)
    expect(over.watched).toMatchObject({ intervals: [[595_000, 600_000]], positionMs: 600_000 })
    expect(() => record(standing, beat(595_000, 605_001), 0)).toThrow(
      code('playback.interval_invalid'),
    )
  })

  it('takes nothing away when the video is processed again and has another length', () => {
    const before = watched({ intervals: [[0, 300_000]], coverageBasisPoints: 5_000 })
    expect(record(before, beat(0, 0), 1_000, 900_000).watched.coverageBasisPoints).toBe(5_000)
    expect(record(before, beat(0, 0), 1_000, 300_000).watched.coverageBasisPoints).toBe(10_000)
  })

  it('leaves the position to the newest heartbeat', () => {
    const { watched: late } = recordBeat(
      watched({ positionMs: 9_000 }),
      { beat: beat(0, 3_000), durationMs: DURATION_MS, isNewest: false },
      now,
    )
    expect(late).toMatchObject({ positionMs: 9_000, intervals: [[0, 3_000]] })
  })
})

describe('countBeat', () => {
  it('counts every heartbeat once while they overtake each other within the window', () => {
    const shuffled = fc
      .array(fc.integer({ min: 1, max: BEAT_WINDOW }), { minLength: 1, maxLength: 80 })
      .map((list) => list.map((sequence) => sequence + 7))
    fc.assert(
      fc.property(shuffled, (sequences) => {
        let window: BeatWindow = { highest: 0, seen: 0 }
        const counted: number[] = []
        for (const sequence of sequences) {
          const next = countBeat(window, sequence)
          if (!next) continue
          counted.push(sequence)
          window = next
        }
        expect(counted).toEqual([...new Set(sequences)])
      }),
    )
  })

  it('counts what is older than the window as repeated', () => {
    const window = countBeat({ highest: 0, seen: 0 }, 100) ?? { highest: 0, seen: 0 }
    expect(countBeat(window, 100 - BEAT_WINDOW - 1)).toBeUndefined()
    expect(countBeat(window, 100 - BEAT_WINDOW)).toBeDefined()
    expect(countBeat(countBeat(window, 1_000) ?? window, 999)).toBeDefined()
  })
})

describe('grants', () => {
  it('end with the access that they stand on', () => {
    expect(grantExpiry(now, null)).toBe(addMs(now, GRANT_MS))
    expect(grantExpiry(now, addMs(now, 1_000))).toBe(addMs(now, 1_000))
    expect(grantExpiry(now, addMs(now, GRANT_MS + 1))).toBe(addMs(now, GRANT_MS))
  })

  it('say why they are over', () => {
    const live = { endedAt: null, endReason: null, expiresAt: addMs(now, 1) }
    expect(() => refuseUnlessLive(live, now)).not.toThrow()
    expect(() => refuseUnlessLive({ ...live, expiresAt: now }, now)).toThrow(
      expect.objectContaining({ options: { extensions: { reason: 'expired' } } }),
    )
    expect(() =>
      refuseUnlessLive({ ...live, endedAt: now, endReason: 'device_limit' }, now),
    ).toThrow(expect.objectContaining({ options: { extensions: { reason: 'device_limit' } } }))
  })

  it('make room by ending those least recently heard of', () => {
    const live = [5, 1, 4, 2, 3].map((seen) => ({ lastSeenAt: addMs(now, seen) }))
    const kept = PLAYBACKS_PER_ACCOUNT_MAX - 1
    expect(surplusOf(live)).toHaveLength(live.length - kept)
    expect(surplusOf(live).every(({ lastSeenAt }) => lastSeenAt <= addMs(now, 3))).toBe(true)
    expect(surplusOf(live.slice(0, kept))).toEqual([])
  })
})

describe('playlists', () => {
  it.each(['a.m3u8', 'v720/seg_00001.ts', 'a/b/c-d.e.f'])('let %s be a name', (path) => {
    expect(isSafePath(path)).toBe(true)
  })

  it.each([
    '../a.m3u8',
    'a/../../b.ts',
    'a/..',
    '/etc/passwd',
    'a//b',
    'a\\b',
    './a',
    '.hidden',
    'a/.git',
    '%2e%2e/a',
    'a?b',
    'a#b',
    'a b',
    'https://evil.example/a.ts',
    '//evil.example/a.ts',
    'data:text/plain,a',
    'a\nb',
    'a\0b',
    '',
    'a/',
  ])('let %j be none', (path) => {
    expect(isSafePath(path)).toBe(false)
    expect(resolveBelow('master.m3u8', path)).toBeUndefined()
  })

  it('lead on from the folder that they stand in', () => {
    expect(resolveBelow('v720/index.m3u8', 'seg_1.ts')).toBe('v720/seg_1.ts')
    expect(resolveBelow('master.m3u8', 'v720/index.m3u8')).toBe('v720/index.m3u8')
  })

  it('have every URI rewritten, on lines and in tags, and nothing else', () => {
    const text = [
      '#EXTM3U',
      '#EXT-X-MAP:URI="init.mp4",BYTERANGE="10@0"',
      '#EXT-X-KEY:METHOD=AES-128,URI="key.bin"',
      '#EXT-X-MEDIA:TYPE=SUBTITLES,NAME="URI=x",URI="en.m3u8"',
      '#EXTINF:4.0,a title.ts',
      'seg_1.ts',
      '',
      '#EXT-X-ENDLIST',
      '',
    ]
    const rewritten = rewritePlaylist(text.join('\r\n'), (uri) => `<${uri}>`).split('\n')
    expect(rewritten).toEqual([
      '#EXTM3U',
      '#EXT-X-MAP:URI="<init.mp4>",BYTERANGE="10@0"',
      '#EXT-X-KEY:METHOD=AES-128,URI="<key.bin>"',
      '#EXT-X-MEDIA:TYPE=SUBTITLES,NAME="URI=x",URI="<en.m3u8>"',
      '#EXTINF:4.0,a title.ts',
      '<seg_1.ts>',
      '',
      '#EXT-X-ENDLIST',
      '',
    ])
  })

  it('have every thumbnail rewritten, with its place in the sprite', () => {
    const text = 'WEBVTT\n\n00:00.000 --> 00:05.000\nsprite.jpg#xywh=0,0,160,90\n'
    expect(rewriteThumbnails(text, (uri) => `<${uri}>`)).toBe(
      'WEBVTT\n\n00:00.000 --> 00:05.000\n<sprite.jpg>#xywh=0,0,160,90\n',
    )
  })
})
