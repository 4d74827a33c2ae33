import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import jpeg from 'jpeg-js'
import { folderOf, videoIdOf } from '../../functions/video-processing/domain/processing.ts'
import { videoProcessing } from '../../functions/video-processing/service.ts'
import { type Executions, openExecutions } from '../../functions/video-processing/settings.ts'
import { type MediaConvert, startMediaConvert } from '../../local/mediaconvert/server.ts'
import { ffmpegPath, ffprobePath } from '../../local/mediaconvert/tool-paths.ts'
import type { Definition } from '../../local/step-functions/definition.ts'
import { type InvokeLambda, type JobPort, jobPort } from '../../local/step-functions/ports.ts'
import { type StepFunctions, startStepFunctions } from '../../local/step-functions/server.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { type MediaId, newId, type VideoId } from '../../shared/kernel/id.ts'
import { DAY_MS } from '../../shared/kernel/time.ts'
import type { Step } from '../../shared/lambda/step.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { listFolder, putObject } from '../../shared/storage/objects.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { eventually } from '../../tests/support/eventually.ts'
import { useStorage } from '../../tests/support/storage.ts'
import * as errors from './errors.ts'
import { ffprobe } from './ffprobe.ts'
import type { StepInput } from './steps/hold.ts'
import { stepDeps, steps } from './workflow.ts'

// The deployed state machine, played by local/step-functions over the real steps, a real S3, the
// encoder of local/mediaconvert
// and the service's own doors. The official clients speak to all of them.

const FILE = join(import.meta.dirname, 'state-machine.asl.json')
const SAMPLE = join(import.meta.dirname, '../../local/sample/bigbuckbunny.mp4')
const MACHINE = 'arn:aws:states:us-east-1:000000000000:stateMachine:video-processing'
const REGION = 'us-east-1'
const RUN_MS = 90_000

// CommonJS, and its types are not published where TypeScript looks.
const validateAsl = createRequire(import.meta.url)('asl-validator') as (definition: unknown) => {
  readonly isValid: boolean
  errorsText(): string
}

const asl = () => JSON.parse(readFileSync(FILE, 'utf8')) as Definition
const stepNameOf = (state: string) => state.charAt(0).toLowerCase() + state.slice(1)
const resourceOf = (state: string) => `\${VideoProcessing${state}LambdaFunction.Arn}`

describe('state-machine.asl.json', () => {
  const states = Object.entries(asl().States)
  const tasks = states.filter(([, { Type }]) => Type === 'Task')

  it('is accepted by asl-validator', () => {
    const { isValid, errorsText } = validateAsl(asl())
    expect(isValid ? '' : errorsText()).toBe('')
  })

  it('has a step of the same name for every task, and a task for every step', () => {
    const names = tasks
      .filter(([, { Resource }]) => Resource !== 'arn:aws:states:::mediaconvert:createJob.sync')
      .map(([name, { Resource }]) => {
        expect(Resource).toBe(resourceOf(name))
        return stepNameOf(name)
      })
    expect(names.toSorted()).toEqual(Object.keys(steps).toSorted())
    const lambda = readFileSync(join(import.meta.dirname, 'lambda.ts'), 'utf8')
    const yaml = readFileSync(join(import.meta.dirname, 'function.yml'), 'utf8')
    for (const name of names) {
      expect(lambda).toContain(`export const ${name} = stepDoor(steps.${name}, runtime)`)
      expect(yaml).toContain(`handler: workflows/video-processing/lambda.${name}\n`)
    }
  })

  it('names no error that does not exist', () => {
    const known = /^(States|Lambda|MediaConvert)\./
    const named = tasks
      .flatMap(([, { Retry = [], Catch = [] }]) => [...Retry, ...(Catch as typeof Retry)])
      .flatMap(({ ErrorEquals }) => ErrorEquals)
      .filter((name) => !known.test(name))
    const classes = Object.values(errors).map((Class) => new Class('code', 'Words.').name)
    expect(new Set(named)).toEqual(new Set(classes))
  })

  it('limits the time of every task and of the whole, and catches everything', () => {
    expect(asl().TimeoutSeconds).toBeGreaterThan(0)
    for (const [name, { TimeoutSeconds, Catch = [], Retry = [] }] of tasks) {
      expect(TimeoutSeconds).toBeGreaterThan(0)
      expect(Retry.length).toBeGreaterThan(0)
      const caught = (Catch as { ErrorEquals: string[] }[]).flatMap((one) => one.ErrorEquals)
      if (name !== 'MarkFailed') expect(caught).toContain('States.ALL')
    }
  })
})

const database = useDatabase()
const bucket = useStorage()
let executions: Executions
const hub = useDoors(database, videoProcessing, () => ({
  storage: bucket.storage(),
  // Opened once the servers listen.
  executions: {
    start: (processing) => executions.start(processing),
    state: (name) => executions.state(name),
    stop: (name, cause) => executions.stop(name, cause),
    cancelJob: (id) => executions.cancelJob(id),
  },
}))

const organizationId = newId('organization')
const owner = somebody('instructor', { organizationId })

let mediaConvert: MediaConvert
let stepFunctions: StepFunctions
let jobs: JobPort
/** What a test puts before a step: to look, to interfere, or to throw as Lambda does. */
let beforeStep: (name: string, input: StepInput) => Promise<void> | void = () => {}
/** Steps that ran, in order, as `probe EXECUTION`; not one that came before the commit of what started it. */
const calls: string[] = []

const invokeLambda: InvokeLambda = async (arn, payload) => {
  const name = stepNameOf(/VideoProcessing(\w+)LambdaFunction/.exec(arn)?.[1] ?? '')
  // Over JSON, as a real invocation.
  const input = JSON.parse(JSON.stringify(payload)) as StepInput
  const call = `${name} ${input.executionName}`
  try {
    calls.push(call)
    await beforeStep(name, input)
    const step = steps[name as keyof typeof steps] as Step<StepInput, unknown, Deps>
    const deps = { ...stepDeps(environment()), probe: ffprobe(ffprobePath()) }
    const output = await step(input, stepCall(input), deps)
    return { payload: JSON.parse(JSON.stringify(output ?? null)) }
  } catch (error) {
    if (error instanceof errors.NotYetRecorded) calls.splice(calls.lastIndexOf(call), 1)
    const { name: errorType, message: errorMessage } = error as Error
    return { payload: { errorType, errorMessage }, functionError: 'Unhandled' }
  }
}
type Deps = ReturnType<typeof stepDeps>

const environment = () => ({
  AWS_REGION: REGION,
  AWS_ENDPOINT_URL_S3: bucket.access().endpoint,
  MEDIA_BUCKET: 'media',
  FFPROBE_PATH: ffprobePath(),
})

const stepCall = ({ traceparent }: StepInput) => {
  const now = hub.clock.now()
  return {
    now,
    log: silentLog,
    traceparent,
    transaction: ((tenant, work) =>
      transaction(
        serviceDatabase,
        { tenant, now, actorId: 'system', traceparent },
        work,
      )) as Parameters<Step<StepInput, unknown, Deps>>[1]['transaction'],
  }
}
let serviceDatabase: ReturnType<typeof database.as>

const startMachine = () =>
  startStepFunctions({
    dataDir: join(bucket.folder(), 'sfn'),
    port: 0,
    stateMachines: [{ name: 'video-processing', arn: MACHINE, definition: playable() }],
    invokeLambda,
    mediaConvert: {
      createJob: (input) => jobs.createJob(input),
      waitForJob: (id, signal) => jobs.waitForJob(id, signal),
      cancelJob: (id) => jobs.cancelJob(id),
    },
  })

/** The deployed file, with the references resolved as CloudFormation does. */
const playable = (): Definition =>
  JSON.parse(
    readFileSync(FILE, 'utf8')
      .replaceAll(
        /\$\{(\w+)\.Arn\}/g,
        (_, id: string) => `arn:aws:lambda:${REGION}:000000000000:function:${id}`,
      )
      .replaceAll('#{MediaConvertRoleArn}', 'arn:aws:iam::000000000000:role/mediaconvert'),
  )

const connect = () => {
  process.env.AWS_ENDPOINT_URL_SFN = stepFunctions.url
  const { accessKeyId, secretAccessKey } = bucket.access().credentials
  executions = openExecutions({
    AWS_REGION: REGION,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_ENDPOINT_URL_MEDIACONVERT: mediaConvert.url,
    VIDEO_STATE_MACHINE: MACHINE,
  })
}

beforeAll(async () => {
  serviceDatabase = database.as('video-processing')
  mediaConvert = await startMediaConvert({
    dataDir: join(bucket.folder(), 'mediaconvert'),
    port: 0,
    s3: bucket.access(),
    onEvent: ({ detail }) => hub.runJob('recordProgress', detail),
  })
  jobs = jobPort(mediaConvert.url)
  stepFunctions = await startMachine()
  connect()
})
afterAll(async () => {
  await stepFunctions.close()
  await mediaConvert.close()
})
beforeEach(() => {
  beforeStep = () => {}
  jobs = jobPort(mediaConvert.url)
})
afterEach(() => hub.clock.advanceMs(0))

const deliver = (mediaId: MediaId, key: string, sizeBytes: number, kind: 'video' | 'captions') =>
  hub.deliver(
    'media.uploaded',
    {
      mediaId,
      organizationId,
      ownerId: owner.accountId,
      kind,
      contentType: kind === 'video' ? 'video/mp4' : 'text/vtt',
      sizeBytes,
      sha256: 'a'.repeat(64),
      bucket: 'media',
      key,
    },
    { organizationId },
  )

/** Puts a file where media would, and says so, as often as asked. */
const upload = async (
  body: Buffer | string,
  { deliveries = 1, kind = 'video' }: { deliveries?: number; kind?: 'video' | 'captions' } = {},
) => {
  const mediaId = newId('media')
  const key = `media/${organizationId}/${mediaId}`
  await putObject(bucket.storage(), key, { body, contentType: 'application/octet-stream' })
  const size = Buffer.byteLength(body)
  await Promise.all(Array.from({ length: deliveries }, () => deliver(mediaId, key, size, kind)))
  return { mediaId, videoId: videoIdOf(mediaId) }
}

const see = async (videoId: VideoId) => (await hub.get(`/v1/videos/${videoId}`, { as: owner })).body

const ended = (videoId: VideoId, state: string) =>
  eventually(async () => expect((await see(videoId)).processing).toMatchObject({ state }), {
    timeoutMs: RUN_MS,
  })

const over = (executionName: string) =>
  eventually(async () => expect(await executions.state(executionName)).toBe('over'), {
    timeoutMs: RUN_MS,
  })

const events = async (type: Parameters<typeof hub.outbox>[0], videoId: VideoId) =>
  (await hub.outbox(type)).filter(({ subject }) => subject === videoId)

const filesOf = async (videoId: VideoId, version = 1) => {
  const prefix = folderOf({ organizationId, videoId, version })
  const objects = await listFolder(bucket.storage(), { prefix, objectsMax: 1_000 })
  return objects.map(({ key }) => key.slice(prefix.length))
}

const bytesOf = async (videoId: VideoId, name: string, version = 1) => {
  const url = await bucket
    .storage()
    .signedUrl(folderOf({ organizationId, videoId, version }) + name, { seconds: 60 })
  return Buffer.from(await (await fetch(url)).arrayBuffer())
}

const execute = promisify(execFile)

/** A clip that ffmpeg makes of its test picture. */
const aClip = async (
  name: string,
  { input = ['testsrc=size=320x180:rate=25:duration=2'], args = [] as string[] } = {},
): Promise<Buffer> => {
  const path = join(bucket.folder(), name)
  const inputs = input.flatMap((source) => ['-f', 'lavfi', '-i', source])
  await execute(ffmpegPath(), ['-y', '-v', 'error', ...inputs, ...args, path])
  return readFile(path)
}

/** The same pictures, with the note that a telephone makes when it is held upright. */
const turned = async (clip: Buffer): Promise<Buffer> => {
  const [from, to] = [join(bucket.folder(), 'level.mp4'), join(bucket.folder(), 'turned.mp4')]
  await writeFile(from, clip)
  const args = ['-i', from, '-c', 'copy', '-metadata:s:v:0', 'rotate=90', to]
  await execute(ffmpegPath(), ['-y', '-v', 'error', ...args])
  return readFile(to)
}

const YUV = ['-pix_fmt', 'yuv420p']
const aShortClip = () => aClip('short.mp4', { args: YUV })

describe('a video that was uploaded', () => {
  it(
    'is played from the first segment to the last, in every size, by one execution',
    async () => {
      const percents = new Set<number>()
      let watched: VideoId | undefined
      beforeStep = async (name) => {
        if (watched && name !== 'probe') percents.add((await see(watched)).processing.percent)
      }
      const { videoId, mediaId } = await upload(await readFile(SAMPLE), { deliveries: 3 })
      watched = videoId
      await ended(videoId, 'ready')
      expect(await see(videoId)).toMatchObject({
        mediaId,
        processing: { percent: 100, stage: 'done' },
        live: {
          version: 1,
          widthPx: 1280,
          sizes: [{ heightPx: 720 }, { heightPx: 480 }, { heightPx: 360 }],
        },
      })
      const [ready, ...others] = await events('video.ready', videoId)
      expect(others).toEqual([])
      expect(ready?.data).toMatchObject({
        prefix: folderOf({ organizationId, videoId, version: 1 }),
      })
      expect(calls.filter((call) => call === `probe ${videoId}-1`)).toHaveLength(1)

      const names = await filesOf(videoId)
      expect(names.filter((name) => name.startsWith('frames/'))).toEqual([])
      const text = (name: string) => bytesOf(videoId, name).then(String)
      const master = await text('master-0.m3u8')
      const playlists = master.split('\n').filter((line) => /^[^#].*\.m3u8$/.test(line))
      expect(playlists).toHaveLength(3)
      for (const playlist of playlists) {
        const segments = (await text(playlist)).split('\n').filter((line) => line.endsWith('.ts'))
        expect(segments.length).toBeGreaterThan(0)
        for (const segment of segments) expect(names).toContain(segment)
      }
      const sprite = jpeg.decode(await bytesOf(videoId, 'sprite.jpg'))
      const track = await text('thumbnails.vtt')
      const cues = [...track.matchAll(/#xywh=(\d+),(\d+),(\d+),(\d+)/g)]
      expect(cues.length).toBeGreaterThanOrEqual(5)
      for (const [, x, y, w, h] of cues) {
        expect(Number(x) + Number(w)).toBeLessThanOrEqual(sprite.width)
        expect(Number(y) + Number(h)).toBeLessThanOrEqual(sprite.height)
      }
      expect(jpeg.decode(await bytesOf(videoId, 'poster.jpg')).height).toBe(720)
      expect([...percents].length).toBeGreaterThan(2)
    },
    RUN_MS,
  )

  it.each([
    ['portrait by its metadata', async () => turned(await aShortClip()), '180x320'],
    [
      'with odd sides',
      () =>
        aClip('odd.mp4', {
          input: ['testsrc=size=321x181:rate=25:duration=1'],
          args: ['-pix_fmt', 'yuv444p'],
        }),
      '320x180',
    ],
    ['of five frames', () => aClip('five.mp4', { args: [...YUV, '-frames:v', '5'] }), '320x180'],
  ] as const)(
    'is ready when it is %s',
    async (_, make, expected) => {
      const { videoId } = await upload(await make())
      await ended(videoId, 'ready')
      const { live } = await see(videoId)
      expect(`${live.widthPx}x${live.heightPx}`).toBe(expected)
    },
    RUN_MS,
  )

  it(
    'is ready when its container does not say how long it is',
    async () => {
      const args = ['-c:v', 'libvpx', '-f', 'webm', '-live', '1', 'pipe:1']
      const clip = await new Promise<Buffer>((resolve, reject) =>
        execFile(
          ffmpegPath(),
          ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc=size=320x180:rate=25:duration=2', ...args],
          { encoding: 'buffer', maxBuffer: 2 ** 26 },
          (error, stdout) => (error ? reject(error) : resolve(stdout)),
        ),
      )
      const { videoId } = await upload(clip)
      await ended(videoId, 'ready')
      expect((await see(videoId)).live.durationMs).toBeGreaterThan(1_500)
    },
    RUN_MS,
  )
})

describe('what cannot be played', () => {
  let trap: Server
  let reached: string[] = []
  let trapUrl: string
  beforeAll(async () => {
    trap = createServer((request, response) => {
      reached.push(request.url ?? '')
      response.end()
    })
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve))
    trapUrl = `http://127.0.0.1:${(trap.address() as AddressInfo).port}`
  })
  afterAll(() => new Promise((resolve) => trap.close(resolve)))
  beforeEach(() => {
    reached = []
  })

  const hostile: [string, string, () => Promise<Buffer | string>][] = [
    [
      'a playlist',
      'not_a_video',
      async () => `#EXTM3U\n#EXTINF:1,\n${trapUrl}/a.ts\n#EXT-X-ENDLIST`,
    ],
    ['a list of files', 'not_a_video', async () => `ffconcat version 1.0\nfile ${trapUrl}/b.mp4\n`],
    [
      'an SVG',
      'not_a_video',
      async () => `<svg xmlns="http://www.w3.org/2000/svg"><image href="${trapUrl}/c.png"/></svg>`,
    ],
    ['words', 'not_a_video', async () => 'This is not a video.'],
    [
      'sound alone',
      'no_video_stream',
      () => aClip('sound.mp4', { input: ['sine=frequency=440:duration=1'] }),
    ],
    [
      'a video that is cut off',
      'truncated',
      async () => {
        const clip = await aClip('fast.mp4', {
          args: [...YUV, '-movflags', '+faststart', '-g', '5'],
        })
        return clip.subarray(0, Math.floor(clip.length / 2))
      },
    ],
    [
      'a video that lost its index',
      'truncated',
      async () => (await aShortClip()).subarray(0, 5_000),
    ],
  ]

  it.each(hostile)(
    'fails in words, tells once, leaves nothing and is not followed: %s',
    async (_, reasonCode, make) => {
      const { videoId } = await upload(await make())
      await ended(videoId, 'failed')
      const { processing, live } = await see(videoId)
      expect(processing).toMatchObject({ reasonCode, reason: expect.stringMatching(/^[A-Z].*\.$/) })
      expect(live).toBeNull()
      await over(`${videoId}-1`)
      expect(await filesOf(videoId)).toEqual([])
      expect(await events('video.failed', videoId)).toHaveLength(1)
      expect(await events('video.ready', videoId)).toEqual([])
      expect(reached).toEqual([])
    },
    RUN_MS,
  )

  it('fails when the file is gone', async () => {
    const mediaId = newId('media')
    await deliver(mediaId, `media/${organizationId}/${mediaId}`, 10, 'video')
    await ended(videoIdOf(mediaId), 'failed')
    expect((await see(videoIdOf(mediaId))).processing.reasonCode).toBe('source_missing')
  })

  it('fails when the file is empty', async () => {
    const { videoId } = await upload(Buffer.alloc(0))
    await ended(videoId, 'failed')
    expect((await see(videoId)).processing.reasonCode).toBe('empty')
  })
})

const reprocess = (videoId: VideoId) => hub.post(`/v1/videos/${videoId}/reprocess`, { as: owner })

const aReadyVideo = async () => {
  const { videoId } = await upload(await aShortClip())
  await ended(videoId, 'ready')
  return videoId
}

describe('a video that is processed again', () => {
  it(
    'stays live until the new version is, and its files until a day later',
    async () => {
      const videoId = await aReadyVideo()
      let duringVerify: unknown
      beforeStep = async (name) => {
        if (name === 'verify') duringVerify = (await see(videoId)).live.version
      }
      await reprocess(videoId)
      await eventually(async () => expect((await see(videoId)).live.version).toBe(2), {
        timeoutMs: RUN_MS,
      })
      expect(duringVerify).toBe(1)
      await hub.runJob('sweep')
      expect((await filesOf(videoId, 1)).length).toBeGreaterThan(0)
      hub.clock.advanceMs(DAY_MS)
      await hub.runJob('sweep')
      expect(await filesOf(videoId, 1)).toEqual([])
      expect((await filesOf(videoId, 2)).length).toBeGreaterThan(0)
    },
    RUN_MS,
  )

  it(
    'stays live when the new run fails',
    async () => {
      const videoId = await aReadyVideo()
      beforeStep = (name) => {
        if (name === 'verify')
          throw new errors.OutputBroken('output_incomplete', 'A test broke it.')
      }
      await reprocess(videoId)
      await ended(videoId, 'failed')
      await over(`${videoId}-2`)
      expect(await see(videoId)).toMatchObject({
        processing: { version: 2, reasonCode: 'output_incomplete', reason: 'A test broke it.' },
        live: { version: 1 },
      })
      expect(await filesOf(videoId, 2)).toEqual([])
      expect((await filesOf(videoId, 1)).length).toBeGreaterThan(0)
    },
    RUN_MS,
  )
})

describe('captions', () => {
  it(
    'that arrive between packaging and publishing are in what is published',
    async () => {
      const { mediaId } = await upload('WEBVTT\n\n00:00.000 --> 00:01.000\nHi', {
        kind: 'captions',
      })
      let isAttached = false
      beforeStep = async (name, { videoId }) => {
        if (name !== 'publish' || isAttached) return
        isAttached = true
        await hub.call('PUT', `/v1/videos/${videoId}/captions/en`, {
          as: owner,
          body: { mediaId, label: 'English' },
        })
      }
      const videoId = await aReadyVideo()
      const [ready] = await events('video.ready', videoId)
      expect(ready?.data).toMatchObject({ masterPlaylist: 'master-1.m3u8' })
      const master = String(await bytesOf(videoId, 'master-1.m3u8'))
      expect(master).toContain('LANGUAGE="en"')
      expect(await filesOf(videoId)).toContain('captions-en-1.vtt')
    },
    RUN_MS,
  )
})

describe('trouble on the way', () => {
  it(
    'of a moment is got over: a step that fails once runs again',
    async () => {
      let failures = 0
      beforeStep = (name) => {
        if (name === 'writePlaylists' && failures++ === 0) throw new Error('socket hang up')
      }
      await aReadyVideo()
      expect(failures).toBe(2)
    },
    RUN_MS,
  )

  it(
    'of the encoder is got over by another job on a clean folder',
    async () => {
      const real = jobPort(mediaConvert.url)
      const tokens: unknown[] = []
      jobs = {
        ...real,
        async createJob(input) {
          tokens.push(input.ClientRequestToken)
          if (tokens.length > 1) return real.createJob(input)
          return { Id: 'broken', Role: '', Settings: {} }
        },
        waitForJob: async (id, signal) =>
          id === 'broken'
            ? { Id: id, Status: 'ERROR', ErrorCode: 1999, Role: '', Settings: {} }
            : real.waitForJob(id, signal),
      }
      const videoId = await aReadyVideo()
      expect(tokens).toEqual([`${videoId}-1-0`, `${videoId}-1-1`])
    },
    RUN_MS,
  )

  it(
    'of a start that was not committed yet is waited for',
    async () => {
      let isFirst = true
      beforeStep = (name) => {
        if (name === 'probe' && isFirst) {
          isFirst = false
          throw new errors.NotYetRecorded()
        }
      }
      await aReadyVideo()
      expect(isFirst).toBe(false)
    },
    RUN_MS,
  )

  it(
    'of Step Functions, ended and started again, loses nothing and repeats no finished step',
    async () => {
      const reached = Promise.withResolvers<void>()
      const goOn = Promise.withResolvers<void>()
      beforeStep = async (name) => {
        if (name !== 'illustrate') return
        reached.resolve()
        await goOn.promise
      }
      const { videoId } = await upload(await aShortClip())
      await reached.promise
      const closing = stepFunctions.close()
      goOn.resolve()
      await closing
      stepFunctions = await startMachine()
      connect()
      await ended(videoId, 'ready')
      expect(calls.filter((call) => call === `probe ${videoId}-1`)).toHaveLength(1)
      expect(await events('video.ready', videoId)).toHaveLength(1)
    },
    RUN_MS,
  )

  it(
    'of a cancelled run ends it quietly, and no step of it writes any more',
    async () => {
      beforeStep = async (name, { videoId }) => {
        // Only the record: as if Step Functions could not be reached for the stop.
        if (name === 'illustrate') {
          const { stop } = executions
          executions = { ...executions, stop: async () => {} }
          await hub.post(`/v1/videos/${videoId}/cancel`, { as: owner })
          executions = { ...executions, stop }
        }
      }
      const { videoId } = await upload(await aShortClip())
      await ended(videoId, 'cancelled')
      await over(`${videoId}-1`)
      expect(calls).not.toContain(`verify ${videoId}-1`)
      expect(await events('video.failed', videoId)).toEqual([])
      expect(await events('video.ready', videoId)).toEqual([])
    },
    RUN_MS,
  )

  it(
    'of a run that was taken over fences the former execution off',
    async () => {
      beforeStep = async (name, { videoId, executionName }) => {
        if (name === 'publish' && executionName === `${videoId}-1`)
          await database.query(
            `update video_processing.processings
             set execution_name = execution_name || '-2', executions = 2
             where video_id = $1`,
            [videoId],
          )
      }
      const { videoId } = await upload(await aShortClip())
      await over(`${videoId}-1`)
      expect(await see(videoId)).toMatchObject({ processing: { state: 'processing' }, live: null })
      expect(await events('video.ready', videoId)).toEqual([])
    },
    RUN_MS,
  )

  it(
    'of a cancel while it is encoded ends the job too',
    async () => {
      const real = jobPort(mediaConvert.url)
      let jobId = ''
      const waiting = new Promise<void>((resolve) => {
        jobs = {
          ...real,
          createJob: async (input) => {
            const job = await real.createJob(input)
            jobId = job.Id ?? ''
            resolve()
            return job
          },
        }
      })
      const clip = await aClip('long.mp4', {
        input: ['testsrc=size=1280x720:rate=25:duration=20'],
        args: [...YUV, '-preset', 'ultrafast'],
      })
      const { videoId } = await upload(clip)
      await waiting
      await hub.post(`/v1/videos/${videoId}/cancel`, { as: owner })
      await over(`${videoId}-1`)
      const { Status } = await real.waitForJob(jobId, AbortSignal.timeout(RUN_MS))
      expect(Status).toBe('CANCELED')
      // And once more: what is over may be cancelled again.
      await executions.cancelJob(jobId)
      await executions.stop(`${videoId}-1`, 'again')
      expect(await filesOf(videoId)).toEqual([])
    },
    RUN_MS,
  )
})
