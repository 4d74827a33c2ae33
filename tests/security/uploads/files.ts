import { createHash } from 'node:crypto'
import { strToU8, zipSync } from 'fflate'
import type { Api } from '../../../local/demo/api.ts'
import { mediaContract } from '../../../shared/contracts/media.ts'
import type { MediaId } from '../../../shared/kernel/id.ts'
import { PNG } from '../world/files.ts'

/** What somebody uploads who means no good. */
export type HostileFile = {
  readonly title: string
  readonly kind: 'image' | 'document' | 'video'
  readonly bytes: Uint8Array<ArrayBuffer>
}

const SCRIPT = '<html><body><script>alert(document.domain)</script></body></html>'
const bytesOf = (...parts: (string | Uint8Array)[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part as string))))
const archive = () => zipSync({ 'evil.html': strToU8(SCRIPT) })

/** Two things at once: taken for what its first bytes prove, and shown as nothing else. */
export const POLYGLOTS: readonly HostileFile[] = [
  { title: 'a GIF that is a page', kind: 'image', bytes: bytesOf('GIF89a', `/*${SCRIPT}*/`) },
  { title: 'a PNG with a page behind it', kind: 'image', bytes: bytesOf(PNG, SCRIPT) },
  { title: 'a PNG with an archive behind it', kind: 'image', bytes: bytesOf(PNG, archive()) },
  {
    title: 'a PDF that is a page',
    kind: 'document',
    bytes: bytesOf('%PDF-1.7\n', SCRIPT, '\n%%EOF'),
  },
]

/** Nothing that is taken, whatever it is called. */
export const REFUSED: readonly HostileFile[] = [
  { title: 'a page', kind: 'image', bytes: bytesOf(SCRIPT) },
  { title: 'a script', kind: 'image', bytes: bytesOf('#!/bin/sh\nid\n') },
  {
    title: 'an SVG with a script',
    kind: 'image',
    bytes: bytesOf('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
  },
  { title: 'an archive called a document', kind: 'document', bytes: bytesOf(archive()) },
  { title: 'a program called a film', kind: 'video', bytes: bytesOf('MZ', 'x'.repeat(500)) },
  {
    title: 'an ELF program called a document',
    kind: 'document',
    bytes: bytesOf('\x7fELF', '\x02\x01\x01', '\0'.repeat(200)),
  },
  { title: 'a picture called a film', kind: 'video', bytes: bytesOf(PNG) },
]

const BOMB_BYTES = 64 * 1_024 ** 2

/** 64 MB of nothing in some kilobytes, shaped like the start of an office document. */
export const zipBomb = (): Uint8Array<ArrayBuffer> =>
  new Uint8Array(
    zipSync({
      '[Content_Types].xml': new Uint8Array(BOMB_BYTES),
      'word/document.xml': strToU8('x'),
    }),
  )

export type Begun = { readonly mediaId: MediaId; readonly url: string; readonly sha256: string }

/** Begins an upload of one part and says where it goes. */
export const begin = async (
  api: Api,
  { kind, name, bytes }: Omit<HostileFile, 'title'> & { name: string },
): Promise<Begun> => {
  const { mediaId } = await api.call(mediaContract, 'createUpload', {
    body: { kind, name, sizeBytes: bytes.byteLength },
  })
  const { items } = await api.call(mediaContract, 'listParts', { params: { mediaId } })
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { mediaId, sha256, url: items[0]?.url ?? '' }
}

export const put = async (
  url: string,
  body: Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<number> => (await fetch(url, { method: 'PUT', body, headers })).status

export const complete = (api: Api, { mediaId, sha256 }: Begun) =>
  api.call(mediaContract, 'completeUpload', { params: { mediaId }, body: { sha256 } })

/** The file as whoever may read it gets it. */
export const download = async (
  api: Api,
  mediaId: MediaId,
  disposition: 'attachment' | 'inline' = 'inline',
) => {
  const { url } = await api.call(mediaContract, 'signDownload', {
    params: { mediaId },
    query: { disposition },
  })
  const answer = await fetch(url)
  return {
    type: answer.headers.get('content-type') ?? '',
    disposition: answer.headers.get('content-disposition') ?? '',
    bytes: new Uint8Array(await answer.arrayBuffer()),
  }
}
