import type { Instant } from '../../../shared/kernel/time.ts'
import { isMissing, readObjectText, storageUnavailable } from '../../../shared/storage/objects.ts'
import type { Storage } from '../../../shared/storage/open.ts'
import type { Grant } from '../domain/grant.ts'
import { isPlaylist, isSafePath, type Rewrite, resolveBelow } from '../domain/playlists.ts'
import { fileNotFound } from '../errors.ts'

/** An answer of the load balancer holds 1 MB; a playlist grows when it is rewritten. */
const DOCUMENT_BYTES_MAX = 500_000

/**
 * A signed address has up to 1.6 KB (the session token of a Lambda's role is in it), so a document
 * holds so many at
 * most; a longer one points at `file`, which redirects to one signed address at a time.
 */
export const SIGNED_REFERENCES_MAX = 500

/** The longest that S3 lets a signature last. */
const SIGNATURE_SECONDS_MAX = 7 * 24 * 60 * 60

type Viewed = Pick<Grant, 'rendition' | 'expiresAt'>

/**
 * A playlist or WebVTT file with every reference inside it signed, or leading back here below the
 * same token.
 *
 * @throws `playback.file_not_found` for a path that leads out of the rendition, and for a document
 * that does.
 */
export const deliver = async (
  storage: Storage,
  { grant, path, rewrite, now }: { grant: Viewed; path: string; rewrite: Rewrite; now: Instant },
): Promise<string> => {
  const text = await readDocument(storage, { grant, path })
  const targets = new Map<string, string>()
  let references = 0
  rewrite(text, (reference) => {
    const target = resolveBelow(path, reference)
    if (target === undefined) throw fileNotFound()
    targets.set(reference, target)
    references += 1
    return reference
  })
  const isSigned = references <= SIGNED_REFERENCES_MAX
  const links = new Map<string, string>()
  for (const [reference, target] of targets) {
    const here = isPlaylist(target) ? 'media.m3u8' : isSigned ? undefined : 'file'
    const link = here
      ? `${here}?path=${encodeURIComponent(target)}`
      : await signedFile(storage, { grant, path: target, now })
    links.set(reference, link)
  }
  return rewrite(text, (reference) => links.get(reference) ?? reference)
}

/** One file of the rendition, for as long as the grant lasts. @throws `playback.file_not_found` */
export const signedFile = async (
  storage: Storage,
  { grant, path, now }: { grant: Viewed; path: string; now: Instant },
): Promise<string> => {
  if (!isSafePath(path) || storage.bucket !== grant.rendition.bucket) throw fileNotFound()
  const seconds = Math.floor((grant.expiresAt - now) / 1_000)
  return storage.signedUrl(`${grant.rendition.prefix}${path}`, {
    seconds: Math.min(Math.max(1, seconds), SIGNATURE_SECONDS_MAX),
  })
}

const readDocument = async (
  storage: Storage,
  { grant, path }: { grant: Viewed; path: string },
): Promise<string> => {
  const { bucket, prefix } = grant.rendition
  if (!isSafePath(path) || storage.bucket !== bucket) throw fileNotFound()
  const text = await readObjectText(storage, `${prefix}${path}`, DOCUMENT_BYTES_MAX + 1).catch(
    (error: unknown) => {
      throw isMissing(error) ? fileNotFound() : storageUnavailable(error)
    },
  )
  if (Buffer.byteLength(text) > DOCUMENT_BYTES_MAX) throw fileNotFound()
  return text
}
