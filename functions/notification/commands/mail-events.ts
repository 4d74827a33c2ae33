import { createPublicKey, verify } from 'node:crypto'
import { DAY_MS, type Instant, SECOND_MS } from '../../../shared/kernel/time.ts'

/** SendGrid repeats an undelivered call for a day. */
const AGE_MS_MAX = DAY_MS
const SIGNATURE_HEADER = 'x-twilio-email-event-webhook-signature'
const TIMESTAMP_HEADER = 'x-twilio-email-event-webhook-timestamp'

/** Whether the mail provider signed this very text. */
export type VerifyMailEvents = (
  signed: { readonly headers: Headers; readonly text: string },
  now: Instant,
) => boolean

/**
 * SendGrid's signed Event Webhook: ECDSA (P-256, SHA-256) over the timestamp and the body as it came.
 *
 * @param publicKey SubjectPublicKeyInfo as base64, as SendGrid shows it; without one nothing is believed.
 */
export const mailEventsVerifier = (publicKey: string | undefined): VerifyMailEvents => {
  if (publicKey === undefined) return () => false
  const key = createPublicKey({
    key: Buffer.from(publicKey, 'base64'),
    format: 'der',
    type: 'spki',
  })
  return ({ headers, text }, now) => {
    const timestamp = headers.get(TIMESTAMP_HEADER) ?? ''
    const signature = Buffer.from(headers.get(SIGNATURE_HEADER) ?? '', 'base64')
    const ageMs = Math.abs(now - Number(timestamp) * SECOND_MS)
    // A timestamp that is no number has no age, and fails here.
    if (timestamp === '' || !(ageMs <= AGE_MS_MAX)) return false
    return verify('sha256', Buffer.from(timestamp + text), key, signature)
  }
}
