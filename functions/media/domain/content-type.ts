import { fileTypeFromBuffer } from 'file-type'
import type { MediaKind } from './media.ts'

/** So much of a file's beginning decides what it is, in bytes: office documents name themselves late. */
export const SNIFFED_BYTES = 64 * 1_024

export type Sniffed =
  | { readonly ok: true; readonly kind: MediaKind; readonly contentType: string }
  | { readonly ok: false; readonly reason: string }

/**
 * What the first bytes of a file prove it to be; its name and what the client says count for nothing. Of text formats
 * only WebVTT is taken, which has a header of its own.
 */
export const sniff = async (head: Uint8Array): Promise<Sniffed> => {
  const found = await fileTypeFromBuffer(head)
  const text = printableText(head)
  if (found === undefined || found.mime === 'application/xml') return sniffText(text)
  const contentType = found.mime
  for (const [kind, types] of Object.entries(ALLOWED) as [MediaKind, readonly string[]][])
    if (types.includes(contentType)) return { ok: true, kind, contentType }
  return { ok: false, reason: `Files of type ${contentType} are not taken.` }
}

/** What is taken, by kind: everything else is refused by the name of its type. */
const ALLOWED = {
  video: [
    'video/mp4',
    'video/quicktime',
    'video/x-m4v',
    'video/3gpp',
    'video/3gpp2',
    'video/webm',
    'video/matroska',
    'video/vnd.avi',
    'video/mp2t',
    'video/mpeg',
    'video/MP1S',
    'video/MP2P',
    'video/x-flv',
    'video/ogg',
    'video/x-ms-asf',
    'application/mxf',
  ],
  image: ['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/avif'],
  document: [
    'application/pdf',
    'application/epub+zip',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    'application/vnd.oasis.opendocument.text',
    'application/vnd.oasis.opendocument.presentation',
    'application/vnd.oasis.opendocument.spreadsheet',
  ],
  audio: [
    'audio/mpeg',
    'audio/mp4',
    'audio/x-m4a',
    'audio/aac',
    'audio/wav',
    'audio/ogg',
    'audio/ogg; codecs=opus',
    'audio/flac',
    'audio/x-flac',
  ],
  captions: ['text/vtt'],
} as const satisfies Record<MediaKind, readonly string[]>

const sniffText = (text: string): Sniffed => {
  if (/^\s*#EXTM3U/.test(text)) return refusedAs('A playlist')
  if (/^\s*ffconcat\b/.test(text) || /^\s*file\s+['"]?\S/.test(text))
    return refusedAs('A file list')
  // An SVG is a document that runs scripts and fetches what it names.
  if (/<svg[\s>]/i.test(text)) return refusedAs('An SVG')
  return { ok: false, reason: 'The file is of no type that is taken.' }
}

const refusedAs = (what: string): Sniffed => ({
  ok: false,
  reason: `${what} is not taken: it points at other files.`,
})

const printableText = (head: Uint8Array): string =>
  new TextDecoder('utf-8').decode(head).replace(/^\uFEFF/, '')
