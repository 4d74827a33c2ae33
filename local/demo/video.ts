import { createHash } from 'node:crypto'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { mediaContract } from '../../shared/contracts/media.ts'
import { videoProcessingContract } from '../../shared/contracts/video-processing.ts'
import type { MediaId } from '../../shared/kernel/id.ts'
import type { Api } from './api.ts'
import { until } from './until.ts'

type Percent = (value: number) => void

/** Of a video of some hours on a laptop. */
const PROCESSING_TIMEOUT_MS = 4 * 60 * 60 * 1_000

/**
 * Uploads a file as a browser would: straight to storage, part by part, each to its signed URL.
 *
 * @throws Refused with the reason when the hub does not want it.
 */
export const uploadFile = async (
  api: Api,
  { file, kind }: { file: string; kind: 'video' | 'captions' },
  percent: Percent,
): Promise<MediaId> => {
  const { size } = await stat(file)
  const upload = await api.call(mediaContract, 'createUpload', {
    body: { kind, name: basename(file), sizeBytes: size },
  })
  const { mediaId } = upload
  const handle = await open(file)
  try {
    const sha256 = await sendParts(api, { mediaId, handle, size, percent })
    const uploaded = await api.call(mediaContract, 'completeUpload', {
      params: { mediaId },
      body: { sha256 },
    })
    if (uploaded.kind !== kind) throw new Error(`The file is no ${kind} but ${uploaded.kind}.`)
    return mediaId
  } finally {
    await handle.close()
  }
}

const sendParts = async (
  api: Api,
  {
    mediaId,
    handle,
    size,
    percent,
  }: { mediaId: MediaId; handle: FileHandle; size: number; percent: Percent },
): Promise<string> => {
  const hash = createHash('sha256')
  let sent = 0
  let cursor: string | undefined
  do {
    const page = await api.call(mediaContract, 'listParts', {
      params: { mediaId },
      query: { cursor, limit: 100 },
    })
    for (const { sizeBytes, url } of page.items) {
      const part = Buffer.alloc(sizeBytes)
      await handle.read({ buffer: part, position: sent })
      hash.update(part)
      if (url) await putPart(url, part)
      sent += sizeBytes
      percent((sent / size) * 100)
    }
    cursor = page.nextCursor ?? undefined
  } while (cursor)
  return hash.digest('hex')
}

const putPart = async (url: string, part: Buffer<ArrayBuffer>) => {
  const answer = await fetch(url, { method: 'PUT', body: part })
  if (!answer.ok) throw new Error(`Storage refused a part with ${answer.status}.`)
}

/**
 * Waits until the uploaded video can be watched.
 *
 * @returns its duration in milliseconds.
 * @throws an Error with the reason in words when it cannot be processed.
 */
export const awaitVideo = async (api: Api, mediaId: MediaId, percent: Percent): Promise<number> =>
  until(
    'the video to be processed',
    async () => {
      const { items } = await api.call(videoProcessingContract, 'listVideos', {
        query: { mediaId, limit: 1 },
      })
      const video = items[0]
      if (!video) return undefined
      percent(video.processing.percent)
      const { state, reason } = video.processing
      if (state === 'failed' || state === 'cancelled')
        throw new Error(reason ?? `The processing was ${state}.`)
      return video.live?.durationMs
    },
    { timeoutMs: PROCESSING_TIMEOUT_MS },
  )
