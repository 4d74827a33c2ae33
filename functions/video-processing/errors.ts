import { DomainError } from '../../shared/kernel/errors.ts'
import type { VideoId } from '../../shared/kernel/id.ts'

/** Absent, or none of the caller's business. */
export const videoNotFound = (videoId: VideoId) =>
  new DomainError('not_found', 'video.not_found', 'There is no such video.', {
    details: { videoId },
  })

export const videoInProgress = () =>
  new DomainError('conflict', 'video.in_progress', 'The video is being processed already.')

export const videoNotInProgress = () =>
  new DomainError('conflict', 'video.not_in_progress', 'The video is not being processed.')

/** Also for a moment after the upload, until its event has arrived. */
export const captionsUnknown = () =>
  new DomainError('conflict', 'video.captions_unknown', 'There is no such captions file (yet).', {
    retryAfterSeconds: 1,
  })

export const captionsInvalid = (reason: string) =>
  new DomainError('unprocessable', 'video.captions_invalid', reason)

export const captionsFull = (max: number) =>
  new DomainError(
    'unprocessable',
    'video.captions_full',
    `A video has captions in ${max} languages at most.`,
  )
