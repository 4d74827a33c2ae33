import { DomainError } from '../../shared/kernel/errors.ts'
import type { MediaId } from '../../shared/kernel/id.ts'

/** Absent, or none of the caller's business. */
export const mediaNotFound = (mediaId: MediaId) =>
  new DomainError('not_found', 'media.not_found', 'There is no such file.', {
    details: { mediaId },
  })

export const tooLarge = (kind: string, bytesMax: number) =>
  new DomainError(
    'too_large',
    'media.too_large',
    `A file of kind ${kind} has ${bytesMax} bytes at most.`,
    { extensions: { sizeBytesMax: bytesMax } },
  )

export const quotaExceeded = () =>
  new DomainError(
    'unprocessable',
    'media.quota_exceeded',
    'The organisation has no room left for this file.',
  )

export const ownUploadsFull = () =>
  new DomainError(
    'conflict',
    'media.own_uploads_full',
    'You have too many unfinished uploads: finish or abort one.',
  )

export const uploadsFull = () =>
  new DomainError(
    'conflict',
    'media.uploads_full',
    'The organisation has too many unfinished uploads: finish or abort one.',
  )

export const uploadOver = (state: string) =>
  new DomainError('conflict', 'media.upload_over', `This upload is over: the file is ${state}.`, {
    extensions: { state },
  })

export const partsMissing = (partNumbers: readonly number[]) =>
  new DomainError(
    'conflict',
    'media.parts_missing',
    'Some parts are not there yet, or have the wrong size.',
    { extensions: { partNumbers } },
  )

export const typeRefused = (reason: string) =>
  new DomainError('unprocessable', 'media.type_refused', reason)

export const checksumMismatch = () =>
  new DomainError(
    'unprocessable',
    'media.checksum_mismatch',
    'The bytes that arrived do not have the SHA-256 that you stated.',
  )

export const mediaInUse = () =>
  new DomainError('conflict', 'media.in_use', 'A lesson or a profile still shows this file.')

export const mediaNotReady = () =>
  new DomainError('conflict', 'media.not_ready', 'This upload is not over: abort it instead.')
