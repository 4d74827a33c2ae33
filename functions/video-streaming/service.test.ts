import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import * as hls from 'hls-parser'
import { type RunningS3, startS3 } from '../../local/s3/server.ts'
import type { Principal } from '../../shared/http/caller.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import {
  type CourseId,
  type LessonId,
  type MediaId,
  newId,
  type OrganizationId,
} from '../../shared/kernel/id.ts'
import { MINUTE_MS, SECOND_MS } from '../../shared/kernel/time.ts'
import { withoutTokens } from '../../shared/observe/logger.ts'
import { putObject } from '../../shared/storage/objects.ts'
import { openStorage, type Storage } from '../../shared/storage/open.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { type Answer, somebody, useDoors } from '../../tests/support/door.ts'
import { eventually } from '../../tests/support/eventually.ts'
import { SIGNED_REFERENCES_MAX } from './commands/deliver.ts'
import { playbackTokens } from './commands/token.ts'
import { GRANT_MS, PLAYBACKS_PER_ACCOUNT_MAX } from './domain/grant.ts'
import { SLACK_MS } from './domain/watched.ts'
import type { Deps } from './routes.ts'
import { videoStreaming } from './service.ts'

const PUBLIC_URL = 'https://hub.test'
const BUCKET = 'media-test'
const DURATION_MS = 60_000

// A bucket of the real protocol: its refusals of wrong and expired signatures are what the tests
// stand on.
const credentials = { accessKeyId: 'streaming', secretAccessKey: 'streaming-secret' }
let s3: RunningS3
let dataDir: string
let storage: Storage
const formerEnvironment = { ...process.env }

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'hub-streaming-'))
  s3 = await startS3({
    ...credentials,
    region: 'us-east-1',
    dataDir,
    port: 0,
    allowedOrigins: ['*'],
  })
  process.env.AWS_ACCESS_KEY_ID = credentials.accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = credentials.secretAccessKey
  storage = openStorage({
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_S3: s3.url,
    MEDIA_BUCKET: BUCKET,
  })
  await storage.s3.send(new CreateBucketCommand({ Bucket: BUCKET }))
})
afterAll(async () => {
  storage.s3.destroy()
  await s3.close()
  await rm(dataDir, { recursive: true, force: true })
  process.env = formerEnvironment
})

// What content and enrollment would answer: each test says which lesson shows what, and who learns
// where.
type Shown = { courseId: CourseId; mediaId: MediaId }
const told = new Map<LessonId, Shown>()
const absent = (code: string) => new DomainError('not_found', code, 'There is none.')
const tell = async (lessonId: LessonId | undefined) => {
  const shown = lessonId && told.get(lessonId)
  if (!shown) throw absent('content.lesson_not_found')
  return {
    lessonId,
    courseId: shown.courseId,
    revision: 1,
    title: 'Lesson',
    completion: { kind: 'viewed' as const },
    blocks: [
      { kind: 'video' as const, blockId: newId('block'), mediaId: shown.mediaId, title: '' },
      { kind: 'rich_text' as const, blockId: newId('block'), html: '' },
    ],
  }
}
const content: Deps['content'] = {
  getLesson: ({ params }) => tell(params?.lessonId),
  previewLesson: ({ params }) => tell(params?.lessonId),
}
const enrollment: Deps['enrollment'] = {
  getOwnAccess: async () => {
    throw absent('enrollment.no_access')
  },
}

const tokens = playbackTokens(randomBytes(32))
const database = useDatabase()
const hub = useDoors(database, videoStreaming, () => ({
  storage,
  tokens,
  content,
  enrollment,
  publicUrl: PUBLIC_URL,
}))

const organizationId = newId('organization')

/** A tiny HLS tree: two renditions in folders, captions, poster, sprite, thumbnails. */
const aTree = async (prefix: string, documents: Record<string, string> = {}) => {
  const segments = ['seg_1.ts', 'seg_2.ts']
  const media = (names: readonly string[]) =>
    ['#EXTM3U', '#EXT-X-VERSION:4', '#EXT-X-TARGETDURATION:30', '#EXT-X-PLAYLIST-TYPE:VOD']
      .concat(
        names.flatMap((name) => ['#EXTINF:30.0,', name]),
        '#EXT-X-ENDLIST',
        '',
      )
      .join('\n')
  const master = [
    '#EXTM3U',
    '#EXT-X-VERSION:4',
    '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="subs",NAME="English",URI="captions_en.m3u8"',
    '#EXT-X-STREAM-INF:BANDWIDTH=800000,CODECS="avc1.64001f",RESOLUTION=640x360,SUBTITLES="subs"',
    'v360/index.m3u8',
    '#EXT-X-STREAM-INF:BANDWIDTH=2000000,CODECS="avc1.64001f",RESOLUTION=1280x720,SUBTITLES="subs"',
    'v720/index.m3u8',
    '',
  ].join('\n')
  const files: Record<string, string> = {
    'master.m3u8': master,
    'captions_en.m3u8': media(['captions_en_1.vtt']),
    'captions_en_1.vtt': 'WEBVTT\n',
    'v360/index.m3u8': media(segments),
    'v720/index.m3u8': media(segments),
    'poster.jpg': 'poster',
    'sprite.jpg': 'sprite',
    'thumbnails.vtt': 'WEBVTT\n\n00:00.000 --> 00:30.000\nsprite.jpg#xywh=0,0,160,90\n',
    ...Object.fromEntries(
      ['v360', 'v720'].flatMap((rung) =>
        segments.map((name) => [`${rung}/${name}`, `${prefix}${rung}/${name}`]),
      ),
    ),
    ...documents,
  }
  for (const [path, body] of Object.entries(files))
    await putObject(storage, `${prefix}${path}`, { body, contentType: 'application/octet-stream' })
}

type Lesson = { courseId: CourseId; lessonId: LessonId; mediaId: MediaId }

type News = {
  mediaId: MediaId
  version: number
  /** Its position among the events of the video. */
  sequence: number
  organization?: OrganizationId
  masterPlaylist?: string
}

const owner = somebody('instructor', { organizationId })

const announce = (
  type: 'video.ready' | 'video.captions_changed',
  { mediaId, version, sequence, organization = organizationId, ...changes }: News,
) =>
  hub.deliver(
    type,
    {
      videoId: newId('video'),
      mediaId,
      organizationId: organization,
      ownerId: owner.accountId,
      version,
      durationMs: DURATION_MS,
      widthPx: 1280,
      heightPx: 720,
      bucket: BUCKET,
      prefix: `renditions/${mediaId}/${version}/`,
      masterPlaylist: 'master.m3u8',
      poster: 'poster.jpg',
      sprite: 'sprite.jpg',
      thumbnails: 'thumbnails.vtt',
      ...changes,
    },
    { organizationId: organization, sequence },
  )

const ready = (mediaId: MediaId, version: number, organization?: OrganizationId) =>
  announce('video.ready', {
    mediaId,
    version,
    sequence: 10 * version,
    ...(organization && { organization }),
  })

/** A lesson with a video that is ready. */
const aLesson = async (documents: Record<string, string> = {}): Promise<Lesson> => {
  const lesson = { courseId: newId('course'), lessonId: newId('lesson'), mediaId: newId('media') }
  told.set(lesson.lessonId, lesson)
  await aTree(`renditions/${lesson.mediaId}/1/`, documents)
  await ready(lesson.mediaId, 1)
  return lesson
}

const enrol = async ({ courseId }: Lesson, endsAt: string | null = null) => {
  const learner = somebody('learner', { organizationId })
  const facts = {
    enrollmentId: newId('enrollment'),
    courseId,
    organizationId,
    accountId: learner.accountId,
  }
  const startsAt = '2026-03-01T00:00:00.000Z'
  const access = { ...facts, versionId: newId('courseVersion'), startsAt, endsAt }
  await hub.deliver('enrollment.activated', access, { organizationId })
  const change = (newEnd: string | null) =>
    hub.deliver(
      'enrollment.window_changed',
      { ...access, endsAt: newEnd },
      { organizationId, sequence: 2 },
    )
  const leave = () =>
    hub.deliver(
      'enrollment.ended',
      { ...facts, reason: 'removed', endedAt: startsAt },
      { organizationId, sequence: 2 },
    )
  return { learner, leave, change }
}

const start = (as: Principal | undefined, lesson: object) =>
  hub.post('/v1/playback', { ...(as && { as }), body: lesson })

const playing = async (documents: Record<string, string> = {}) => {
  const lesson = await aLesson(documents)
  const { learner, leave } = await enrol(lesson)
  return { lesson, learner, leave, playback: (await start(learner, lesson)).body }
}

/** As a player without any credentials of its own. */
const open = (url: string): Promise<Answer> => hub.get(url.replace(PUBLIC_URL, ''))

const linesOf = (playlist: Answer) =>
  playlist.text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))

/** Every URL that a player meets, by what it is. */
const walk = async (playback: { playlistUrl: string; thumbnailsUrl: string }) => {
  const master = await open(playback.playlistUrl)
  const parsed = hls.parse(master.text) as hls.types.MasterPlaylist
  const children = [
    ...parsed.variants.flatMap(({ uri, subtitles }) => [
      uri,
      ...subtitles.map((subtitle) => subtitle.uri ?? ''),
    ]),
  ]
  const playlists = [...new Set(children)].map((uri) => new URL(uri, playback.playlistUrl).href)
  const files: string[] = []
  for (const url of playlists) {
    const child = hls.parse((await open(url)).text) as hls.types.MediaPlaylist
    files.push(...child.segments.map(({ uri }) => uri))
  }
  const [thumbnail = ''] = (await open(playback.thumbnailsUrl)).text
    .split('\n')
    .filter((line) => line.includes('#xywh='))
  return {
    playlists: [playback.playlistUrl, ...playlists, playback.thumbnailsUrl],
    files,
    thumbnail,
  }
}

const beatBody = (
  sequence: number,
  [startMs, endMs]: [number, number],
  more: object = {},
): object => ({ sequence, positionMs: endMs, intervals: [{ startMs, endMs }], ...more })

const beat = (
  as: Principal,
  playback: { playbackId: string },
  sequence: number,
  stretch: [number, number],
  more: object = {},
) =>
  hub.post(`/v1/playback/${playback.playbackId}/heartbeats`, {
    as,
    body: beatBody(sequence, stretch, more),
  })

const notFound = { status: 404, body: { code: 'playback.not_found' } }
const over = (reason: string) => ({ status: 410, body: { code: 'playback.over', reason } })

describe('POST /v1/playback', () => {
  it('grants a playback whose signatures reach every playlist and segment', async () => {
    const { playback, lesson } = await playing()
    expect(playback).toMatchObject({
      mediaId: lesson.mediaId,
      durationMs: DURATION_MS,
      resumePositionMs: 0,
      coverageBasisPoints: 0,
    })
    const { files, thumbnail } = await walk(playback)
    expect(files).toHaveLength(5)
    for (const url of [...files, playback.posterUrl, playback.spriteUrl, thumbnail]) {
      const response = await fetch(url)
      expect([response.status, (await response.text()).length > 0]).toEqual([200, true])
      const seconds = Number(new URL(url).searchParams.get('X-Amz-Expires'))
      expect(seconds).toBeGreaterThan(0)
      expect(seconds).toBeLessThanOrEqual(GRANT_MS / SECOND_MS)
    }
    expect(thumbnail).toMatch(/#xywh=0,0,160,90$/)
    const bytes = await Promise.all(files.map(async (url) => (await fetch(url)).text()))
    expect(bytes).toContain(`renditions/${lesson.mediaId}/1/v720/seg_2.ts`)
  })

  it('answers nothing any more once it has expired', async () => {
    const { playback } = await playing()
    const { playlists } = await walk(playback)
    hub.clock.advanceMs(GRANT_MS)
    for (const url of playlists) expect(await open(url)).toMatchObject(over('expired'))
    const file = playback.playlistUrl.replace('master.m3u8', 'file?path=v720/seg_1.ts')
    expect(await open(file)).toMatchObject(over('expired'))
    const late = await hub.post(playback.beaconUrl.replace(PUBLIC_URL, ''), {
      body: beatBody(1, [0, 1_000]),
    })
    expect(late).toMatchObject(over('expired'))
  })

  it('signs segments for no longer than the grant lasts, and S3 refuses them after', async () => {
    const lesson = await aLesson()
    const endsAt = new Date(hub.clock.now() + 2 * SECOND_MS).toISOString()
    const { learner } = await enrol(lesson, endsAt)
    const { body: playback } = await start(learner, lesson)
    expect(playback.expiresAt).toBe(endsAt)
    hub.clock.advanceMs(SECOND_MS)
    const { files } = await walk(playback)
    for (const url of files) expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('1')
    await eventually(async () => {
      for (const url of files) expect((await fetch(url)).status).toBe(403)
    })
  })

  it('opens nothing with a changed address', async () => {
    const { playback } = await playing()
    const { files } = await walk(playback)
    const [file = ''] = files
    expect(
      (await fetch(file.replace('seg_1', 'seg_2').replace('seg_2.ts?', 'seg_9.ts?'))).status,
    ).toBe(403)
    expect((await fetch(file.replace('v360', 'v720'))).status).toBe(403)
    expect((await fetch(file.split('?')[0] ?? '')).status).toBe(403)
  })

  it('follows a window that changes', async () => {
    const lesson = await aLesson()
    const { learner, change } = await enrol(lesson, '2026-02-01T00:00:00.000Z')
    expect(await start(learner, lesson)).toMatchObject(notFound)
    await change(null)
    expect((await start(learner, lesson)).status).toBe(201)
  })

  it('ends with a window that is shortened while it runs', async () => {
    const lesson = await aLesson()
    const { learner, change } = await enrol(lesson)
    const { body: playback } = await start(learner, lesson)
    await change(new Date(hub.clock.now() + MINUTE_MS).toISOString())
    expect((await open(playback.playlistUrl)).status).toBe(200)
    hub.clock.advanceMs(MINUTE_MS)
    expect(await open(playback.playlistUrl)).toMatchObject(over('expired'))
    expect(await beat(learner, playback, 1, [0, 1_000])).toMatchObject(over('expired'))
  })

  it('is for learners of the course: to all others there is no such video', async () => {
    const lesson = await aLesson()
    const other = await aLesson()
    const { learner } = await enrol(lesson)
    expect((await start(undefined, lesson)).status).toBe(401)
    expect((await start(learner, { ...lesson, mediaId: 'x' })).status).toBe(400)
    for (const as of [somebody('learner', { organizationId }), somebody('owner'), owner])
      expect(await start(as, lesson)).toMatchObject(notFound)
    for (const wrong of [
      { ...lesson, mediaId: other.mediaId },
      { ...lesson, lessonId: other.lessonId, mediaId: other.mediaId },
      { ...lesson, lessonId: newId('lesson') },
    ])
      expect(await start(learner, wrong)).toMatchObject(notFound)
  })

  it('asks for patience while the news of the finished video has not arrived', async () => {
    const lesson = { courseId: newId('course'), lessonId: newId('lesson'), mediaId: newId('media') }
    told.set(lesson.lessonId, lesson)
    const { learner } = await enrol(lesson)
    const answer = await start(learner, lesson)
    expect(answer).toMatchObject({ status: 409, body: { code: 'playback.not_ready' } })
    expect(answer.headers.get('retry-after')).toBe('5')
  })

  it('answers 503 while content is away', async () => {
    const lesson = await aLesson()
    const { learner } = await enrol(lesson)
    const { getLesson } = content
    Object.assign(content, {
      getLesson: async () => {
        throw new DomainError('unavailable', 'content.unavailable', '', { retryAfterSeconds: 1 })
      },
    })
    const answer = await start(learner, lesson)
    Object.assign(content, { getLesson })
    expect(answer).toMatchObject({ status: 503, body: { code: 'content.unavailable' } })
  })

  it('keeps the device limit, however many begin at once', async () => {
    const lesson = await aLesson()
    const { learner } = await enrol(lesson)
    const raced = await Promise.all(Array.from({ length: 12 }, () => start(learner, lesson)))
    expect(raced.map(({ status }) => status)).toEqual(Array(12).fill(201))
    const opened = await Promise.all(raced.map(({ body }) => open(body.playlistUrl)))
    const live = opened.filter(({ status }) => status === 200)
    expect(live).toHaveLength(PLAYBACKS_PER_ACCOUNT_MAX)
    for (const answer of opened)
      if (answer.status !== 200) expect(answer).toMatchObject(over('device_limit'))
  })

  it('ends the one least recently heard of', async () => {
    const lesson = await aLesson()
    const { learner } = await enrol(lesson)
    const first = (await start(learner, lesson)).body
    hub.clock.advanceMs(SECOND_MS)
    const second = (await start(learner, lesson)).body
    await start(learner, lesson)
    hub.clock.advanceMs(SECOND_MS)
    await beat(learner, first, 1, [0, 1_000])
    await start(learner, lesson)
    expect((await open(first.playlistUrl)).status).toBe(200)
    expect(await open(second.playlistUrl)).toMatchObject(over('device_limit'))
  })

  it('gives a newer rendition to newer grants, and leaves running ones theirs', async () => {
    const { lesson, learner, playback } = await playing()
    await aTree(`renditions/${lesson.mediaId}/2/`)
    await ready(lesson.mediaId, 2)
    await ready(lesson.mediaId, 1)
    const newer = (await start(learner, lesson)).body
    const versionsOf = async (grant: typeof playback) =>
      (await walk(grant)).files.map((url) => new URL(url).pathname.split('/').at(-3))
    expect(await versionsOf(playback)).not.toContain('2')
    expect((await walk(newer)).files.every((url) => url.includes(`${lesson.mediaId}/2/`))).toBe(
      true,
    )
  })
})

describe('captions that change', () => {
  it('reach newer grants of the same version, whatever older news comes late', async () => {
    const smallOnly = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=800000\nv360/index.m3u8\n'
    const { lesson, learner, playback } = await playing({ 'master-2.m3u8': smallOnly })
    const { mediaId } = lesson
    const changed = (sequence: number, masterPlaylist: string) =>
      announce('video.captions_changed', { mediaId, version: 1, sequence, masterPlaylist })
    await changed(12, 'master-2.m3u8')
    await changed(11, 'master-1.m3u8')
    await ready(mediaId, 1)
    const newer = (await start(learner, lesson)).body
    expect(linesOf(await open(newer.playlistUrl))).toHaveLength(1)
    expect(linesOf(await open(playback.playlistUrl))).toHaveLength(2)
  })
})

describe('a stream', () => {
  it('is opened by no other proof', async () => {
    const { playback } = await playing()
    const { playbackId, token } = playback
    const forged = await playbackTokens(randomBytes(32)).sign({
      playbackId,
      mediaId: playback.mediaId,
      rendition: { version: 1, prefix: 'other/' },
      expiresAt: hub.clock.now() + MINUTE_MS,
    } as Parameters<typeof tokens.sign>[0])
    const noAlgorithm = Buffer.from('{"alg":"none"}').toString('base64url')
    const unsigned = `${noAlgorithm}.${token.split('.')[1]}.`
    for (const wrong of [forged, unsigned, `${token}x`, 'x'])
      for (const what of ['master.m3u8', 'media.m3u8?path=a.m3u8', 'thumbnails.vtt', 'file?path=a'])
        expect(await hub.get(`/v1/playback/streams/${wrong}/${what}`)).toMatchObject({
          status: 401,
          body: { code: 'playback.token_invalid' },
        })
    const beacon = await hub.post(`/v1/playback/streams/${forged}/heartbeats`, {
      body: beatBody(1, [0, 1_000]),
    })
    expect(beacon).toMatchObject({ status: 401, body: { code: 'playback.token_invalid' } })
  })

  it('is kept by nobody on the way', async () => {
    const { playback } = await playing()
    const answer = await open(playback.playlistUrl)
    expect(answer.headers.get('content-type')).toBe('application/vnd.apple.mpegurl')
    expect(answer.headers.get('cache-control')).toBe('private, no-store')
  })

  it.each([
    '../2/master.m3u8',
    'v720/../../../secret.m3u8',
    '/master.m3u8',
    '//evil.example/a.m3u8',
    'https://evil.example/a.m3u8',
    '%2e%2e%2fmaster.m3u8',
    '..\\master.m3u8',
    'missing.m3u8',
  ])('leads nowhere for the path %s', async (path) => {
    const { playback } = await playing()
    const base = playback.playlistUrl.replace('master.m3u8', '')
    const given = `?path=${encodeURIComponent(path)}`
    const refused = { status: 404, body: { code: 'playback.file_not_found' } }
    expect(await open(`${base}media.m3u8${given}`)).toMatchObject(refused)
    if (path !== 'missing.m3u8') expect(await open(`${base}file${given}`)).toMatchObject(refused)
  })

  it.each(['../../other/1/v720/seg_1.ts', 'https://evil.example/a.ts', '/a.ts'])(
    'refuses a playlist that points at %s',
    async (uri) => {
      const { playback } = await playing({
        'v720/index.m3u8': `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n${uri}\n`,
      })
      const { playlistUrl } = playback
      const child = playlistUrl.replace('master.m3u8', 'media.m3u8?path=v720/index.m3u8')
      expect((await open(child)).status).toBe(404)
      expect(linesOf(await open(playlistUrl))).toHaveLength(2)
    },
  )

  it('redirects segment by segment where a playlist is too long to sign each', async () => {
    const names = Array.from({ length: SIGNED_REFERENCES_MAX + 1 }, (_, index) => `seg_${index}.ts`)
    const { playback } = await playing({
      'v720/index.m3u8': ['#EXTM3U', ...names.flatMap((name) => ['#EXTINF:1,', name])].join('\n'),
    })
    const child = playback.playlistUrl.replace('master.m3u8', 'media.m3u8?path=v720/index.m3u8')
    const lines = linesOf(await open(child))
    expect(lines).toHaveLength(names.length)
    const redirect = await open(new URL(lines[1] ?? '', child).href)
    expect(redirect.status).toBe(302)
    const segment = await fetch(redirect.headers.get('location') ?? '')
    expect(await segment.text()).toMatch(/v720\/seg_1\.ts$/)
  })

  it('ends with the enrolment', async () => {
    const { learner, leave, lesson, playback } = await playing()
    await leave()
    for (const url of [playback.playlistUrl, playback.thumbnailsUrl])
      expect(await open(url)).toMatchObject(over('access_ended'))
    expect(await beat(learner, playback, 1, [0, 1_000])).toMatchObject(over('access_ended'))
    expect(await start(learner, lesson)).toMatchObject(notFound)
  })

  it('does not outlive an enrolment that ends while it begins', async () => {
    const lesson = await aLesson()
    const raced = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const { learner, leave } = await enrol(lesson)
        const [answer] = await Promise.all([start(learner, lesson), leave()])
        return answer
      }),
    )
    for (const { status, body } of raced)
      if (status === 201) expect(await open(body.playlistUrl)).toMatchObject(over('access_ended'))
      else expect({ status, body }).toMatchObject(notFound)
  })

  it('leaves no token in a path that is logged', async () => {
    const { playback } = await playing()
    expect(withoutTokens(new URL(playback.playlistUrl).pathname)).toBe(
      '/v1/playback/streams/[token]/master.m3u8',
    )
  })

  it('ends with its video, which no late news brings back', async () => {
    const { learner, lesson, playback } = await playing()
    const { mediaId } = lesson
    await hub.deliver('media.deleted', { mediaId, organizationId }, { organizationId })
    await ready(mediaId, 7)
    const base = playback.playlistUrl.replace('master.m3u8', '')
    for (const what of ['master.m3u8', 'media.m3u8?path=a.m3u8', 'thumbnails.vtt', 'file?path=a'])
      expect(await open(`${base}${what}`)).toMatchObject(over('media_deleted'))
    expect((await start(learner, lesson)).body.code).toBe('playback.not_ready')
  })
})

describe('DELETE /v1/playback/{playbackId}', () => {
  it('ends a playback of one’s own, once or twice, and nobody else’s', async () => {
    const { learner, playback } = await playing()
    const path = `/v1/playback/${playback.playbackId}`
    for (const as of [somebody('learner', { organizationId }), somebody('owner')])
      expect(await hub.delete(path, { as })).toMatchObject(notFound)
    expect((await hub.delete(path, { as: learner })).status).toBe(204)
    expect((await hub.delete(path, { as: learner })).status).toBe(204)
    expect(await open(playback.playlistUrl)).toMatchObject(over('closed'))
  })
})

describe('heartbeats', () => {
  const progressOf = async (learner: Principal) =>
    (await hub.outbox('playback.progressed')).filter(({ subject }) => subject === learner.accountId)

  it('add up on the server, and the next playback goes on where this one was left', async () => {
    const { learner, lesson, playback } = await playing()
    hub.clock.advanceMs(10 * SECOND_MS)
    const first = await beat(learner, playback, 1, [0, 10_000])
    expect(first.body).toMatchObject({ positionMs: 10_000, coverageBasisPoints: 1_666 })
    hub.clock.advanceMs(10 * SECOND_MS)
    const again = await beat(learner, playback, 2, [5_000, 15_000])
    expect(again.body.coverageBasisPoints).toBe(2_500)
    const next = (await start(learner, lesson)).body
    expect(next).toMatchObject({ resumePositionMs: 15_000, coverageBasisPoints: 2_500 })
    expect((await progressOf(learner)).map(({ data }) => data)).toEqual([
      expect.objectContaining({ ...lesson, coverageBasisPoints: 1_666, positionMs: 10_000 }),
      expect.objectContaining({ coverageBasisPoints: 2_500, positionMs: 15_000 }),
    ])
    expect((await progressOf(learner))[0]?.organizationid).toBe(organizationId)
  })

  it('count once each, however often and in whatever order they arrive', async () => {
    const { learner, playback } = await playing()
    hub.clock.advanceMs(30 * SECOND_MS)
    const raced = await Promise.all(
      Array.from({ length: 10 }, () => beat(learner, playback, 2, [10_000, 20_000])),
    )
    expect(raced.map(({ status }) => status)).toEqual(Array(10).fill(200))
    const late = await beat(learner, playback, 1, [0, 10_000])
    expect(late.body).toMatchObject({ coverageBasisPoints: 3_333, positionMs: 20_000 })
    expect(await progressOf(learner)).toHaveLength(2)
    const [row] = await database.query<{ credit_ms: string }>(
      'select credit_ms from video_streaming.watched where account_id = $1',
      [learner.accountId],
    )
    expect(Number(row?.credit_ms)).toBe(30_000 + SLACK_MS - 20_000)
  })

  it('are refused above wall clock x speed + slack, and then change nothing', async () => {
    const { learner, playback } = await playing()
    hub.clock.advanceMs(10 * SECOND_MS)
    expect(await beat(learner, playback, 1, [0, 20_000])).toMatchObject({
      status: 422,
      body: { code: 'playback.too_fast', playedMs: 20_000, possibleMs: 10_000 + SLACK_MS },
    })
    expect(await progressOf(learner)).toEqual([])
    const twice = await beat(learner, playback, 1, [0, 20_000], { playbackRate: 2 })
    expect(twice.status).toBe(200)
    expect((await beat(learner, playback, 2, [0, 1], { playbackRate: 3 })).status).toBe(400)
  })

  it('share one wall clock between all devices and grants of a learner', async () => {
    const { learner, lesson, playback } = await playing()
    const other = (await start(learner, lesson)).body
    hub.clock.advanceMs(20 * SECOND_MS)
    const raced = await Promise.all([
      beat(learner, playback, 1, [0, 20_000]),
      beat(learner, other, 1, [20_000, 40_000]),
    ])
    expect(raced.map(({ status }) => status).sort()).toEqual([200, 422])
    for (let count = 0; count < 5; count += 1) {
      const anew = (await start(learner, lesson)).body
      await beat(learner, anew, 1, [40_000, 40_000 + SLACK_MS])
    }
    const { coverageBasisPoints } = (await start(learner, lesson)).body
    expect(coverageBasisPoints).toBeLessThanOrEqual(((20_000 + SLACK_MS) * 10_000) / DURATION_MS)
  })

  it('complete a video whose player stops a little before the end', async () => {
    const { learner, playback } = await playing()
    for (let sequence = 1; sequence <= 6; sequence += 1) {
      hub.clock.advanceMs(10 * SECOND_MS)
      const endMs = sequence === 6 ? 59_000 : sequence * 10_000
      await beat(learner, playback, sequence, [(sequence - 1) * 10_000, endMs])
    }
    const told = await progressOf(learner)
    expect(told.at(-1)?.data).toMatchObject({ coverageBasisPoints: 10_000, positionMs: 59_000 })
  })

  it('of a closing tab are proven by the grant alone, and always told', async () => {
    const { learner, playback } = await playing()
    const path = playback.beaconUrl.replace(PUBLIC_URL, '')
    hub.clock.advanceMs(SECOND_MS)
    const answer = await hub.post(path, { body: beatBody(1, [0, 500], { isLast: true }) })
    expect(answer).toMatchObject({ status: 200, body: { positionMs: 500 } })
    expect((await progressOf(learner)).map(({ data }) => data)).toMatchObject([
      { coverageBasisPoints: 83, positionMs: 500, organizationId },
    ])
    const tooFast = await hub.post(path, { body: beatBody(2, [0, 50_000]) })
    expect(tooFast).toMatchObject({ status: 422, body: { code: 'playback.too_fast' } })
  })

  it('stay inside the video', async () => {
    const { learner, playback } = await playing()
    const refused = { status: 422, body: { code: 'playback.interval_invalid' } }
    expect(await beat(learner, playback, 1, [70_000, 71_000])).toMatchObject(refused)
    const beacon = await hub.post(playback.beaconUrl.replace(PUBLIC_URL, ''), {
      body: beatBody(1, [70_000, 71_000]),
    })
    expect(beacon).toMatchObject(refused)
    for (const [startMs, endMs] of [
      [5, 5],
      [9, 5],
      [-1, 5],
    ] as const)
      expect((await beat(learner, playback, 1, [startMs, endMs])).status).toBe(400)
  })

  it('of others count nothing', async () => {
    const { playback } = await playing()
    for (const as of [somebody('learner', { organizationId }), somebody('owner')])
      expect(await beat(as, playback, 1, [0, 1_000])).toMatchObject(notFound)
    expect(
      (await hub.post(`/v1/playback/${playback.playbackId}/heartbeats`, { body: {} })).status,
    ).toBe(401)
  })
})

describe('POST /v1/playback/previews', () => {
  const preview = (as: Principal | undefined, body: object) =>
    hub.post('/v1/playback/previews', { ...(as && { as }), body })

  it('lets the owner, an admin and builders of the lesson watch, and counts nothing', async () => {
    const { mediaId, lessonId } = await aLesson()
    const builder = somebody('instructor', { organizationId })
    for (const [as, body] of [
      [owner, { mediaId }],
      [somebody('admin', { organizationId }), { mediaId }],
      [builder, { mediaId, lessonId }],
    ] as const) {
      const { status, body: playback } = await preview(as, body)
      expect(status).toBe(201)
      expect((await walk(playback)).files).toHaveLength(5)
      const answer = await beat(as, playback, 1, [0, 50_000])
      expect(answer.body).toMatchObject({ positionMs: 0, coverageBasisPoints: 0 })
    }
  })

  it('hides the video from everybody else', async () => {
    const { mediaId } = await aLesson()
    const other = await aLesson()
    const colleague = somebody('instructor', { organizationId })
    expect((await preview(undefined, { mediaId })).status).toBe(401)
    expect((await preview(colleague, {})).status).toBe(400)
    for (const [as, body] of [
      [colleague, { mediaId }],
      [colleague, { mediaId, lessonId: newId('lesson') }],
      [colleague, { mediaId, lessonId: other.lessonId }],
      [somebody('learner', { organizationId }), { mediaId }],
      [somebody('owner'), { mediaId }],
      [owner, { mediaId: newId('media') }],
    ] as const)
      expect(await preview(as, body)).toMatchObject(notFound)
  })
})

describe('events', () => {
  it('have their effect once', async () => {
    const mediaId = newId('media')
    const id = newId('event')
    const send = () =>
      hub.deliver('media.deleted', { mediaId, organizationId }, { id, organizationId })
    expect([await send(), await send()]).toEqual(['done', 'repeated'])
  })
})

describe('the second wall', () => {
  it('shows the service role nothing without an organisation', async () => {
    await playing()
    for (const table of ['videos', 'viewers', 'grants', 'watched', 'learner_access']) {
      const { pool } = database.as('video-streaming')
      expect((await pool.query(`select * from video_streaming.${table}`)).rowCount).toBe(0)
    }
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
