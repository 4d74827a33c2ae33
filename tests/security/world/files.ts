import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Api } from '../../../local/demo/api.ts'
import { ffmpegPath } from '../../../local/mediaconvert/tool-paths.ts'
import { mediaContract } from '../../../shared/contracts/media.ts'
import type { MediaId } from '../../../shared/kernel/id.ts'

/** The smallest PNG: one transparent pixel. */
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

export const WEBVTT = Buffer.from('WEBVTT\n\n00:00.000 --> 00:01.000\nA cut.\n')

/** A film of a second, as small as a film may be: it is transcoded in no time. */
export const makeFilm = async (): Promise<Uint8Array<ArrayBuffer>> => {
  const folder = await mkdtemp(join(tmpdir(), 'hub-film-'))
  try {
    const path = join(folder, 'film.mp4')
    const picture = ['-f', 'lavfi', '-i', 'testsrc=s=64x64:r=10:d=1', '-pix_fmt', 'yuv420p']
    await promisify(execFile)(ffmpegPath(), ['-v', 'error', ...picture, '-threads', '1', path])
    return new Uint8Array(await readFile(path))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

type Upload = {
  readonly kind: 'video' | 'image' | 'document' | 'audio' | 'captions'
  readonly name: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Uploads a file of one part as a client would. @throws Refused when the hub does not take it. */
export const uploadFile = async (api: Api, { kind, name, bytes }: Upload): Promise<MediaId> => {
  const { mediaId } = await api.call(mediaContract, 'createUpload', {
    body: { kind, name, sizeBytes: bytes.byteLength },
  })
  const { items } = await api.call(mediaContract, 'listParts', { params: { mediaId } })
  const url = items[0]?.url
  if (items.length !== 1 || !url) throw new Error('The file does not fit into one part.')
  const stored = await fetch(url, { method: 'PUT', body: bytes })
  if (!stored.ok) throw new Error(`Storage refused the part with ${stored.status}.`)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  await api.call(mediaContract, 'completeUpload', { params: { mediaId }, body: { sha256 } })
  return mediaId
}
