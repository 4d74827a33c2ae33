import { eachDue } from '../../shared/db/batches.ts'
import type { MediaId } from '../../shared/kernel/id.ts'
import { addMs, DAY_MS, type Instant } from '../../shared/kernel/time.ts'
import type { JobCall, Jobs } from '../../shared/service/define.ts'
import { type MultipartUploads, multipartUploads } from './commands/uploads.ts'
import { endUpload, KEY_PREFIX, type Media, swept } from './domain/media.ts'
import type { Deps } from './routes.ts'
import { files } from './store.ts'

/** Files that one run looks at, a transaction each: the next run goes on. */
const SWEPT_PER_RUN_MAX = 200
/** Pages of objects that one run compares with the table. */
const ORPHAN_PAGES_PER_RUN_MAX = 5
/** What is younger may belong to a transaction that has not been committed yet. */
const ORPHAN_AGE_MS_MIN = DAY_MS

export const jobs: Jobs<Deps> = {
  /**
   * Expires uploads, and clears S3 of what ended or was deleted. Safe to repeat, and to run twice
   * at once.
   */
  reap: (call, { storage }) =>
    eachDue<Pick<Media, 'mediaId'>>(call, {
      ...{ rowsMax: SWEPT_PER_RUN_MAX, failure: 'file not cleared' },
      due: (tx, { limit }) => files(tx).listUnswept(call.now, limit),
      work: ({ mediaId }) => sweep(mediaId, call, multipartUploads(storage)),
    }),

  /** Removes objects and uploads that no row names: what a crash between S3 and the commit left. */
  async reapOrphans(call, { storage }) {
    const uploads = multipartUploads(storage)
    await abortUnknown(call, uploads)
    for (let page = 0; page < ORPHAN_PAGES_PER_RUN_MAX; page += 1)
      if (await removeUnknown(call, uploads, storage.bucket)) return
  },
}

const sweep = (
  mediaId: MediaId,
  { now, transaction }: JobCall,
  uploads: MultipartUploads,
): Promise<void> =>
  transaction('*', async (tx) => {
    const media = await files(tx).findForUpdate(mediaId)
    if (!media || media.sweepAt === null || media.sweepAt > now) return
    if (media.state === 'uploading') {
      await files(tx).save(endUpload(media, { state: 'expired' }, now))
      return files(tx).settle(media, 'free')
    }
    await clear(media, uploads)
    await files(tx).save(swept(media, now))
  })

const clear = async (media: Media, uploads: MultipartUploads): Promise<void> => {
  await uploads.abort(media)
  await uploads.remove(media.key)
}

const abortUnknown = async (call: JobCall, uploads: MultipartUploads): Promise<void> => {
  const known = (await uploads.known()).filter(({ begunAt }) => isOld(begunAt, call.now))
  const keys = await knownKeys(
    call,
    known.map(({ key }) => key),
  )
  for (const place of known) if (!keys.has(place.key)) await uploads.abort(place)
}

/** One page of objects. @returns whether it was the last one. */
const removeUnknown = async (
  call: JobCall,
  uploads: MultipartUploads,
  bucket: string,
): Promise<boolean> => {
  const afterKey = await call.transaction('*', (tx) => files(tx).orphanScan(bucket))
  const { objects, isLast } = await uploads.objects(afterKey)
  const old = objects.filter(({ modifiedAt }) => isOld(modifiedAt, call.now))
  const keys = await knownKeys(
    call,
    old.map(({ key }) => key),
  )
  for (const { key } of old) {
    if (keys.has(key)) continue
    call.log.warn('orphan removed', { key })
    await uploads.remove(key)
  }
  const next = isLast ? null : (objects.at(-1)?.key ?? null)
  await call.transaction('*', (tx) => files(tx).saveOrphanScan(bucket, next, call.now))
  return isLast
}

const knownKeys = (call: JobCall, keys: readonly string[]): Promise<Set<string>> =>
  call.transaction('*', (tx) => files(tx).knownKeys(keys.map(mediaIdIn)))

/** `media/<organisation>/<file>` */
const mediaIdIn = (key: string): string => key.slice(KEY_PREFIX.length).split('/').at(-1) ?? ''

const isOld = (date: Date, now: Instant): boolean => date.getTime() < addMs(now, -ORPHAN_AGE_MS_MIN)
