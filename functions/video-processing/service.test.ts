import { beforeEach, describe, expect, it } from '@jest/globals'
import type { Principal } from '../../shared/http/caller.ts'
import { type MediaId, newId, type VideoId } from '../../shared/kernel/id.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../shared/kernel/time.ts'
import { listFolder, putObject, readObjectText } from '../../shared/storage/objects.ts'
import { useDatabase } from '../../tests/support/database.ts'
import { somebody, useDoors } from '../../tests/support/door.ts'
import { useStorage } from '../../tests/support/storage.ts'
import { videoIdOf } from './domain/processing.ts'
import { videoProcessing } from './service.ts'
import type { Executions } from './settings.ts'

// Step Functions as the service sees it, with what a test needs to know of it. The real protocol
// is played in
// workflows/video-processing/workflow.test.ts.
const started: string[] = []
const stopped: string[] = []
const cancelledJobs: string[] = []
const states = new Map<string, 'running' | 'over'>()
let isAway = false
const unreachable = new Set<string>()

const executions: Executions = {
  async start({ executionName }) {
    if (isAway) throw new Error('Step Functions is away')
    const state = states.get(executionName) ?? 'running'
    if (!states.has(executionName)) started.push(executionName)
    states.set(executionName, state)
    return state
  },
  async state(executionName) {
    if (unreachable.has(executionName)) throw new Error('this execution cannot be described')
    return states.get(executionName) ?? 'absent'
  },
  async stop(executionName) {
    stopped.push(executionName)
  },
  async cancelJob(jobId) {
    cancelledJobs.push(jobId)
  },
}

const database = useDatabase()
const bucket = useStorage()
const hub = useDoors(database, videoProcessing, () => ({ storage: bucket.storage(), executions }))

let organizationId = newId('organization')
let owner: Principal
let colleague: Principal
let admin: Principal
const stranger = somebody('owner')

beforeEach(() => {
  organizationId = newId('organization')
  owner = somebody('instructor', { organizationId })
  colleague = somebody('instructor', { organizationId })
  admin = somebody('admin', { organizationId })
  isAway = false
})

const upload = async (
  options: { kind?: 'video' | 'captions'; mediaId?: MediaId; id?: never; text?: string } = {},
): Promise<MediaId> => {
  const { kind = 'video', mediaId = newId('media'), text } = options
  const key = `media/${organizationId}/${mediaId}`
  if (text !== undefined)
    await putObject(bucket.storage(), key, { body: text, contentType: 'text/vtt' })
  await hub.deliver(
    'media.uploaded',
    {
      mediaId,
      organizationId,
      ownerId: owner.accountId,
      kind,
      contentType: 'video/mp4',
      sizeBytes: 1_000,
      sha256: 'a'.repeat(64),
      bucket: 'media',
      key,
    },
    { organizationId },
  )
  return mediaId
}

const see = async (videoId: VideoId, as = owner) =>
  (await hub.get(`/v1/videos/${videoId}`, { as })).body

const aVideo = async () => {
  const videoId = videoIdOf(await upload())
  return { videoId, folder: `videos/${organizationId}/${videoId}/v1/` }
}

const MASTER = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\nindex_640x360.m3u8\n'

/** A video whose first version is live, without the pipeline. */
const aReadyVideo = async () => {
  const video = await aVideo()
  const { storage } = { storage: bucket.storage() }
  await putObject(storage, `${video.folder}index.m3u8`, { body: MASTER, contentType: 'x/y' })
  await database.query(
    `update video_processing.processings set state = 'ready', stage = 'done', percent = 100,
       lease_expires_at = null, finished_at = now(),
       source = '{"durationMs":5000,"widthPx":640,"heightPx":360,"hasAudio":true}',
       rungs = '[{"widthPx":640,"heightPx":360,"bitrateMax":1,"quality":7}]',
       output = '{"masterPlaylist":"master-0.m3u8","captionsRevision":0,"poster":"p","sprite":"s",
         "thumbnails":"t","startTicks":126000,"durationMs":5000}'
     where video_id = $1`,
    [video.videoId],
  )
  await database.query('update video_processing.videos set live_version = 1 where video_id = $1', [
    video.videoId,
  ])
  return video
}

const events = async (type: Parameters<typeof hub.outbox>[0], videoId: VideoId) =>
  (await hub.outbox(type)).filter(({ subject }) => subject === videoId)

describe('media.uploaded', () => {
  it('starts one execution of one video, however often it is delivered', async () => {
    const mediaId = newId('media')
    await Promise.all(Array.from({ length: 6 }, () => upload({ mediaId })))
    const videoId = videoIdOf(mediaId)
    expect(started.filter((name) => name.startsWith(videoId))).toEqual([`${videoId}-1`])
    expect(await events('video.processing_started', videoId)).toHaveLength(1)
    expect(await see(videoId)).toMatchObject({
      mediaId,
      processing: { version: 1, state: 'queued', percent: 0 },
      live: null,
    })
  })

  it('leaves other kinds alone', async () => {
    const videoId = videoIdOf(await upload({ kind: 'captions', text: 'WEBVTT\n' }))
    expect((await hub.get(`/v1/videos/${videoId}`, { as: owner })).status).toBe(404)
  })
})

describe('the recovery of runs', () => {
  it('starts what was recorded while Step Functions was away', async () => {
    isAway = true
    const { videoId } = await aVideo()
    expect(started).not.toContain(`${videoId}-1`)
    isAway = false
    hub.clock.advanceMs(MINUTE_MS)
    await Promise.all([hub.runJob('recover'), hub.runJob('recover')])
    expect(started.filter((name) => name === `${videoId}-1`)).toHaveLength(1)
  })

  it('lets a running execution go on', async () => {
    const { videoId } = await aVideo()
    hub.clock.advanceMs(HOUR_MS)
    await hub.runJob('recover')
    expect(await see(videoId)).toMatchObject({ processing: { state: 'queued' } })
    expect(started.filter((name) => name.startsWith(videoId))).toHaveLength(1)
  })

  it('replaces an execution that vanished, and gives up in words after the third', async () => {
    const { videoId } = await aVideo()
    for (const name of [`${videoId}-1`, `${videoId}-1-2`, `${videoId}-1-3`]) {
      expect(started).toContain(name)
      states.set(name, 'over')
      hub.clock.advanceMs(10 * MINUTE_MS)
      await hub.runJob('recover')
    }
    expect(await see(videoId)).toMatchObject({
      processing: { state: 'failed', reasonCode: 'stalled', reason: expect.any(String) },
    })
    expect(await events('video.failed', videoId)).toHaveLength(1)
  })

  it('lets no encoder of the former execution write beside that of the next', async () => {
    const { videoId } = await aVideo()
    const userMetadata = { videoId, version: '1', executionName: `${videoId}-1` }
    const jobId = `job-of-${videoId}`
    await hub.runJob('recordProgress', { status: 'PROGRESSING', jobId, userMetadata })
    states.set(`${videoId}-1`, 'over')
    hub.clock.advanceMs(10 * MINUTE_MS)
    await hub.runJob('recover')
    expect(cancelledJobs).toContain(jobId)
    expect(started).toContain(`${videoId}-1-2`)
  })

  it('goes on with the others where one cannot be looked after, and comes back to it', async () => {
    const [broken, other] = [await aVideo(), await aVideo()]
    unreachable.add(`${broken.videoId}-1`)
    states.set(`${other.videoId}-1`, 'over')
    hub.clock.advanceMs(10 * MINUTE_MS)
    await hub.runJob('recover')
    expect(started).toContain(`${other.videoId}-1-2`)
    unreachable.clear()
    states.set(`${broken.videoId}-1`, 'over')
    await hub.runJob('recover')
    expect(started).toContain(`${broken.videoId}-1-2`)
  })

  it('stops what takes too long', async () => {
    const { videoId } = await aVideo()
    hub.clock.advanceMs(9 * HOUR_MS)
    await hub.runJob('recover')
    expect(stopped).toContain(`${videoId}-1`)
    expect(await see(videoId)).toMatchObject({
      processing: { state: 'failed', reasonCode: 'took_too_long' },
    })
  })
})

describe('progress', () => {
  const report = (videoId: VideoId, percent: number, executionName = `${videoId}-1`) =>
    hub.runJob('recordProgress', {
      status: 'STATUS_UPDATE',
      jobId: 'job-1',
      userMetadata: { videoId, version: '1', executionName },
      jobProgress: { jobPercentComplete: percent },
    })

  it('is shown in per cent and never goes back', async () => {
    const { videoId } = await aVideo()
    await report(videoId, 50)
    const { percent } = (await see(videoId)).processing
    expect(percent).toBeGreaterThan(40)
    await report(videoId, 10)
    expect((await see(videoId)).processing.percent).toBe(percent)
  })

  it('extends the lease', async () => {
    const { videoId } = await aVideo()
    states.set(`${videoId}-1`, 'over')
    hub.clock.advanceMs(4 * MINUTE_MS)
    await report(videoId, 10)
    hub.clock.advanceMs(4 * MINUTE_MS)
    await hub.runJob('recover')
    expect(started).not.toContain(`${videoId}-1-2`)
  })

  it('of a lost lease, of a job that is not ours and of a run that is over changes nothing', async () => {
    const { videoId } = await aVideo()
    await report(videoId, 90, `${videoId}-1-2`)
    await hub.runJob('recordProgress', { status: 'STATUS_UPDATE', jobId: 'other' })
    expect(await see(videoId)).toMatchObject({ processing: { state: 'queued', percent: 0 } })
    await hub.post(`/v1/videos/${videoId}/cancel`, { as: owner })
    await report(videoId, 90)
    expect(await see(videoId)).toMatchObject({ processing: { state: 'cancelled', percent: 0 } })
  })
})

describe('POST /v1/videos/{videoId}/cancel', () => {
  const cancel = (videoId: VideoId, as = owner) => hub.post(`/v1/videos/${videoId}/cancel`, { as })

  it('stops the execution and its job, tells once, and may be repeated', async () => {
    const { videoId } = await aVideo()
    await database.query(
      `update video_processing.processings set job_id = 'job-7' where video_id = $1`,
      [videoId],
    )
    expect(await cancel(videoId)).toMatchObject({
      status: 200,
      body: { processing: { state: 'cancelled' } },
    })
    expect((await cancel(videoId)).status).toBe(200)
    expect(stopped).toContain(`${videoId}-1`)
    expect(cancelledJobs).toContain('job-7')
    expect(await events('video.cancelled', videoId)).toHaveLength(1)
  })

  it('leaves nothing of the run behind, even what an encoder writes a moment later', async () => {
    const { videoId, folder } = await aVideo()
    await cancel(videoId)
    const late = () =>
      putObject(bucket.storage(), `${folder}late.ts`, { body: 'x', contentType: 'video/MP2T' })
    for (const waitMs of [MINUTE_MS, HOUR_MS]) {
      await late()
      hub.clock.advanceMs(waitMs)
      await hub.runJob('sweep')
      expect(await listFolder(bucket.storage(), { prefix: folder, objectsMax: 10 })).toEqual([])
    }
  })

  it('refuses a video that is not being processed', async () => {
    const { videoId } = await aReadyVideo()
    expect(await cancel(videoId)).toMatchObject({
      status: 409,
      body: { code: 'video.not_in_progress' },
    })
  })
})

describe('POST /v1/videos/{videoId}/reprocess', () => {
  const reprocess = (videoId: VideoId, as = owner) =>
    hub.post(`/v1/videos/${videoId}/reprocess`, { as })

  it('begins a new version while the old one stays live', async () => {
    const { videoId } = await aReadyVideo()
    expect(await reprocess(videoId)).toMatchObject({
      status: 202,
      body: { processing: { version: 2, state: 'queued' }, live: { version: 1, durationMs: 5000 } },
    })
    expect(started).toContain(`${videoId}-2`)
  })

  it('begins one run, however many ask at once', async () => {
    const { videoId } = await aReadyVideo()
    const answers = await Promise.all(Array.from({ length: 10 }, () => reprocess(videoId)))
    const statuses = answers.map(({ status }) => status).sort()
    expect(statuses).toEqual([202, ...Array(9).fill(409)])
    expect(answers.find(({ status }) => status === 409)?.body.code).toBe('video.in_progress')
  })
})

describe('captions', () => {
  const put = (videoId: VideoId, mediaId: MediaId, as = owner, language = 'en') =>
    hub.call('PUT', `/v1/videos/${videoId}/captions/${language}`, {
      as,
      body: { mediaId, label: 'English' },
    })

  it('join what is live under new names, and leave it again', async () => {
    const { videoId, folder } = await aReadyVideo()
    const mediaId = await upload({
      kind: 'captions',
      text: 'WEBVTT\n\n00:00.000 --> 00:01.000\nHi',
    })
    expect(await put(videoId, mediaId)).toMatchObject({
      status: 200,
      body: { captions: [{ language: 'en', label: 'English', mediaId }] },
    })
    const [changed] = await events('video.captions_changed', videoId)
    expect(changed?.data).toMatchObject({ version: 1, masterPlaylist: 'master-1.m3u8' })
    const text = (name: string) => readObjectText(bucket.storage(), folder + name, 10_000)
    expect(await text('master-1.m3u8')).toContain('URI="captions-en-1.m3u8"')
    expect(await text('captions-en-1.vtt')).toContain('MPEGTS:126000')
    const remove = () => hub.delete(`/v1/videos/${videoId}/captions/en`, { as: owner })
    expect(await remove()).toMatchObject({ status: 200, body: { captions: [] } })
    expect((await remove()).status).toBe(200)
    expect(await text('master-2.m3u8')).not.toContain('SUBTITLES')
    expect(await events('video.captions_changed', videoId)).toHaveLength(2)
  })

  it('are kept for a run in progress', async () => {
    const { videoId } = await aVideo()
    const mediaId = await upload({ kind: 'captions', text: 'WEBVTT\n' })
    expect(await put(videoId, mediaId)).toMatchObject({ body: { captions: [{ language: 'en' }] } })
    expect(await events('video.captions_changed', videoId)).toEqual([])
  })

  it('are refused when they are unknown, somebody else’s or no WebVTT', async () => {
    const { videoId } = await aReadyVideo()
    expect(await put(videoId, newId('media'))).toMatchObject({
      status: 409,
      body: { code: 'video.captions_unknown' },
    })
    const wrong = await upload({ kind: 'captions', text: '1\n00:00:00,000 --> 00:00:01,000\nHi' })
    expect(await put(videoId, wrong)).toMatchObject({
      status: 422,
      body: { code: 'video.captions_invalid' },
    })
    expect((await put(videoId, wrong, owner, 'not a language')).status).toBe(400)
  })

  it('are taken in twenty languages at most', async () => {
    const { videoId } = await aVideo()
    const mediaId = await upload({ kind: 'captions', text: 'WEBVTT\n' })
    for (let index = 0; index < 20; index += 1)
      await put(videoId, mediaId, owner, `a${String.fromCharCode(97 + index)}`)
    expect(await put(videoId, mediaId, owner, 'en')).toMatchObject({
      status: 422,
      body: { code: 'video.captions_full' },
    })
    expect((await put(videoId, mediaId, owner, 'aa')).status).toBe(200)
  })
})

describe('media.deleted', () => {
  it('takes the video along: its run, its answer and its files', async () => {
    const mediaId = await upload()
    const videoId = videoIdOf(mediaId)
    const folder = `videos/${organizationId}/${videoId}/v1/`
    await putObject(bucket.storage(), `${folder}a.ts`, { body: 'x', contentType: 'video/MP2T' })
    await hub.deliver('media.deleted', { mediaId, organizationId }, { organizationId })
    expect((await hub.get(`/v1/videos/${videoId}`, { as: owner })).status).toBe(404)
    expect(stopped).toContain(`${videoId}-1`)
    await hub.runJob('sweep')
    expect(await listFolder(bucket.storage(), { prefix: folder, objectsMax: 10 })).toEqual([])
  })
})

describe('a file that is gone', () => {
  it('begins no video, however late the news of its upload is redriven', async () => {
    const mediaId = newId('media')
    await hub.deliver('media.deleted', { mediaId, organizationId }, { organizationId })
    await upload({ mediaId })
    const { status } = await hub.get(`/v1/videos/${videoIdOf(mediaId)}`, { as: owner })
    expect(status).toBe(404)
    expect(await events('video.processing_started', videoIdOf(mediaId))).toEqual([])
  })

  it('leaves no captions to attach either', async () => {
    const { videoId } = await aReadyVideo()
    const mediaId = newId('media')
    await hub.deliver('media.deleted', { mediaId, organizationId }, { organizationId })
    await upload({ mediaId, kind: 'captions', text: 'WEBVTT\n' })
    const body = { mediaId, label: 'English' }
    const put = await hub.put(`/v1/videos/${videoId}/captions/en`, { as: owner, body })
    expect(put.body.code).toBe('video.captions_unknown')
  })

  it('has no running video, though upload and removal come at once', async () => {
    const mediaIds = Array.from({ length: 10 }, () => newId('media'))
    await Promise.all(
      mediaIds.flatMap((mediaId) => [
        upload({ mediaId }),
        hub.deliver('media.deleted', { mediaId, organizationId }, { organizationId }),
      ]),
    )
    for (const mediaId of mediaIds)
      expect((await hub.get(`/v1/videos/${videoIdOf(mediaId)}`, { as: owner })).status).toBe(404)
  })
})

describe('who sees and manages videos', () => {
  it('pages through the organisation’s videos, or finds the one of a file', async () => {
    const ids = [await upload(), await upload(), await upload()].map(videoIdOf)
    const list = async (query: string) => (await hub.get(`/v1/videos${query}`, { as: owner })).body
    const first = await list('?limit=2')
    const second = await list(`?limit=2&cursor=${first.nextCursor}`)
    const seen = [...first.items, ...second.items].map(({ videoId }) => videoId)
    expect(seen).toEqual(ids.toReversed())
    const mediaId = `med_${ids[1]?.slice(4)}`
    expect((await list(`?mediaId=${mediaId}`)).items).toMatchObject([{ videoId: ids[1] }])
    expect((await hub.get('/v1/videos?cursor=bm8', { as: owner })).status).toBe(400)
    expect((await hub.get('/v1/videos')).status).toBe(401)
    const learner = somebody('learner', { organizationId })
    expect((await hub.get('/v1/videos', { as: learner })).status).toBe(403)
    expect((await hub.get('/v1/videos', { as: stranger })).body.items).toEqual([])
  })

  it('hides the management of a video from all but its owner and admins', async () => {
    const { videoId } = await aReadyVideo()
    for (const [method, path, body] of [
      ['POST', '/reprocess', undefined],
      ['POST', '/cancel', undefined],
      ['PUT', '/captions/en', { mediaId: newId('media'), label: 'E' }],
      ['DELETE', '/captions/en', undefined],
    ] as const) {
      const call = (as?: Principal) =>
        hub.call(method, `/v1/videos/${videoId}${path}`, { ...(as && { as }), body })
      expect((await call()).status).toBe(401)
      for (const as of [colleague, stranger])
        expect(await call(as)).toMatchObject({ status: 404, body: { code: 'video.not_found' } })
    }
    expect((await hub.post(`/v1/videos/${videoId}/reprocess`, { as: admin })).status).toBe(202)
    expect((await hub.get(`/v1/videos/${videoId}`, { as: stranger })).status).toBe(404)
    expect((await hub.get(`/v1/videos/${videoId}`, { as: colleague })).status).toBe(200)
    expect((await hub.get('/v1/videos/nonsense', { as: owner })).status).toBe(400)
  })

  it('is the second wall’s business too', async () => {
    await aVideo()
    hub.clock.advanceMs(DAY_MS)
    const rows = await database.as('video-processing').pool.query(
      `select video_id from video_processing.videos
       union select video_id from video_processing.processings`,
    )
    expect(rows.rowCount).toBe(0)
  })
})

describe('the contract', () => {
  it('has been shown in full by the tests above', () => {
    expect(hub.uncovered()).toEqual([])
  })
})
