import * as z from 'zod'
import { idSchema } from '../kernel/id.ts'
import { isoSchema } from '../kernel/time.ts'
import { defineEvents, type EventOf } from './envelope.ts'

const certificate = {
  certificateId: idSchema('certificate'),
  accountId: idSchema('account'),
  courseId: idSchema('course'),
  organizationId: idSchema('organization'),
  courseTitle: z.string(),
}

export const certificateEvents = defineEvents({
  'certificate.issued': {
    key: 'certificateId',
    data: z.object({
      ...certificate,
      /** Anybody may open it. */
      verifyUrl: z.string(),
      issuedAt: isoSchema,
      /** The certificate that this one replaces, when it was reissued. */
      supersedesId: idSchema('certificate').nullable(),
    }),
  },
  'certificate.revoked': {
    key: 'certificateId',
    data: z.object({ ...certificate, reason: z.string(), revokedAt: isoSchema }),
  },
})

export type CertificateEvent = EventOf<typeof certificateEvents>
