import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Person } from '../../../local/demo/people.ts'
import { awaitVideo, uploadFile } from '../../../local/demo/video.ts'
import { loadStream } from '../../../local/demo/watch.ts'
import { videoProcessingContract } from '../../../shared/contracts/video-processing.ts'
import { videoStreamingContract } from '../../../shared/contracts/video-streaming.ts'
import type { MediaId } from '../../../shared/kernel/id.ts'
import { pause } from '../../../shared/kernel/pulse.ts'
import { eventually } from '../../support/eventually.ts'
import type { FaultRow } from '../fault-row.ts'
import { type FaultHub, openHub, root } from '../hub/hub.ts'
import { descendantsOf } from '../hub/processes.ts'

const VIDEOS = { slice: 1, long: 6 }
const SAMPLE_VIDEO = join(root, 'local', 'sample', 'bigbuckbunny.mp4')
const BEGIN_TIMEOUT_MS = 120_000
const DELAY_MS_MAX = 800

/**
 * While videos are transcoded, the encoder's processes are killed, and once the whole node with everything on it. Each
 * video becomes ready exactly once, with every segment that its playlists name.
 */
export const transcodeKilled: FaultRow = {
  row: 19,
  name: 'the transcoder and its node are killed',
  async run(context) {
    const hub = await openHub(context)
    const random = context.random.fork('kills')
    const healedMs: number[] = []
    const violations: string[] = []
    let faults = 0
    for (let video = 0; video < VIDEOS[context.isLong ? 'long' : 'slice']; video += 1) {
      let admin = await hub.admin()
      const mediaId = await uploadFile(admin.api, { file: SAMPLE_VIDEO, kind: 'video' }, () => {})
      await untilTranscoding(admin, mediaId)
      faults += await killEncoders(hub)
      await pause(random.int(DELAY_MS_MAX), context.signal)
      const startedAt = performance.now()
      await hub.process().kill()
      await hub.restart()
      faults += 1
      admin = await hub.admin()
      const durationMs = await awaitVideo(admin.api, mediaId, () => {})
      healedMs.push(Math.round(performance.now() - startedAt))
      if (durationMs < 5_000) violations.push(`G1 the video lasts ${durationMs} ms`)
      violations.push(...(await walk(hub, admin, mediaId)), ...(await readyOnce(hub, mediaId)))
    }
    return { followed: healedMs.length, faults, lost: 0, doubled: 0, violations, healedMs }
  },
}

const untilTranscoding = (admin: Person, mediaId: MediaId) =>
  eventually(
    async () => {
      const { items } = await admin.api.call(videoProcessingContract, 'listVideos', {
        query: { mediaId },
      })
      if (items[0]?.processing.state !== 'processing') throw new Error('nothing is processed yet')
    },
    { timeoutMs: BEGIN_TIMEOUT_MS },
  )

/** @returns how many were there to be killed. */
const killEncoders = async (hub: FaultHub): Promise<number> => {
  const encoders = await eventually(
    async () => {
      const found = (await descendantsOf(hub.process().pid)).filter(({ command }) =>
        /ffmpeg/.test(command),
      )
      if (found.length === 0) throw new Error('no encoder runs')
      return found
    },
    { timeoutMs: 15_000 },
    // A short film may be encoded before anybody has looked.
  ).catch(() => [])
  for (const { pid } of encoders)
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  return encoders.length
}

/** Every playlist and segment of the video is there, as a player finds them, and nothing beside. */
const walk = async (hub: FaultHub, admin: Person, mediaId: MediaId): Promise<readonly string[]> => {
  // That the video is ready has yet to reach those who play it.
  const { playlistUrl } = await eventually(
    () => admin.api.call(videoStreamingContract, 'startPreview', { body: { mediaId } }),
    { timeoutMs: BEGIN_TIMEOUT_MS },
  )
  const { renditions, segments } = await loadStream(playlistUrl)
  const stored = await storedSegments(hub, mediaId)
  return [
    ...(renditions > 0 && segments > 0 ? [] : ['G1 the playlists are empty']),
    ...(stored === segments ? [] : [`G5 ${stored} segments are stored, ${segments} are named`]),
  ]
}

/** As the local S3 keeps them: one record an object. */
const storedSegments = async ({ dataDir, query }: FaultHub, mediaId: MediaId): Promise<number> => {
  const [video] = await query<{ id: string }>(
    'select video_id as id from video_processing.videos where media_id = $1',
    [mediaId],
  )
  const folder = join(dataDir, 's3', 'buckets')
  const names = await readdir(folder, { recursive: true })
  const records = await Promise.all(
    names
      .filter((name) => name.endsWith('.json'))
      .map(
        async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as { key?: string },
      ),
  )
  return records.filter(({ key = '' }) => key.includes(`/${video?.id}/`) && key.endsWith('.ts'))
    .length
}

const readyOnce = async (hub: FaultHub, mediaId: MediaId): Promise<readonly string[]> => {
  const [row] = await hub.query<{ n: number }>(
    `select count(distinct convert_from(value, 'utf8')::jsonb ->> 'id')::int as n
     from event_log.record where topic = 'hub.video-processing.v1'
       and convert_from(value, 'utf8')::jsonb ->> 'type' = 'video.ready'
       and convert_from(value, 'utf8')::jsonb -> 'data' ->> 'mediaId' = $1`,
    [mediaId],
  )
  return row?.n === 1 ? [] : [`G2 video.ready was told ${row?.n} times`]
}
