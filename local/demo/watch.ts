import { setTimeout as delay } from 'node:timers/promises'
import * as HLS from 'hls-parser'
import {
  PLAYBACK_RATE_MAX,
  videoStreamingContract,
} from '../../shared/contracts/video-streaming.ts'
import type { CourseId, LessonId, MediaId } from '../../shared/kernel/id.ts'
import type { Api } from './api.ts'

/** A heartbeat so often, as players send them. */
const BEAT_MS = 1_000
/** The hub wants wall clock for what was watched, at the speed it was watched. */
const RATE = PLAYBACK_RATE_MAX

/**
 * Watches a video as a player would: a grant, the playlists, every segment of one rendition, and heartbeats in real time.
 *
 * @param untilMs how far.
 * @returns where the master playlist is, for as long as the grant lives.
 */
export const watch = async (
  api: Api,
  options: {
    courseId: CourseId
    lessonId: LessonId
    mediaId: MediaId
    untilMs: number
    percent: (value: number) => void
  },
): Promise<{ readonly playlistUrl: string }> => {
  const { courseId, lessonId, mediaId, untilMs, percent } = options
  const playback = await api.call(videoStreamingContract, 'startPlayback', {
    body: { courseId, lessonId, mediaId },
  })
  await loadStream(playback.playlistUrl)
  let sequence = 0
  for (let positionMs = 0; positionMs < untilMs; ) {
    await delay(BEAT_MS)
    const endMs = Math.min(positionMs + BEAT_MS * RATE, untilMs)
    sequence += 1
    await api.call(videoStreamingContract, 'sendHeartbeat', {
      params: { playbackId: playback.playbackId },
      body: {
        sequence,
        positionMs: endMs,
        playbackRate: RATE,
        intervals: [{ startMs: positionMs, endMs }],
        isLast: endMs === untilMs,
      },
    })
    positionMs = endMs
    percent((positionMs / untilMs) * 100)
  }
  return playback
}

/** Segments that are fetched to see that they are there; a long film has thousands. */
const SEGMENTS_FETCHED_MAX = 5

/** Follows the playlists of a grant down to the bytes. @returns how many renditions and segments there are. */
export const loadStream = async (
  playlistUrl: string,
): Promise<{ readonly renditions: number; readonly segments: number }> => {
  const master = HLS.parse(await textAt(playlistUrl))
  if (!master.isMasterPlaylist || !('variants' in master))
    throw new Error('The grant does not lead to a master playlist.')
  let segments = 0
  for (const variant of master.variants) {
    const mediaUrl = new URL(variant.uri, playlistUrl).href
    const media = HLS.parse(await textAt(mediaUrl))
    if (!('segments' in media)) throw new Error('A rendition has no media playlist.')
    segments += media.segments.length
    for (const segment of media.segments.slice(0, SEGMENTS_FETCHED_MAX)) {
      const answer = await fetch(new URL(segment.uri, mediaUrl))
      const bytes = (await answer.arrayBuffer()).byteLength
      if (!answer.ok || bytes === 0) throw new Error(`A segment answered ${answer.status}.`)
    }
  }
  return { renditions: master.variants.length, segments }
}

const textAt = async (url: string): Promise<string> => {
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`A playlist answered ${answer.status}.`)
  return answer.text()
}
