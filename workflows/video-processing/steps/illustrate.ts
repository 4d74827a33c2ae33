import jpeg from 'jpeg-js'
import { folderOf, type Source } from '../../../functions/video-processing/domain/processing.ts'
import { assert } from '../../../shared/kernel/assert.ts'
import type { Step } from '../../../shared/lambda/step.ts'
import { listFolder, putObject, readObjectHead } from '../../../shared/storage/objects.ts'
import type { Storage } from '../../../shared/storage/open.ts'
import {
  POSTER,
  POSTER_FRAMES,
  SPRITE,
  spriteLayout,
  THUMBNAIL_FRAMES,
  THUMBNAILS,
  THUMBNAILS_MAX,
  thumbnailSeconds,
  thumbnailTrack,
} from '../domain/pictures.ts'
import { OutputBroken } from '../errors.ts'
import { hold, type StepDeps, type StepInput } from './hold.ts'

/** A captured picture of 1280 pixels is a tenth of this, in bytes. */
const FRAME_BYTES_MAX = 4 * 1_024 ** 2
const SPRITE_QUALITY = 75
const JPEG = 'image/jpeg'

/**
 * Makes the poster, and one sprite of the thumbnails with the WebVTT that says where each stands.
 */
export const illustrate: Step<StepInput, void, StepDeps> = async (input, call, { storage }) => {
  const { processing } = await hold(input, { stage: 'illustrating', percent: 91 }, call)
  const folder = folderOf(processing)
  assert(processing.source, 'what was encoded was probed')
  const posters = await frames(storage, folder + POSTER_FRAMES)
  await putObject(storage, folder + POSTER, { body: lastOf(posters), contentType: JPEG })
  const thumbnails = await frames(storage, folder + THUMBNAIL_FRAMES)
  const { sprite, track } = assemble(thumbnails, processing.source)
  await putObject(storage, folder + SPRITE, { body: sprite, contentType: JPEG })
  await putObject(storage, folder + THUMBNAILS, { body: track, contentType: 'text/vtt' })
}

/** The captured pictures whose names begin so, in the order of their numbers. */
const frames = async (storage: Storage, prefix: string): Promise<Buffer[]> => {
  const objects = await listFolder(storage, { prefix, objectsMax: THUMBNAILS_MAX + 1 })
  const found: Buffer[] = []
  for (const { key } of objects.slice(0, THUMBNAILS_MAX))
    found.push(await readObjectHead(storage, key, FRAME_BYTES_MAX))
  return found
}

const lastOf = (posters: readonly Buffer[]): Buffer => {
  const poster = posters.at(-1)
  if (!poster) throw new OutputBroken('output_incomplete', 'The encoder made no poster.')
  return poster
}

const assemble = (
  thumbnails: readonly Buffer[],
  source: Source,
): { sprite: Uint8Array; track: string } => {
  const pictures = thumbnails.map((bytes) => jpeg.decode(bytes, { useTArray: true }))
  const [tile] = pictures
  if (!tile) throw new OutputBroken('output_incomplete', 'The encoder made no thumbnails.')
  const size = { widthPx: tile.width, heightPx: tile.height }
  const layout = spriteLayout(pictures.length, {
    tile: size,
    everySeconds: thumbnailSeconds(source),
    durationMs: source.durationMs,
  })
  const canvas = Buffer.alloc(layout.widthPx * layout.heightPx * RGBA_BYTES)
  for (const [index, picture] of pictures.entries()) {
    const place = layout.tiles[index]
    if (place && picture.width === tile.width && picture.height === tile.height)
      paste(picture, { canvas, canvasWidthPx: layout.widthPx, ...place })
  }
  const image = { data: canvas, width: layout.widthPx, height: layout.heightPx }
  return { sprite: jpeg.encode(image, SPRITE_QUALITY).data, track: thumbnailTrack(layout, size) }
}

const RGBA_BYTES = 4

const paste = (
  picture: { readonly width: number; readonly height: number; readonly data: Uint8Array },
  {
    canvas,
    canvasWidthPx,
    leftPx,
    topPx,
  }: { canvas: Buffer; canvasWidthPx: number; leftPx: number; topPx: number },
): void => {
  const lineBytes = picture.width * RGBA_BYTES
  for (let line = 0; line < picture.height; line += 1) {
    const from = line * lineBytes
    const to = ((topPx + line) * canvasWidthPx + leftPx) * RGBA_BYTES
    canvas.set(picture.data.subarray(from, from + lineBytes), to)
  }
}
