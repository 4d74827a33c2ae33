import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import {
  CancelJobCommand,
  CreateJobCommand,
  type CreateJobCommandInput,
  GetJobCommand,
  ListJobsCommand,
  MediaConvertClient,
  type Output,
  type VideoDescription,
} from '@aws-sdk/client-mediaconvert'
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { eventually } from '../../tests/support/eventually.ts'
import { type RunningS3, startS3 } from '../s3/server.ts'
import { captureGroup, hlsGroup, request, rung } from './fixtures/requests.ts'
import type { MediaConvertEvent } from './job.ts'
import { startMediaConvert } from './server.ts'
import { ffmpegPath, ffprobePath } from './tool-paths.ts'

// The official clients speak to our S3 and our MediaConvert; ffprobe judges what comes out.

const SAMPLE = join(import.meta.dirname, '../sample/bigbuckbunny.mp4')
const JOB_MS = 60_000
const credentials = { accessKeyId: 'local', secretAccessKey: 'local-secret' }
const region = 'us-east-1'
const execute = promisify(execFile)
const toolOptions = { env: { GCONV_PATH: '/nonexistent' }, maxBuffer: 64 * 1_024 * 1_024 }

let folder: string
let s3: RunningS3
let objects: S3Client
const closers: (() => Promise<unknown> | unknown)[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mediaconvert-'))
  s3 = await startS3({
    dataDir: join(folder, 's3'),
    port: 0,
    ...credentials,
    region,
    allowedOrigins: [],
  })
  objects = new S3Client({ endpoint: s3.url, region, credentials, forcePathStyle: true })
  await objects.send(new CreateBucketCommand({ Bucket: 'media' }))
})
afterAll(async () => {
  objects.destroy()
  await s3.close()
  await rm(folder, { recursive: true, force: true })
})

let run = 0
let prefix: string
beforeEach(() => {
  prefix = `run-${++run}`
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function serve(events: MediaConvertEvent[] = []): Promise<MediaConvertClient> {
  const server = await startMediaConvert({
    dataDir: join(folder, prefix),
    port: 0,
    s3: { endpoint: s3.url, region, credentials },
    onEvent: (event) => void events.push(event),
  })
  closers.push(server.close)
  return clientOf(server.url)
}

const clientOf = (endpoint: string) =>
  new MediaConvertClient({ endpoint, region, credentials, maxAttempts: 1 })

async function upload(name: string, body: Buffer | string): Promise<string> {
  await objects.send(
    new PutObjectCommand({ Bucket: 'media', Key: `${prefix}/in/${name}`, Body: body }),
  )
  return `s3://media/${prefix}/in/${name}`
}

async function keys(): Promise<string[]> {
  const list = await objects.send(
    new ListObjectsV2Command({ Bucket: 'media', Prefix: `${prefix}/out/` }),
  )
  return (list.Contents ?? []).map(({ Key }) => String(Key).slice(`${prefix}/out/`.length)).sort()
}

async function bytes(key: string): Promise<Buffer> {
  const object = await objects.send(
    new GetObjectCommand({ Bucket: 'media', Key: `${prefix}/out/${key}` }),
  )
  return Buffer.from((await object.Body?.transformToByteArray()) ?? [])
}
const text = async (key: string) => (await bytes(key)).toString()

async function finished(client: MediaConvertClient, id: string) {
  return eventually(
    async () => {
      const { Job } = await client.send(new GetJobCommand({ Id: id }))
      if (Job?.Status === 'SUBMITTED' || Job?.Status === 'PROGRESSING') throw new Error('not yet')
      return Job
    },
    { timeoutMs: JOB_MS },
  )
}

const create = async (client: MediaConvertClient, input: CreateJobCommandInput) =>
  String((await client.send(new CreateJobCommand(input))).Job?.Id)

const play = async (client: MediaConvertClient, input: CreateJobCommandInput) =>
  finished(client, await create(client, input))

/** An input made by ffmpeg from the given arguments, read back. */
async function made(name: string, args: string[]): Promise<Buffer> {
  const path = join(folder, name)
  await execute(ffmpegPath(), ['-v', 'error', '-y', ...args, path], toolOptions)
  return readFile(path)
}

const picture = (size: string, seconds: number, rate = '25') => [
  ...['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}:duration=${seconds}`],
]
const sound = (seconds: number) => ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`]

/** The rungs of a master playlist, in order. */
const rungsOf = (master: string) =>
  [...master.matchAll(/#EXT-X-STREAM-INF:(.*)\n(.+)/g)].map(([, attributes = '', uri = '']) => ({
    resolution: /RESOLUTION=(\d+x\d+)/.exec(attributes)?.[1],
    codecs: /CODECS="([^"]+)"/.exec(attributes)?.[1],
    bandwidth: Number(/BANDWIDTH=(\d+)/.exec(attributes)?.[1]),
    rate: /FRAME-RATE=([\d.]+)/.exec(attributes)?.[1],
    uri,
  }))

const segmentsOf = (playlist: string) =>
  [...playlist.matchAll(/#EXTINF:([\d.]+),\n(.+)/g)].map(([, seconds, uri = '']) => ({
    seconds: Number(seconds),
    uri,
  }))

type Probed = {
  streams: Record<string, unknown>[]
  frames: { pict_type: string; key_frame: number }[]
}

/** What ffprobe says of the picture of one object, with the kinds of its frames. */
async function probed(key: string): Promise<Probed> {
  const path = join(folder, prefix, 'probed', key)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, await bytes(key))
  const args = [
    '-v',
    'error',
    '-select_streams',
    'v',
    '-show_streams',
    '-show_frames',
    '-of',
    'json',
    path,
  ]
  return JSON.parse((await execute(ffprobePath(), args, toolOptions)).stdout)
}

const ladder = (destination: string) =>
  hlsGroup(destination, [
    rung({ modifier: '_720', height: 720, maxBitrate: 3_000_000 }),
    rung({ modifier: '_360', height: 360, maxBitrate: 800_000 }),
  ])
const small = (destination: string) =>
  hlsGroup(destination, [rung({ modifier: '_180', height: 180, maxBitrate: 400_000 })])

const withRung = (more: Partial<Output>) =>
  hlsGroup('s3://media/out/a', [
    { ...rung({ modifier: '_180', height: 180, maxBitrate: 400_000 }), ...more },
  ])
const WITHOUT_RATE: VideoDescription = {
  CodecSettings: { Codec: 'H_264', H264Settings: { RateControlMode: 'QVBR' } },
}

describe('CreateJob', () => {
  it(
    'makes a ladder, thumbnails and captions that play',
    async () => {
      const events: MediaConvertEvent[] = []
      const client = await serve(events)
      const fileInput = await upload('clip.mp4', await readFile(SAMPLE))
      const sourceFile = await upload('clip.vtt', 'WEBVTT\n\n00:00.500 --> 00:02.000\nHello\n')
      const input = request(fileInput, [
        ladder(`s3://media/${prefix}/out/hls/clip`),
        captureGroup(`s3://media/${prefix}/out/images/clip`, [
          { modifier: '_poster', everySeconds: 10, maxCaptures: 1, width: 1_280 },
          { modifier: '_thumb', everySeconds: 2, maxCaptures: 100, width: 160 },
        ]),
      ])
      const [source] = input.Settings?.Inputs ?? []
      if (source !== undefined) {
        source.CaptionSelectors = {
          Captions: {
            SourceSettings: {
              SourceType: 'WEBVTT',
              FileSourceSettings: { SourceFile: sourceFile },
            },
          },
        }
      }
      input.Settings?.OutputGroups?.[0]?.Outputs?.push({
        NameModifier: '_en',
        CaptionDescriptions: [
          {
            CaptionSelectorName: 'Captions',
            LanguageCode: 'ENG',
            LanguageDescription: 'English',
            DestinationSettings: { DestinationType: 'WEBVTT' },
          },
        ],
      })
      const job = await play(client, input)
      expect(job).toMatchObject({
        Status: 'COMPLETE',
        JobPercentComplete: 100,
        UserMetadata: { assetId: 'ast_1' },
      })

      const rungs = rungsOf(await text('hls/clip.m3u8'))
      expect(rungs).toMatchObject([
        {
          resolution: '1280x720',
          uri: 'clip_720.m3u8',
          rate: '25.000',
          codecs: 'avc1.64001f,mp4a.40.2',
        },
        {
          resolution: '640x360',
          uri: 'clip_360.m3u8',
          rate: '25.000',
          codecs: 'avc1.64001e,mp4a.40.2',
        },
      ])
      const playlists = await Promise.all(rungs.map(({ uri }) => text(`hls/${uri}`)))
      const [first = [], second = []] = playlists.map(segmentsOf)
      expect(first.map(({ seconds }) => seconds)).toEqual([2, 2, 1.28])
      expect(second.map(({ seconds }) => seconds)).toEqual([2, 2, 1.28])
      let frames = 0
      for (const { uri } of first) {
        const segment = await probed(`hls/${uri}`)
        expect(segment.streams[0]).toMatchObject({
          codec_name: 'h264',
          width: 1_280,
          height: 720,
          pix_fmt: 'yuv420p',
        })
        expect(segment.frames[0]).toMatchObject({ pict_type: 'I', key_frame: 1 })
        frames += segment.frames.length
      }
      expect(frames).toBe(132)

      expect(await keys()).toEqual(
        [
          'hls/clip.m3u8',
          'hls/clip_en.m3u8',
          'hls/clip_en_00001.vtt',
          ...['360', '720'].flatMap((name) => [
            `hls/clip_${name}.m3u8`,
            ...[1, 2, 3].map((number) => `hls/clip_${name}_0000${number}.ts`),
          ]),
          'images/clip_poster.0000000.jpg',
          ...[0, 1, 2].map((number) => `images/clip_thumb.000000${number}.jpg`),
        ].sort(),
      )
      expect((await probed('images/clip_thumb.0000002.jpg')).streams[0]).toMatchObject({
        codec_name: 'mjpeg',
        width: 160,
        height: 90,
      })
      expect(await text('hls/clip_en_00001.vtt')).toMatch(
        /^WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:\d+,LOCAL:00:00:00.000\n\n00:00.500 --> 00:02.000\nHello/,
      )

      const told = events.map(({ detail }) => detail.status)
      expect(told[0]).toBe('PROGRESSING')
      expect(told).toContain('STATUS_UPDATE')
      const last = await eventually(() => {
        const event = events.at(-1)
        expect(event?.detail.status).toBe('COMPLETE')
        return event
      })
      expect(last).toMatchObject({
        source: 'aws.mediaconvert',
        'detail-type': 'MediaConvert Job State Change',
        detail: {
          jobId: job?.Id,
          userMetadata: { assetId: 'ast_1' },
          outputGroupDetails: [
            {
              type: 'HLS_GROUP',
              playlistFilePaths: [`s3://media/${prefix}/out/hls/clip.m3u8`],
              outputDetails: [
                {
                  outputFilePaths: [`s3://media/${prefix}/out/hls/clip_720.m3u8`],
                  durationInMs: 5_280,
                  videoDetails: { widthInPx: 1_280, heightInPx: 720 },
                },
                {},
                {},
              ],
            },
            { type: 'FILE_GROUP' },
          ],
        },
      })
    },
    JOB_MS,
  )

  it.each<[string, string, () => Promise<Buffer>, string]>([
    [
      'an odd size',
      'odd.mp4',
      () => made('odd.mp4', [...picture('321x241', 1), '-pix_fmt', 'yuv444p']),
      '240x180',
    ],
    ['a portrait', 'tall.mp4', () => made('tall.mp4', picture('360x640', 1)), '102x180'],
    [
      'VP8 in WebM',
      'vp8.webm',
      () => made('vp8.webm', [...picture('320x180', 1), '-c:v', 'libvpx']),
      '320x180',
    ],
    ['five frames', 'five.mp4', () => made('five.mp4', picture('320x180', 0.2)), '320x180'],
    [
      '10 bit HEVC',
      'hevc.mp4',
      () =>
        made('hevc.mp4', [
          ...picture('320x180', 1),
          '-c:v',
          'libx265',
          '-x265-params',
          'log-level=error',
          '-pix_fmt',
          'yuv420p10le',
        ]),
      '320x180',
    ],
    [
      '4K',
      '4k.mp4',
      () => made('4k.mp4', [...picture('3840x2160', 0.4), '-preset', 'ultrafast']),
      '320x180',
    ],
    [
      'MPEG-TS',
      'plain.ts',
      () => made('plain.ts', [...picture('320x180', 1), ...sound(1)]),
      '320x180',
    ],
    [
      'a rotation in the metadata',
      'turned.mp4',
      async () => {
        await made('lying.mp4', picture('640x360', 1))
        return made('turned.mp4', [
          '-i',
          join(folder, 'lying.mp4'),
          '-c',
          'copy',
          '-metadata:s:v',
          'rotate=90',
        ])
      },
      '102x180',
    ],
    [
      'a variable frame rate',
      'vfr.mp4',
      () =>
        made('vfr.mp4', [
          ...picture('320x180', 4, '30'),
          '-vf',
          "select='lt(t\\,1)+not(mod(n\\,4))'",
          '-vsync',
          'vfr',
        ]),
      '320x180',
    ],
  ])(
    'plays %s',
    async (_, name, make, resolution) => {
      const client = await serve()
      const fileInput = await upload(name, await make())
      const job = await play(client, request(fileInput, [small(`s3://media/${prefix}/out/a`)]))
      expect(job?.ErrorMessage).toBeUndefined()
      const [only] = rungsOf(await text('a.m3u8'))
      expect(only?.resolution).toBe(resolution)
      const segments = segmentsOf(await text(String(only?.uri)))
      const { streams, frames } = await probed(String(segments[0]?.uri))
      expect(`${streams[0]?.width}x${streams[0]?.height}`).toBe(resolution)
      expect(streams[0]).toMatchObject({ codec_name: 'h264', pix_fmt: 'yuv420p' })
      expect(frames[0]?.key_frame).toBe(1)
    },
    JOB_MS,
  )

  it(
    'cuts all rungs of a variable frame rate at the same instants',
    async () => {
      const client = await serve()
      const select = "select='lt(t\\,2)+not(mod(n\\,7))'"
      const fileInput = await upload(
        'v.mp4',
        await made('v.mp4', [...picture('640x360', 7, '30'), '-vf', select, '-vsync', 'vfr']),
      )
      const group = hlsGroup(`s3://media/${prefix}/out/v`, [
        rung({ modifier: '_a', height: 360, maxBitrate: 900_000 }),
        rung({ modifier: '_b', height: 180, maxBitrate: 200_000 }),
      ])
      expect((await play(client, request(fileInput, [group])))?.Status).toBe('COMPLETE')
      const a = segmentsOf(await text('v_a.m3u8')).map(({ seconds }) => seconds)
      const b = segmentsOf(await text('v_b.m3u8')).map(({ seconds }) => seconds)
      expect(a.length).toBeGreaterThan(2)
      expect(a).toEqual(b)
    },
    JOB_MS,
  )

  it(
    'leaves sound out of the codecs when the input has none',
    async () => {
      const client = await serve()
      const fileInput = await upload('mute.mp4', await made('mute.mp4', picture('320x180', 1)))
      await play(client, request(fileInput, [small(`s3://media/${prefix}/out/a`)]))
      expect(rungsOf(await text('a.m3u8'))[0]?.codecs).toMatch(/^avc1\.[0-9a-f]{6}$/)
    },
    JOB_MS,
  )

  it(
    'puts segments into folders of their own when asked, under the playlist',
    async () => {
      const client = await serve()
      const fileInput = await upload('d.mp4', await made('d.mp4', picture('320x180', 1)))
      const group = small(`s3://media/${prefix}/out/`)
      const settings = group.OutputGroupSettings?.HlsGroupSettings
      if (settings !== undefined) settings.DirectoryStructure = 'SUBDIRECTORY_PER_STREAM'
      await play(client, request(fileInput, [group]))
      expect(await keys()).toEqual(['d.m3u8', 'd_180.m3u8', 'd_180/d_180_00001.ts'])
      expect(await text('d_180.m3u8')).toContain('\nd_180/d_180_00001.ts\n')
    },
    JOB_MS,
  )
})

describe('an input that is no video', () => {
  it.each<[string, string, () => Promise<Buffer | string>, RegExp]>([
    ['only sound', 'a.m4a', () => made('a.m4a', sound(1)), /sound but no video/],
    ['nothing', 'empty.mp4', async () => Buffer.alloc(0), /empty/],
    ['text', 'text.mp4', async () => 'not a video', /not a video file/],
    [
      'a still picture',
      'p.png',
      () => made('p.png', [...picture('320x180', 0.04)]),
      /not a video file/,
    ],
    [
      'the first half of a video',
      'half.mp4',
      async () => {
        const whole = await made('whole.mp4', [...picture('640x360', 8), '-movflags', '+faststart'])
        return whole.subarray(0, whole.length / 2)
      },
      /cut off|cannot be decoded/,
    ],
    [
      'half of a video whose index is at its end',
      'lost.mp4',
      async () => (await readFile(SAMPLE)).subarray(0, 500_000),
      /not a video|cut off|cannot be decoded/,
    ],
  ])(
    'ends in ERROR and says why: %s',
    async (_, name, make, words) => {
      const events: MediaConvertEvent[] = []
      const client = await serve(events)
      const job = await play(
        client,
        request(await upload(name, await make()), [small(`s3://media/${prefix}/out/a`)]),
      )
      expect(job).toMatchObject({ Status: 'ERROR', ErrorCode: 1010 })
      expect(job?.ErrorMessage).toMatch(words)
      expect(await keys()).toEqual([])
      await eventually(() =>
        expect(events.at(-1)?.detail).toMatchObject({
          status: 'ERROR',
          errorCode: 1010,
          errorMessage: job?.ErrorMessage,
        }),
      )
    },
    JOB_MS,
  )

  it.each<[string, string, (target: string) => string]>([
    [
      'an HLS playlist',
      'x.mp4',
      (target) =>
        `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://${target}\n#EXT-X-ENDLIST\n`,
    ],
    [
      'an HLS playlist by its own name',
      'x.m3u8',
      (target) => `#EXTM3U\n#EXTINF:9,\n${target}\n#EXT-X-ENDLIST\n`,
    ],
    ['a concat script', 'x.mp4', (target) => `ffconcat version 1.0\nfile '${target}'\n`],
    [
      'an SVG',
      'x.svg',
      (target) =>
        `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file://${target}"/></svg>`,
    ],
    [
      'a DASH manifest',
      'x.mpd',
      (target) =>
        `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>file://${target}</BaseURL></Period></MPD>`,
    ],
  ])(
    'is never followed: %s',
    async (_, name, bait) => {
      const client = await serve()
      const fileInput = await upload(name, bait(SAMPLE))
      const job = await play(client, request(fileInput, [small(`s3://media/${prefix}/out/a`)]))
      expect(job).toMatchObject({
        Status: 'ERROR',
        ErrorCode: 1010,
        ErrorMessage: 'The input is not a video file that can be read.',
      })
      expect(await keys()).toEqual([])
    },
    JOB_MS,
  )

  it('is not blamed for a tool that cannot be run', async () => {
    const server = await startMediaConvert({
      dataDir: join(folder, prefix),
      port: 0,
      s3: { endpoint: s3.url, region, credentials },
      ffprobePath: join(folder, 'no-such-program'),
      onEvent: () => {},
    })
    closers.push(server.close)
    const fileInput = await upload('clip.mp4', await readFile(SAMPLE))
    const input = request(fileInput, [small(`s3://media/${prefix}/out/a`)])
    expect((await play(clientOf(server.url), input))?.ErrorCode).toBe(1999)
  })

  it('is missing: 1404', async () => {
    const client = await serve()
    const job = await play(
      client,
      request(`s3://media/${prefix}/none.mp4`, [small(`s3://media/${prefix}/out/a`)]),
    )
    expect(job).toMatchObject({ Status: 'ERROR', ErrorCode: 1404 })
  })
})

describe('the API', () => {
  it('names the setting that it cannot play', async () => {
    const client = await serve()
    const input = request('s3://media/a.mp4', [small('s3://media/out/a')])
    const [output] = input.Settings?.OutputGroups?.[0]?.Outputs ?? []
    if (output?.VideoDescription !== undefined) output.VideoDescription.VideoPreprocessors = {}
    const refused = client.send(new CreateJobCommand(input))
    await expect(refused).rejects.toMatchObject({
      name: 'BadRequestException',
      message: expect.stringContaining(
        'settings.outputGroups[0].outputs[0].videoDescription.videoPreprocessors is not supported',
      ),
    })
  })

  it.each<[string, CreateJobCommandInput]>([
    ['nameModifier', request('s3://media/a.mp4', [withRung({ NameModifier: '../x' })])],
    ['fileInput', request('http://example.com/a.mp4', [small('s3://media/out/a')])],
    ['maxBitrate', request('s3://media/a.mp4', [withRung({ VideoDescription: WITHOUT_RATE })])],
    [
      'hopDestinations',
      request('s3://media/a.mp4', [small('s3://media/out/a')], { HopDestinations: [] }),
    ],
  ])('refuses a wrong %s', async (name, input) => {
    const client = await serve()
    await expect(client.send(new CreateJobCommand(input))).rejects.toMatchObject({
      name: 'BadRequestException',
      message: expect.stringContaining(name),
    })
  })

  it('makes one job of one token, however often it is asked, and lists jobs in pages', async () => {
    const client = await serve()
    const input = request('s3://media/none.mp4', [small('s3://media/out/a')], {
      ClientRequestToken: 'once',
    })
    const ids = await Promise.all(Array.from({ length: 10 }, () => create(client, input)))
    expect(new Set(ids).size).toBe(1)
    const other = { ...input, UserMetadata: { assetId: 'other' } }
    await expect(create(client, other)).rejects.toMatchObject({ name: 'ConflictException' })
    const second = await create(client, { ...other, ClientRequestToken: 'twice' })
    await Promise.all([finished(client, String(ids[0])), finished(client, second)])
    const page = await client.send(new ListJobsCommand({ MaxResults: 1, Order: 'ASCENDING' }))
    const next = await client.send(
      new ListJobsCommand({
        MaxResults: 1,
        Order: 'ASCENDING',
        NextToken: page.NextToken,
        Status: 'ERROR',
      }),
    )
    expect([page, next].map(({ Jobs }) => Jobs?.[0]?.Id)).toEqual([ids[0], second])
    expect(next.NextToken).toBeUndefined()
    await expect(client.send(new GetJobCommand({ Id: 'none' }))).rejects.toMatchObject({
      name: 'NotFoundException',
    })
    await expect(client.send(new CancelJobCommand({ Id: second }))).rejects.toMatchObject({
      name: 'ConflictException',
    })
  })
})

/** A job that takes a good while: a small input blown up to 4K. */
async function longJob(): Promise<CreateJobCommandInput> {
  const fileInput = await upload(
    'long.mp4',
    await made('long.mp4', [...picture('640x360', 60), '-preset', 'ultrafast']),
  )
  const big = rung({ modifier: '_big', height: 2_160, maxBitrate: 9_000_000 })
  return request(fileInput, [hlsGroup(`s3://media/${prefix}/out/long`, [big])], {
    ClientRequestToken: 'long',
  })
}

/** Command lines of running encoders of `longJob`: other suites encode at the same time. */
async function encoders(): Promise<string[]> {
  const { stdout } = await execute('ps', ['-eo', 'pid=,args='])
  return stdout
    .split('\n')
    .filter((line) => line.includes(ffmpegPath()) && line.includes('scale=3840:2160'))
}

const encoding = (client: MediaConvertClient, id: string) =>
  eventually(
    async () => {
      const { Job } = await client.send(new GetJobCommand({ Id: id }))
      expect(Job?.JobPercentComplete).toBeGreaterThan(1)
      expect((await encoders()).length).toBeGreaterThan(0)
    },
    { timeoutMs: JOB_MS },
  )

describe('CancelJob', () => {
  it(
    'ends the encoder, leaves no object and says so',
    async () => {
      const events: MediaConvertEvent[] = []
      const client = await serve(events)
      const id = await create(client, await longJob())
      await encoding(client, id)
      await client.send(new CancelJobCommand({ Id: id }))
      expect((await client.send(new GetJobCommand({ Id: id }))).Job?.Status).toBe('CANCELED')
      expect(await encoders()).toEqual([])
      expect(await keys()).toEqual([])
      await eventually(() => expect(events.at(-1)?.detail.status).toBe('CANCELED'))
    },
    JOB_MS,
  )
})

describe('after kill -9', () => {
  async function host(): Promise<{ client: MediaConvertClient; child: ChildProcess }> {
    const path = join(folder, `${prefix}.json`)
    const settings = {
      dataDir: join(folder, prefix),
      s3: { endpoint: s3.url, region, credentials },
      eventsPath: join(folder, `${prefix}.events`),
    }
    await writeFile(path, JSON.stringify(settings))
    const script = join(import.meta.dirname, 'fixtures/host.ts')
    const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    closers.push(() => killed(child))
    const url = await new Promise<string>((resolve) =>
      child.stdout?.once('data', (chunk: Buffer) => resolve(String(chunk).trim())),
    )
    return { client: clientOf(url), child }
  }

  const killed = (child: ChildProcess) =>
    new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) return resolve()
      child.once('exit', () => resolve())
      child.kill('SIGKILL')
    })

  it(
    'no encoder lives on, and the next start begins the job anew under its id and token',
    async () => {
      const first = await host()
      const input = await longJob()
      const id = await create(first.client, input)
      await encoding(first.client, id)
      await killed(first.child)
      await eventually(async () => expect(await encoders()).toEqual([]))
      const second = await host()
      expect(await create(second.client, input)).toBe(id)
      await encoding(second.client, id)
      await second.client.send(new CancelJobCommand({ Id: id }))
      expect(await keys()).toEqual([])
      const fileInput = await upload('short.mp4', await made('short.mp4', picture('320x180', 1)))
      const short = await play(
        second.client,
        request(fileInput, [small(`s3://media/${prefix}/out/s`)]),
      )
      expect(short?.Status).toBe('COMPLETE')
    },
    JOB_MS,
  )
})

describe('at the start', () => {
  it('removes what an upload that was cut off left, and sets a damaged job aside', async () => {
    const fileInput = `s3://media/${prefix}/gone.mp4`
    const server = await startMediaConvert({
      dataDir: join(folder, prefix),
      port: 0,
      s3: { endpoint: s3.url, region, credentials },
      onEvent: () => {},
    })
    const input = request(fileInput, [small(`s3://media/${prefix}/out/a`)])
    const id = await create(clientOf(server.url), input)
    await finished(clientOf(server.url), id)
    await server.close()
    // As kill -9 in the middle of the upload leaves it: some objects, and a job that says which.
    const Key = `${prefix}/out/a_180_00001.ts`
    await objects.send(new PutObjectCommand({ Bucket: 'media', Key, Body: 'half' }))
    const path = join(folder, prefix, 'jobs', `${id}.json`)
    const job = JSON.parse(await readFile(path, 'utf8'))
    const writing = [{ bucket: 'media', key: Key }]
    await writeFile(path, JSON.stringify({ ...job, status: 'PROGRESSING', writing }))
    await writeFile(join(folder, prefix, 'jobs', 'other.json'), '{"id":"oth')
    const client = await serve()
    expect(await finished(client, id)).toMatchObject({ Status: 'ERROR', ErrorCode: 1404 })
    expect(await keys()).toEqual([])
    expect((await client.send(new ListJobsCommand({}))).Jobs).toHaveLength(1)
  })
})

describe('delivery of the last event', () => {
  it('is repeated at the next start until somebody takes it', async () => {
    const options = {
      dataDir: join(folder, prefix),
      port: 0,
      s3: { endpoint: s3.url, region, credentials },
    }
    const deaf = await startMediaConvert({
      ...options,
      onEvent: () => Promise.reject(new Error('nobody there')),
    })
    const client = clientOf(deaf.url)
    const id = await create(client, request('s3://media/none.mp4', [small('s3://media/out/a')]))
    await finished(client, id)
    await deaf.close()
    const events: MediaConvertEvent[] = []
    await serve(events)
    await eventually(() =>
      expect(events.map(({ detail }) => [detail.jobId, detail.status])).toEqual([[id, 'ERROR']]),
    )
  })
})
