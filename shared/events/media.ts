import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { defineEvents, type EventOf } from './envelope.ts'

export const mediaKindSchema = z.enum(['video', 'image', 'document', 'audio', 'captions'])

export const mediaEvents = defineEvents({
  'media.uploaded': {
    key: 'mediaId',
    data: z.object({
      mediaId: idSchema('media'),
      organizationId: idSchema('organization'),
      ownerId: idSchema('account'),
      /** Taken from the bytes, never from the name. */
      kind: mediaKindSchema,
      contentType: z.string(),
      sizeBytes: z.int().nonnegative(),
      sha256: z.string(),
      bucket: z.string(),
      key: z.string(),
    }),
  },
  'media.deleted': {
    key: 'mediaId',
    data: z.object({
      mediaId: idSchema('media'),
      organizationId: idSchema('organization'),
    }),
  },
})

export type MediaEvent = EventOf<typeof mediaEvents>
