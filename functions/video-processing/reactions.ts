import type { Reactions } from '../../shared/bus/reaction.ts'
import { beginVideo, cancel, isRunning, videoIdOf } from './domain/processing.ts'
import type { Deps } from './routes.ts'
import { startOrLeave, stopOrLeave } from './settings.ts'
import { captionsStore, files, processings, videos } from './store.ts'

/**
 * An uploaded video is processed; uploaded captions may be attached; a deleted file takes its
 * video along.
 */
export const reactions: Reactions<Deps> = {
  async 'media.uploaded'({ data, now, tx }, { executions }) {
    const { mediaId, organizationId, ownerId, bucket, key, sizeBytes } = data
    if (data.kind !== 'captions' && data.kind !== 'video') return
    // News of an upload that was parked comes late: nothing begins with a file that is gone.
    if (!(await files(tx).isThere({ mediaId, organizationId }))) return
    if (data.kind === 'captions')
      return captionsStore(tx).rememberFile({ mediaId, organizationId, ownerId, key })
    const begun = beginVideo(
      { mediaId, organizationId, ownerId, bucket, sourceKey: key, sourceBytes: sizeBytes },
      { now, traceparent: tx.traceparent },
    )
    if (!(await videos(tx).insert(begun.video))) return
    await processings(tx).insert(begun.processing)
    await videos(tx).emit(begun.events)
    await startOrLeave(begun.processing, executions)
  },

  async 'media.deleted'({ data, now, tx }, { executions }) {
    await files(tx).remove(data, now)
    await captionsStore(tx).forgetFile(data.mediaId)
    const video = await videos(tx).findForUpdate(videoIdOf(data.mediaId))
    if (!video) return
    const { videoId, lastVersion: version } = video
    const newest = await processings(tx).findForUpdate({ videoId, version })
    if (newest && isRunning(newest)) {
      const cancelled = cancel(video, newest, now)
      await processings(tx).save(cancelled.processing)
      await videos(tx).emit(cancelled.events)
      await stopOrLeave(cancelled.processing, executions)
    }
    await videos(tx).save({ ...video, deletedAt: now })
    await processings(tx).sweepAll(videoId, now)
  },
}
