import { FILE_BYTES_MAX, PARTS_MAX } from '../../../shared/contracts/media.ts'
import type { MediaEvent } from '../../../shared/events/media.ts'
import type { AccountId, MediaId, OrganizationId } from '../../../shared/kernel/id.ts'
import { addMs, DAY_MS, HOUR_MS, type Instant, MINUTE_MS } from '../../../shared/kernel/time.ts'
import { mediaInUse, mediaNotReady, tooLarge, uploadOver } from '../errors.ts'

export type MediaKind = keyof typeof FILE_BYTES_MAX

export type MediaState = 'uploading' | 'ready' | 'refused' | 'aborted' | 'expired' | 'deleted'

/** A file and its upload: one thing from the first byte to the last. */
export type Media = {
  readonly mediaId: MediaId
  readonly organizationId: OrganizationId
  readonly ownerId: AccountId
  readonly kind: MediaKind
  readonly name: string
  readonly state: MediaState
  readonly sizeBytes: number
  readonly partSizeBytes: number
  readonly bucket: string
  readonly key: string
  /** S3's name of the multipart upload. */
  readonly uploadId: string
  readonly contentType: string | null
  readonly sha256: string | null
  readonly checksumVerified: boolean
  readonly refusal: string | null
  readonly createdAt: Instant
  readonly expiresAt: Instant
  /** When the reaper looks at it next; null when there is nothing left to do. */
  readonly sweepAt: Instant | null
  readonly sweeps: number
}

/** What an organisation may store unless its row says otherwise, in bytes. */
export const QUOTA_BYTES_DEFAULT = 500 * 1_024 ** 3
/** Unfinished uploads of one organisation: each may hold parts that nobody else can free. */
export const OPEN_UPLOADS_MAX = 200
/** Of them one person's: nobody takes them all from the others. */
export const OWN_OPEN_UPLOADS_MAX = 20
/** An upload that is not complete by then is given up. */
export const UPLOAD_MS_MAX = 7 * DAY_MS
/** How long an operator can recover a deleted file. */
export const DELETED_KEPT_MS = 7 * DAY_MS
/**
 * When S3 is cleared of an upload that ended, counted from one sweep to the next: a part that was
 * on its way while the upload was aborted may still arrive, so one abort is not enough.
 */
export const SWEEP_DELAYS_MS: readonly number[] = [0, 10 * MINUTE_MS, HOUR_MS]

const PART_BYTES_MIN = 8 * 1_024 ** 2

/** Everything that media owns in the bucket. */
export const KEY_PREFIX = 'media/'

/** A file of which no byte has come yet. @throws `media.too_large` */
export const beginUpload = (
  command: {
    readonly mediaId: MediaId
    readonly organizationId: OrganizationId
    readonly ownerId: AccountId
    readonly kind: MediaKind
    readonly name: string
    readonly sizeBytes: number
    readonly bucket: string
  },
  now: Instant,
): Omit<Media, 'uploadId'> => {
  const bytesMax = FILE_BYTES_MAX[command.kind]
  if (command.sizeBytes > bytesMax) throw tooLarge(command.kind, bytesMax)
  const expiresAt = addMs(now, UPLOAD_MS_MAX)
  return {
    ...command,
    key: `${KEY_PREFIX}${command.organizationId}/${command.mediaId}`,
    partSizeBytes: partSizeFor(command.sizeBytes),
    state: 'uploading',
    contentType: null,
    sha256: null,
    checksumVerified: false,
    refusal: null,
    createdAt: now,
    expiresAt,
    sweepAt: expiresAt,
    sweeps: 0,
  }
}

/** Whole mebibytes, at least 8, and never more parts than S3 allows. */
export const partSizeFor = (sizeBytes: number): number => {
  const mebibyte = 1_024 ** 2
  const smallest = Math.ceil(sizeBytes / PARTS_MAX / mebibyte) * mebibyte
  return Math.max(PART_BYTES_MIN, smallest)
}

export const partCountOf = ({ sizeBytes, partSizeBytes }: UploadShape): number =>
  Math.ceil(sizeBytes / partSizeBytes)

/** @param partNumber from 1. */
export const partBytesOf = (upload: UploadShape, partNumber: number): number =>
  Math.min(upload.partSizeBytes, upload.sizeBytes - (partNumber - 1) * upload.partSizeBytes)

type UploadShape = Pick<Media, 'sizeBytes' | 'partSizeBytes'>

/** The parts that are absent or have another size than they must. */
export const missingParts = (
  upload: UploadShape,
  there: ReadonlyMap<number, { readonly sizeBytes: number }>,
): number[] =>
  Array.from({ length: partCountOf(upload) }, (_, index) => index + 1).filter(
    (partNumber) => there.get(partNumber)?.sizeBytes !== partBytesOf(upload, partNumber),
  )

/** Only what is on its way can go on. @throws `media.upload_over` */
export const refuseUnlessUploading = (media: Media): void => {
  if (media.state !== 'uploading') throw uploadOver(media.state)
}

export type Decision = { readonly media: Media; readonly events: readonly MediaEvent[] }

/** What the bytes proved. */
export const accept = (
  media: Media,
  proof: {
    readonly contentType: string
    readonly sha256: string
    readonly checksumVerified: boolean
  },
): Decision => ({
  media: { ...media, ...proof, state: 'ready', sweepAt: null },
  events: [
    {
      type: 'media.uploaded',
      mediaId: media.mediaId,
      organizationId: media.organizationId,
      ownerId: media.ownerId,
      kind: media.kind,
      contentType: proof.contentType,
      sizeBytes: media.sizeBytes,
      sha256: proof.sha256,
      bucket: media.bucket,
      key: media.key,
    },
  ],
})

/** The upload ended without a file. The reaper clears S3, more than once. */
export const endUpload = (
  media: Media,
  { state, refusal = null }: { state: 'refused' | 'aborted' | 'expired'; refusal?: string | null },
  now: Instant,
): Media => ({ ...media, state, refusal, sweepAt: now, sweeps: 0 })

/** Hidden at once; the bytes go after {@link DELETED_KEPT_MS}. Repeating it is harmless. */
export const remove = (media: Media, isReferenced: boolean, now: Instant): Decision => {
  if (media.state === 'uploading') throw mediaNotReady()
  if (media.state !== 'ready') return { media, events: [] }
  if (isReferenced) throw mediaInUse()
  return {
    media: { ...media, state: 'deleted', sweepAt: addMs(now, DELETED_KEPT_MS), sweeps: 0 },
    events: [
      { type: 'media.deleted', mediaId: media.mediaId, organizationId: media.organizationId },
    ],
  }
}

/** After a sweep: when to look again, or never. */
export const swept = (media: Media, now: Instant): Media => {
  const sweeps = media.sweeps + 1
  const delayMs = SWEEP_DELAYS_MS[sweeps]
  return { ...media, sweeps, sweepAt: delayMs === undefined ? null : addMs(now, delayMs) }
}

/**
 * The `Content-Disposition` of a download (RFC 6266): a plain name for old clients, the true one
 * for the rest.
 */
export const contentDisposition = (disposition: 'attachment' | 'inline', name: string): string => {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%/]/g, '_')
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `${disposition}; filename="${plain}"; filename*=UTF-8''${encoded}`
}

// Only what a browser shows without running anything of it.
const SHOWN_INLINE =
  /^(image\/(jpeg|png|gif|webp|avif)|video\/|audio\/|application\/pdf$|text\/vtt$)/

export const mayShowInline = (contentType: string): boolean => SHOWN_INLINE.test(contentType)
