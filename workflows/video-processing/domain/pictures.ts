import type { Source } from '../../../functions/video-processing/domain/processing.ts'

/**
 * Where the encoder leaves single pictures, below the version's folder; gone once they are
 * assembled.
 */
export const FRAMES_FOLDER = 'frames/'
export const FRAMES = `${FRAMES_FOLDER}frame`
export const POSTER_FRAMES = `${FRAMES}_poster`
export const THUMBNAIL_FRAMES = `${FRAMES}_thumbnail`

export const POSTER = 'poster.jpg'
export const SPRITE = 'sprite.jpg'
export const THUMBNAILS = 'thumbnails.vtt'

/** Pictures of one sprite: a pointer on a progress bar tells no more of them apart. */
export const THUMBNAILS_MAX = 100
const THUMBNAIL_LONG_PX = 160
const SPRITE_COLUMNS = 10

/** Seconds from one thumbnail to the next. */
export const thumbnailSeconds = ({ durationMs }: Source): number =>
  Math.max(1, Math.ceil(durationMs / 1_000 / THUMBNAILS_MAX))

/** The second picture at this distance is a quarter in: the first is often black. */
export const posterEverySeconds = ({ durationMs }: Source): number =>
  Math.max(1, Math.floor(durationMs / 4_000))

/**
 * As large as it may be, in the source's shape, with even sides of 32 at least: the encoder makes
 * no smaller ones.
 */
export const thumbnailSize = ({ widthPx, heightPx }: Source) => {
  const scale = Math.min(1, THUMBNAIL_LONG_PX / Math.max(widthPx, heightPx))
  const even = (pixels: number) => Math.max(32, Math.floor((pixels * scale) / 2) * 2)
  return { widthPx: even(widthPx), heightPx: even(heightPx) }
}

export type Tile = {
  readonly leftPx: number
  readonly topPx: number
  readonly fromMs: number
  readonly toMs: number
}

export type SpriteLayout = {
  readonly widthPx: number
  readonly heightPx: number
  readonly tiles: readonly Tile[]
}

/**
 * Where each thumbnail stands in the sprite, and which part of the video it stands for; the last
 * goes to the end.
 */
export const spriteLayout = (
  count: number,
  {
    tile,
    everySeconds,
    durationMs,
  }: {
    tile: { readonly widthPx: number; readonly heightPx: number }
    everySeconds: number
    durationMs: number
  },
): SpriteLayout => {
  const tiles = Array.from({ length: count }, (_, index) => ({
    leftPx: (index % SPRITE_COLUMNS) * tile.widthPx,
    topPx: Math.floor(index / SPRITE_COLUMNS) * tile.heightPx,
    fromMs: index * everySeconds * 1_000,
    toMs: index === count - 1 ? durationMs : (index + 1) * everySeconds * 1_000,
  })).filter(({ fromMs, toMs }) => fromMs < toMs)
  return {
    widthPx: Math.min(count, SPRITE_COLUMNS) * tile.widthPx,
    heightPx: Math.ceil(count / SPRITE_COLUMNS) * tile.heightPx,
    tiles,
  }
}

/** WebVTT whose cues name a region of the sprite (Media Fragments URI 1.0, section 4.2.2). */
export const thumbnailTrack = (
  { tiles }: SpriteLayout,
  tile: { readonly widthPx: number; readonly heightPx: number },
): string => {
  const cues = tiles.map(
    ({ leftPx, topPx, fromMs, toMs }) =>
      `${timestamp(fromMs)} --> ${timestamp(toMs)}\n` +
      `${SPRITE}#xywh=${leftPx},${topPx},${tile.widthPx},${tile.heightPx}\n`,
  )
  return `WEBVTT\n\n${cues.join('\n')}`
}

const timestamp = (ms: number): string => {
  const pad = (value: number, width: number) => String(value).padStart(width, '0')
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor(ms / 60_000) % 60
  const seconds = Math.floor(ms / 1_000) % 60
  return `${pad(hours, 2)}:${pad(minutes, 2)}:${pad(seconds, 2)}.${pad(ms % 1_000, 3)}`
}
