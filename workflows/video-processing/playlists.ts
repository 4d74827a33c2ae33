import HLS from 'hls-parser'
import { readObjectText } from '../../shared/storage/objects.ts'
import type { Storage } from '../../shared/storage/open.ts'
import { OutputBroken } from './errors.ts'

// What matters is checked below; the parser would print the rest.
HLS.setOptions({ silent: true })

/** Four hours in segments of six seconds are 2,400 lines of two; in bytes, with room. */
const PLAYLIST_BYTES_MAX = 1_024 ** 2

export type MediaList = {
  readonly uri: string
  readonly durationMs: number
  readonly segmentUris: readonly string[]
}

export type MasterList = {
  readonly text: string
  readonly variantUris: readonly string[]
  readonly captionUris: readonly string[]
}

/** @throws OutputBroken if it is not there or no master playlist. */
export const readMaster = async (storage: Storage, key: string): Promise<MasterList> => {
  const { text, playlist } = await read(storage, key)
  if (!playlist.isMasterPlaylist || playlist.variants.length === 0) throw broken(key)
  const subtitles = playlist.variants.flatMap((variant) => variant.subtitles)
  return {
    text,
    variantUris: playlist.variants.map(({ uri }) => uri),
    captionUris: [...new Set(subtitles.flatMap(({ uri }) => (uri ? [uri] : [])))],
  }
}

/**
 * A complete media playlist below `folder`. @throws OutputBroken if it is not there or has no end.
 */
export const readMediaList = async (
  storage: Storage,
  folder: string,
  uri: string,
): Promise<MediaList> => {
  const { playlist } = await read(storage, folder + uri)
  if (playlist.isMasterPlaylist || !playlist.endlist || playlist.segments.length === 0)
    throw broken(uri)
  const seconds = playlist.segments.reduce((sum, segment) => sum + segment.duration, 0)
  const segmentUris = playlist.segments.map((segment) => segment.uri)
  return { uri, durationMs: Math.round(seconds * 1_000), segmentUris }
}

const read = async (storage: Storage, key: string) => {
  try {
    const text = await readObjectText(storage, key, PLAYLIST_BYTES_MAX)
    const playlist = HLS.parse(text) as HLS.types.MasterPlaylist | HLS.types.MediaPlaylist
    return { text, playlist }
  } catch (cause) {
    throw broken(key, cause)
  }
}

const broken = (name: string, cause?: unknown) =>
  Object.assign(
    new OutputBroken('output_incomplete', `The playlist ${name.split('/').at(-1)} is not right.`),
    { cause },
  )
