import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import * as HLS from 'hls-parser'
import { extractText } from 'unpdf'
import { openApi } from '../../local/demo/api.ts'
import { type Played, playMainJob } from '../../local/demo/main-job.ts'
import { silentNarrator } from '../../local/demo/narrator.ts'
import type { Person } from '../../local/demo/people.ts'
import { uploadFile } from '../../local/demo/video.ts'
import type { FunctionsReport } from '../../local/hub/functions-report.ts'
import { SAMPLE_ADMIN_EMAIL } from '../../local/hub/hub.ts'
import { newTraceRoot } from '../../local/lambda/trace.ts'
import { ffmpegPath } from '../../local/mediaconvert/tool-paths.ts'
import { certificateContract } from '../../shared/contracts/certificate.ts'
import { videoProcessingContract } from '../../shared/contracts/video-processing.ts'
import { videoStreamingContract } from '../../shared/contracts/video-streaming.ts'
import { eventually } from '../support/eventually.ts'
import { root, useHub } from './hub.ts'

// The main job from end to end, and what it must leave behind: playable segments, a readable PDF, a credential that a
// stranger can verify, one trace from the balancer to the last consumer, and logs that hold no secret.

const running = useHub()
let played: Played

/** By trace id, what was asked: as the public balancer does, each request is sent with a root of its own. */
const asked = new Map<string, string>()
const plainFetch = globalThis.fetch
const tracedFetch: typeof fetch = (input, init) => {
  const { pathname } = new URL(input instanceof Request ? input.url : input)
  if (!pathname.startsWith('/v1/')) return plainFetch(input, init)
  const traceRoot = newTraceRoot()
  asked.set(traceRoot.split('-').slice(1).join(''), `${init?.method} ${pathname}`)
  const headers = new Headers(init?.headers)
  headers.set('x-amzn-trace-id', `Root=${traceRoot}`)
  return plainFetch(input, { ...init, headers })
}

afterAll(() => {
  globalThis.fetch = plainFetch
})
beforeAll(async () => {
  globalThis.fetch = tracedFetch
  played = await playMainJob({
    url: running.hub.url,
    video: join(root, 'local', 'sample', 'bigbuckbunny.mp4'),
    adminEmail: SAMPLE_ADMIN_EMAIL,
    narrate: silentNarrator,
  })
}, 180_000)

const who = (role: string): Person => {
  const person = played.people.find((one) => one.role === role)
  if (!person) throw new Error(`the demo has a ${role}`)
  return person
}

describe('what the hub counts of its functions', () => {
  it('can be read as JSON: invocations, durations, cold starts, by the key in serverless.yml', async () => {
    const answer = await fetch(`${running.hub.url}/_hub/functions.json`)
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
    const { functions, unreserved } = (await answer.json()) as FunctionsReport
    for (const key of ['courseHttp', 'progressBus', 'certificateIssuanceSign', 'outboxPublisher']) {
      const { invocations, coldStarts, durationMs, initMs } = functions[key] ?? {}
      expect(coldStarts).toBeGreaterThan(0)
      expect(invocations).toBeGreaterThanOrEqual(durationMs?.count ?? Number.POSITIVE_INFINITY)
      expect(durationMs?.p50).toBeLessThanOrEqual(durationMs?.p99 ?? 0)
      expect(initMs?.mean).toBeGreaterThan(0)
    }
    expect(functions.outboxPublisher?.reserved).toBe(5)
    // A reservation takes its part of the account away from all others.
    const reserved = Object.values(functions).reduce((sum, one) => sum + (one?.reserved ?? 0), 0)
    expect(unreserved.max + reserved).toBe(1_000)
  })
})

describe('the video', () => {
  const play = async () => {
    const { courseId, mediaId, lessonIds } = played
    const body = { courseId, mediaId, lessonId: lessonIds.video }
    const playback = await who('learner').api.call(videoStreamingContract, 'startPlayback', {
      body,
    })
    const master = HLS.parse(await textAt(playback.playlistUrl))
    if (!('variants' in master)) throw new Error('a master playlist has variants')
    return { ...playback, master }
  }

  it('plays: every playlist is there, and every segment decodes', async () => {
    const { playlistUrl, durationMs, master } = await play()
    expect(master.variants.length).toBeGreaterThanOrEqual(2)
    for (const { uri } of master.variants) {
      const seconds = await decode(new URL(uri, playlistUrl).href)
      expect(Math.abs(seconds * 1_000 - durationMs)).toBeLessThan(1_000)
    }
  }, 60_000)

  it('shows captions that its owner adds later', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hub-captions-'))
    const file = join(folder, 'en.vtt')
    await writeFile(file, 'WEBVTT\n\n00:00.000 --> 00:02.000\nA rabbit wakes up.\n')
    const { api } = who('instructor')
    const captionsId = await uploadFile(api, { file, kind: 'captions' }, () => {})
    const [video] = (
      await api.call(videoProcessingContract, 'listVideos', { query: { mediaId: played.mediaId } })
    ).items
    if (!video) throw new Error('the course has a film')
    await eventually(() =>
      api.call(videoProcessingContract, 'putCaptions', {
        params: { videoId: video.videoId, language: 'en' },
        body: { mediaId: captionsId, label: 'English' },
      }),
    )
    await eventually(async () => {
      const { playlistUrl, master } = await play()
      const [english] = master.variants[0]?.subtitles ?? []
      expect(english?.name).toBe('English')
      const captionsUrl = new URL(english?.uri ?? '', playlistUrl).href
      const captions = HLS.parse(await textAt(captionsUrl))
      if (!('segments' in captions)) throw new Error('captions have a playlist')
      const [segment] = captions.segments
      expect(await textAt(new URL(segment?.uri ?? '', captionsUrl).href)).toContain(
        'A rabbit wakes',
      )
    })
    await rm(folder, { recursive: true })
  })
})

const textAt = async (url: string) => (await fetch(url)).text()

/** Decodes all segments of a media playlist. @returns their length in seconds. */
const decode = async (mediaUrl: string): Promise<number> => {
  const media = HLS.parse(await textAt(mediaUrl))
  if (!('segments' in media)) throw new Error('a media playlist has segments')
  const folder = await mkdtemp(join(tmpdir(), 'hub-segments-'))
  try {
    let seconds = 0
    for (const [index, segment] of media.segments.entries()) {
      const bytes = await (await fetch(new URL(segment.uri, mediaUrl))).arrayBuffer()
      const file = join(folder, `${index}.ts`)
      await writeFile(file, Buffer.from(bytes))
      const { status, stderr } = spawnSync(
        ffmpegPath(),
        ['-v', 'error', '-i', file, '-f', 'null', '-'],
        { encoding: 'utf8' },
      )
      expect({ index, status, stderr }).toEqual({ index, status: 0, stderr: '' })
      seconds += segment.duration
    }
    return seconds
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

describe('the certificate', () => {
  it('says in its PDF whose it is and for what, in any script', async () => {
    const link = played.links.find(({ title }) => title.includes('PDF'))
    const pdf = await (await fetch(link?.url ?? '')).arrayBuffer()
    const { text } = await extractText(new Uint8Array(pdf), { mergePages: true })
    for (const words of ['Леонид', '学習者', 'Film editing, the basics'])
      expect(text.replaceAll(/\s+/g, ' ')).toContain(words)
  })

  it('has a public page, and a credential that is refused once a byte is another', async () => {
    const anybody = openApi(running.hub.url)
    const params = { certificateId: played.certificateId }
    const page = await fetch(`${running.hub.url}/v1/certificates/${played.certificateId}/page`)
    expect(await page.text()).toContain('Леонид')
    const credential = await who('learner').api.call(certificateContract, 'getCredential', {
      params,
    })
    const verify = async (presented: string) =>
      (
        await anybody.call(certificateContract, 'verifyCredential', {
          body: { credential: presented },
        })
      ).status
    expect(await verify(credential)).toBe('valid')
    const [head = '', body = '', signature = ''] = credential.split('.')
    const altered = Buffer.from(
      Buffer.from(body, 'base64url').toString().replace('Film editing', 'Brain surgery'),
    ).toString('base64url')
    expect(await verify(`${head}.${altered}.${signature}`)).toBe('not_genuine')
  })

  it('is refused by everybody once it has been revoked', async () => {
    const params = { certificateId: played.certificateId }
    await who('instructor').api.call(certificateContract, 'revokeCertificate', {
      params,
      body: { reason: 'A test of the revocation.' },
    })
    const seen = await openApi(running.hub.url).call(certificateContract, 'verifyCertificate', {
      params,
    })
    expect(seen).toMatchObject({ status: 'revoked', reason: 'A test of the revocation.' })
  })
})

const CERTIFICATE_STEPS = ['CheckRule', 'Snapshot', 'Render', 'Sign', 'Issue'].map(
  (step) => `certificateIssuance${step}`,
)
const VIDEO_STEPS = ['Probe', 'Illustrate', 'WritePlaylists', 'Verify', 'Publish'].map(
  (step) => `videoProcessing${step}`,
)

describe('the log of it all', () => {
  it('follows the publishing of the course from the gateway to the last consumer by one trace', async () => {
    await eventually(async () => {
      const lines = (await running.hub.log()).split('\n')
      // The last one: before it, the course may have been refused for a lesson whose news was still on its way.
      const published = lines.findLast((line) =>
        line.includes(`/v1/courses/${played.courseId}/publish`),
      )
      const trace = /[0-9a-f]{32}/.exec(
        /"trace(?:_id)?":"([0-9a-f]{32})"/.exec(published ?? '')?.[1] ?? '',
      )?.[0]
      expect(trace).toBeDefined()
      const sources = new Set(
        lines
          .filter((line) => trace && line.includes(trace))
          .map((line) => line.split(' ')[1] ?? ''),
      )
      const seen = [
        'gateway',
        'courseHttp',
        'enrollmentBus',
        'progressBus',
        'certificateBus',
      ].filter((part) => [...sources].some((source) => source.endsWith(part)))
      expect(seen).toEqual([
        'gateway',
        'courseHttp',
        'enrollmentBus',
        'progressBus',
        'certificateBus',
      ])
    })
  })

  it.each([
    ['certificateIssuanceIssue', ['certificateBus', ...CERTIFICATE_STEPS, 'notificationBus']],
    ['videoProcessingPublish', ['videoProcessingBus', ...VIDEO_STEPS, 'contentBus']],
  ])(
    'follows the request that led to %s from the balancer to the last consumer',
    async (lastStep, parts) => {
      await eventually(async () => {
        const lines = (await running.hub.log()).split('\n').map((line) => ({
          source: line.split(' ')[1] ?? '',
          trace: /"trace(?:_id)?":"([0-9a-f]{32})"/.exec(line)?.[1] ?? '',
        }))
        const trace =
          lines.find((line) => line.source.endsWith(lastStep) && line.trace)?.trace ?? ''
        expect(asked.get(trace)).toMatch(/^(POST|PUT) \/v1\//)
        const sources = lines.filter((line) => line.trace === trace).map(({ source }) => source)
        const isThere = (part: string) => sources.some((source) => source.endsWith(part))
        expect(['gateway', 'Http', ...parts].filter((part) => !isThere(part))).toEqual([])
      })
    },
  )

  it('holds no password, token, mail address, secret or answer key', async () => {
    const log = await running.hub.log()
    expect(log.length).toBeGreaterThan(10_000)
    const secrets = JSON.parse(await readFile(join(running.hub.dataDir, 'secrets.json'), 'utf8'))
    const forbidden = [
      ...played.people.flatMap(({ email, password, accessToken }) => [
        email,
        password,
        accessToken,
      ]),
      ...Object.values<string>(secrets.values),
      secrets.internalKey.d,
      '@hub.localhost',
      'The match cut',
      'acceptedTexts',
    ]
    expect(forbidden.filter((secret) => log.includes(secret))).toEqual([])
    // Any JWT, whosever: a header and a payload in base64url.
    expect(log.match(/eyJ[\w-]{10,}\.eyJ[\w-]{10,}/g)).toBeNull()
  })
})
