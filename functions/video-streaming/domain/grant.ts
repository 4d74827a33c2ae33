import type {
  AccountId,
  CourseId,
  EnrollmentId,
  Id,
  LessonId,
  MediaId,
  OrganizationId,
} from '../../../shared/kernel/id.ts'
import { addMs, HOUR_MS, type Instant } from '../../../shared/kernel/time.ts'
import { playbackOver } from '../errors.ts'
import type { BeatWindow } from './heartbeat.ts'

/** Playbacks of one person in one organisation that run at a time. */
export const PLAYBACKS_PER_ACCOUNT_MAX = 3

/** How long a grant and everything signed for it lasts. */
export const GRANT_MS = 4 * HOUR_MS

/** One processing of a video: everything that a player needs lies below `prefix`. */
export type Rendition = {
  readonly version: number
  readonly durationMs: number
  readonly bucket: string
  readonly prefix: string
  readonly masterPlaylist: string
  readonly poster: string
  readonly sprite: string
  readonly thumbnails: string
}

export type EndReason = 'closed' | 'device_limit' | 'access_ended' | 'media_deleted'

/** Leave to watch one rendition of one video for a while. */
export type Grant = {
  readonly playbackId: Id<'playback'>
  readonly accountId: AccountId
  readonly organizationId: OrganizationId
  readonly mediaId: MediaId
  /** What it is watched for; null for a preview, which counts nowhere. */
  readonly lesson: WatchedLesson | null
  /** As it was when the grant began: a newer one plays in newer grants. */
  readonly rendition: Rendition
  readonly createdAt: Instant
  readonly expiresAt: Instant
  readonly lastSeenAt: Instant
  readonly endedAt: Instant | null
  readonly endReason: EndReason | null
  readonly beats: BeatWindow
}

export type WatchedLesson = {
  readonly enrollmentId: EnrollmentId
  readonly courseId: CourseId
  readonly lessonId: LessonId
}

/** A grant never outlives the access that it stands on. */
export const grantExpiry = (now: Instant, accessEndsAt: Instant | null): Instant => {
  const expiresAt = addMs(now, GRANT_MS)
  return accessEndsAt !== null && accessEndsAt < expiresAt ? accessEndsAt : expiresAt
}

/** @throws `playback.over` with the reason. */
export const refuseUnlessLive = (
  grant: Pick<Grant, 'endedAt' | 'endReason' | 'expiresAt'>,
  now: Instant,
): void => {
  if (grant.endedAt !== null) throw playbackOver(grant.endReason ?? 'closed')
  if (grant.expiresAt <= now) throw playbackOver('expired')
}

/**
 * The grants that must end so that one more may begin: a closed tab must not lock its owner out for
 * hours.
 */
export const surplusOf = <Live extends Pick<Grant, 'lastSeenAt'>>(live: readonly Live[]): Live[] =>
  live
    .toSorted((one, other) => other.lastSeenAt - one.lastSeenAt)
    .slice(PLAYBACKS_PER_ACCOUNT_MAX - 1)
