import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { defineEvents, type EventOf } from './envelope.ts'

const video = {
  videoId: idSchema('video'),
  mediaId: idSchema('media'),
  organizationId: idSchema('organization'),
  ownerId: idSchema('account'),
  /** Counts the processings of one video; each has its own folder of outputs. */
  version: z.int().positive(),
}

const version = z.object({
  ...video,
  durationMs: z.int().positive(),
  widthPx: z.int().positive(),
  heightPx: z.int().positive(),
  bucket: z.string(),
  /** The folder that holds everything of this version, with a slash at its end. */
  prefix: z.string(),
  /** Below the prefix. */
  masterPlaylist: z.string(),
  poster: z.string(),
  sprite: z.string(),
  thumbnails: z.string(),
})

export const videoProcessingEvents = defineEvents({
  'video.processing_started': { key: 'videoId', data: z.object(video) },
  /** Published in one step, once for each version: every playlist and segment was there and was read. */
  'video.ready': { key: 'videoId', data: version },
  /** The version that is live has another master playlist, for its captions. */
  'video.captions_changed': { key: 'videoId', data: version },
  'video.failed': {
    key: 'videoId',
    data: z.object({ ...video, reasonCode: z.string(), reason: z.string() }),
  },
  'video.cancelled': { key: 'videoId', data: z.object(video) },
})

export type VideoProcessingEvent = EventOf<typeof videoProcessingEvents>
