import type { mediaContract } from '../../shared/contracts/media.ts'
import { CHECKSUM_READ_BYTES_MAX } from '../../shared/contracts/media.ts'
import type { Tx } from '../../shared/db/transaction.ts'
import { accessDenied, type Caller } from '../../shared/http/caller.ts'
import type { Forwarded } from '../../shared/http/client.ts'
import type { Handlers } from '../../shared/http/mount.ts'
import { assert } from '../../shared/kernel/assert.ts'
import { DomainError } from '../../shared/kernel/errors.ts'
import { type CourseId, type MediaId, newId } from '../../shared/kernel/id.ts'
import { decodeCursor, encodeCursor, toPage } from '../../shared/kernel/page.ts'
import { addMs, type Instant, SECOND_MS, toIso } from '../../shared/kernel/time.ts'
import { courseRefs } from '../../shared/projection/course-refs.ts'
import { type EnrollmentClient, learnerAccess } from '../../shared/projection/learner-access.ts'
import type { Storage } from '../../shared/storage/open.ts'
import { type MultipartUploads, multipartUploads } from './commands/uploads.ts'
import { sniff } from './domain/content-type.ts'
import {
  accept,
  beginUpload,
  contentDisposition,
  endUpload,
  type Media,
  mayShowInline,
  missingParts,
  partBytesOf,
  partCountOf,
  refuseUnlessUploading,
  remove,
} from './domain/media.ts'
import {
  checksumMismatch,
  mediaNotFound,
  ownUploadsFull,
  partsMissing,
  quotaExceeded,
  typeRefused,
  uploadsFull,
} from './errors.ts'
import { files, references } from './store.ts'

export type Deps = { readonly storage: Storage; readonly enrollment: EnrollmentClient }

/** How long the address of a download is good, in seconds. */
const DOWNLOAD_SECONDS = 5 * 60
/** Courses that are asked about for one download. */
const COURSES_ASKED_MAX = 20
/** Part numbers that a refusal names. */
const MISSING_SHOWN_MAX = 100

export const routes: Handlers<typeof mediaContract, Deps> = {
  async listMedia({ query, caller, tx }) {
    const { owner, ...filter } = query
    if (owner === 'all' && !caller.can('media:manage')) throw accessDenied('media:manage')
    const listed = await files(tx).list({
      ...filter,
      ownerId: owner === 'me' ? caller.accountId : undefined,
    })
    return toPage(listed, query.limit, { keyOf: ({ mediaId }) => [mediaId], itemOf: showMedia })
  },

  async createUpload({ body, caller, now, tx }, { storage }) {
    if (body.kind === 'video' && !caller.can('video:create')) throw accessDenied('video:create')
    const { organizationId, accountId: ownerId } = caller
    const begun = beginUpload(
      { ...body, organizationId, ownerId, mediaId: newId('media'), bucket: storage.bucket },
      now,
    )
    // A look first, so that a full organisation costs no upload; the guarded update below decides.
    const usage = await files(tx).usage(organizationId)
    if (usage.usedBytes + usage.reservedBytes + body.sizeBytes > usage.quotaBytes)
      throw quotaExceeded()
    const uploads = multipartUploads(storage)
    const uploadId = await uploads.begin(begun.key)
    const outcome = await files(tx).reserve(begun)
    if (outcome !== 'reserved') {
      await uploads.abort({ key: begun.key, uploadId })
      throw REFUSALS[outcome]()
    }
    const media = { ...begun, uploadId }
    await files(tx).insert(media)
    return showUpload(media)
  },

  async getUsage({ caller, tx }) {
    return files(tx).usage(caller.organizationId)
  },

  async getMedia({ params, caller, tx }) {
    return showMedia(await findOwn({ ...params, caller, tx }))
  },

  async deleteMedia({ params, caller, now, tx }) {
    const media = await findOwn({ ...params, caller, tx })
    const decision = remove(media, await isReferenced(media, tx), now)
    if (decision.events.length === 0) return undefined
    await files(tx).save(decision.media)
    await files(tx).release(media)
    await files(tx).emit(decision.events)
    return undefined
  },

  async getUpload({ params, caller, tx }) {
    return showUpload(await findOwn({ ...params, caller, tx }))
  },

  async listParts({ params, query, caller, tx }, { storage }) {
    const media = await findOwn({ ...params, caller, tx })
    refuseUnlessUploading(media)
    const afterNumber = partNumberOf(query.cursor)
    const uploads = multipartUploads(storage)
    const last = Math.min(afterNumber + query.limit, partCountOf(media))
    const numbers = Array.from(
      { length: Math.max(0, last - afterNumber) },
      (_, index) => afterNumber + 1 + index,
    )
    const there = await uploads.parts(media, { afterNumber, limit: query.limit })
    const items = numbers.map(async (partNumber) => {
      const sizeBytes = partBytesOf(media, partNumber)
      const isUploaded = there.get(partNumber)?.sizeBytes === sizeBytes
      const url = isUploaded ? null : await uploads.partUrl(media, partNumber, sizeBytes)
      return { partNumber, sizeBytes, isUploaded, url }
    })
    const hasMore = last < partCountOf(media)
    return {
      items: await Promise.all(items),
      nextCursor: hasMore ? encodeCursor([String(last)]) : null,
    }
  },

  async completeUpload({ params, body, caller, now, tx }, { storage }) {
    const media = await findOwn({ ...params, caller, tx })
    if (media.state === 'ready' && media.sha256 === body.sha256) return showMedia(media)
    refuseUnlessUploading(media)
    const uploads = multipartUploads(storage)
    await joinParts(media, uploads)
    const proof = await prove(media, body.sha256, uploads)
    if (proof instanceof DomainError) return refuse(media, proof, { tx, now, uploads })
    const decision = accept(media, proof)
    await files(tx).save(decision.media)
    await files(tx).settle(media, 'used')
    await files(tx).emit(decision.events)
    return showMedia(decision.media)
  },

  async abortUpload({ params, caller, now, tx }, { storage }) {
    const media = await findOwn({ ...params, caller, tx })
    if (media.state === 'aborted') return showMedia(media)
    refuseUnlessUploading(media)
    const aborted = endUpload(media, { state: 'aborted' }, now)
    await files(tx).save(aborted)
    await files(tx).settle(media, 'free')
    // The reaper repeats it: if this fails or a part is still on its way, nothing stays.
    await multipartUploads(storage)
      .abort(media)
      .catch(() => {})
    return showMedia(aborted)
  },

  async signDownload({ params, query, caller, now, headers, tx }, { storage, enrollment }) {
    const media = await files(tx).find(params.mediaId)
    if (media?.state !== 'ready') throw mediaNotFound(params.mediaId)
    const as = { headers, traceparent: tx.traceparent }
    if (!(await maySee({ media, caller, now, tx, as, enrollment })))
      throw mediaNotFound(params.mediaId)
    assert(media.contentType, 'a file that is ready has a type')
    const isInline = query.disposition === 'inline' && mayShowInline(media.contentType)
    const url = await storage.signedUrl(media.key, {
      seconds: DOWNLOAD_SECONDS,
      contentType: media.contentType,
      contentDisposition: contentDisposition(isInline ? 'inline' : 'attachment', media.name),
    })
    const expiresAt = toIso(addMs(now, DOWNLOAD_SECONDS * SECOND_MS))
    return { url, contentType: media.contentType, expiresAt }
  },
}

const REFUSALS = { quota: quotaExceeded, uploads: uploadsFull, own_uploads: ownUploadsFull }

/** The file, locked, if it is the caller's or they run the organisation's files. */
const findOwn = async ({
  mediaId,
  caller,
  tx,
}: {
  mediaId: MediaId
  caller: Caller
  tx: Tx
}): Promise<Media> => {
  const media = await files(tx).findForUpdate(mediaId)
  const isTheirs = media?.ownerId === caller.accountId || caller.can('media:manage')
  if (!media || media.state === 'deleted' || !isTheirs) throw mediaNotFound(mediaId)
  return media
}

const isReferenced = async ({ mediaId }: Media, tx: Tx): Promise<boolean> =>
  (await references(tx).isAvatar(mediaId)) ||
  (await references(tx).coursesShowing(mediaId, { limit: 1 })).length > 0

/** After a crash between S3's answer and our commit, the object is there and the upload is not. */
const joinParts = async (media: Media, uploads: MultipartUploads): Promise<void> => {
  const parts = await uploads.parts(media)
  if (parts.size === 0 && (await uploads.size(media.key)) === media.sizeBytes) return
  const missing = missingParts(media, parts)
  if (missing.length > 0) throw partsMissing(missing.slice(0, MISSING_SHOWN_MAX))
  const wanted = new Map([...parts].filter(([number]) => number <= partCountOf(media)))
  await uploads.join(media, wanted)
}

/** Looks at the bytes: size, type and checksum. @returns the refusal if they are not what was stated. */
const prove = async (media: Media, sha256: string, uploads: MultipartUploads) => {
  const size = await uploads.size(media.key)
  assert(size === media.sizeBytes, 'the joined parts have the size that was set aside')
  const sniffed = await sniff(await uploads.head(media.key))
  if (!sniffed.ok) return typeRefused(sniffed.reason)
  if (sniffed.kind !== media.kind)
    return typeRefused(`This is a file of kind ${sniffed.kind}, not ${media.kind}.`)
  const checksumVerified = media.sizeBytes <= CHECKSUM_READ_BYTES_MAX
  if (checksumVerified && (await uploads.sha256(media.key)) !== sha256) return checksumMismatch()
  return { contentType: sniffed.contentType, sha256, checksumVerified }
}

/** Returned, not thrown (decision 0003): the refusal is kept, and the room is free again. */
const refuse = async (
  media: Media,
  refusal: DomainError,
  { tx, now, uploads }: { tx: Tx; now: Instant; uploads: MultipartUploads },
): Promise<DomainError> => {
  await files(tx).save(endUpload(media, { state: 'refused', refusal: refusal.message }, now))
  await files(tx).settle(media, 'free')
  await uploads.remove(media.key).catch(() => {})
  return refusal
}

const partNumberOf = (cursor: string | undefined): number => {
  const number = Number(decodeCursor(cursor, 1)?.[0] ?? 0)
  if (!Number.isSafeInteger(number) || number < 0)
    throw new DomainError('invalid', 'request.cursor', 'The cursor is not one of this list.')
  return number
}

/** Owners, the organisation's people, avatars, and who builds or takes a course that shows the file. */
const maySee = async ({
  media,
  caller,
  now,
  tx,
  as,
  enrollment,
}: {
  media: Media
  caller: Caller
  now: Instant
  tx: Tx
  as: Forwarded
  enrollment: EnrollmentClient
}): Promise<boolean> => {
  if (media.ownerId === caller.accountId || caller.can('media:manage')) return true
  if (await references(tx).isAvatar(media.mediaId)) return true
  // Learners watch a video through video-streaming, which does not hand out the source.
  const mayLearn = media.kind !== 'video'
  const shown = { limit: COURSES_ASKED_MAX, viewerId: caller.accountId }
  for (const one of await references(tx).coursesShowing(media.mediaId, shown)) {
    const { courseId, isPublished } = one
    const course = await courseRefs(tx).find(courseId)
    if (course && caller.can('content:read', course)) return true
    // A draft is for those who build it.
    if (mayLearn && isPublished && (await isLearner({ courseId, caller, now, tx, as, enrollment })))
      return true
  }
  return false
}

const isLearner = async ({
  courseId,
  caller,
  now,
  tx,
  as,
  enrollment: client,
}: {
  courseId: CourseId
  caller: Caller
  now: Instant
  tx: Tx
  as: Forwarded
  enrollment: EnrollmentClient
}): Promise<boolean> => {
  const { accountId, organizationId } = caller
  try {
    await learnerAccess(tx).findOrAsk({ courseId, accountId, organizationId }, { client, as, now })
    return true
  } catch (error) {
    if (error instanceof DomainError && error.kind === 'not_found') return false
    throw error
  }
}

const showMedia = (media: Media) => ({ ...media, createdAt: toIso(media.createdAt) })

const showUpload = (media: Media) => ({
  ...showMedia(media),
  partCount: partCountOf(media),
  expiresAt: toIso(media.expiresAt),
})
