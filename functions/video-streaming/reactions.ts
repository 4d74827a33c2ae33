import type { Reactions, Received } from '../../shared/bus/reaction.ts'
import { learnerAccessReactions } from '../../shared/projection/learner-access.ts'
import type { Deps } from './routes.ts'
import { grants, videos } from './store.ts'

/** Which videos can be watched, who may, and whose grants end before their time. */
export const reactions: Reactions<Deps> = {
  ...learnerAccessReactions,

  async 'enrollment.ended'(received) {
    const { data, tx } = received
    await learnerAccessReactions['enrollment.ended'](received)
    await grants(tx).end({ enrollmentId: data.enrollmentId }, 'access_ended')
  },

  async 'enrollment.window_changed'(received) {
    await learnerAccessReactions['enrollment.window_changed'](received)
    await grants(received.tx).fitToAccess(received.data.enrollmentId)
  },

  'video.ready': takeVersion,
  'video.captions_changed': takeVersion,

  async 'media.deleted'({ data, tx }) {
    await videos(tx).markDeleted(data)
    await grants(tx).end({ mediaId: data.mediaId }, 'media_deleted')
  },
}

async function takeVersion({
  data,
  event,
  tx,
}: Received<'video.ready' | 'video.captions_changed'>): Promise<void> {
  const { mediaId, organizationId, ownerId, version, durationMs, bucket, prefix } = data
  const { masterPlaylist, poster, sprite, thumbnails } = data
  const rendition = {
    ...{ version, durationMs, bucket, prefix },
    ...{ masterPlaylist, poster, sprite, thumbnails },
  }
  await videos(tx).put({ mediaId, organizationId, ownerId, rendition }, event.sequence)
}
