import { Client } from '@sendgrid/client'
import { MailService } from '@sendgrid/mail'
import type { Id } from '../../../shared/kernel/id.ts'

export type Mail = {
  /** Travels with the mail and comes back with the provider's events. */
  readonly deliveryId: Id<'delivery'>
  readonly category: string
  /** Of what it tells of. */
  readonly traceId: string | null
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly headers: Readonly<Record<string, string>>
}

export type SendResult =
  | { readonly kind: 'accepted' }
  /** The provider will never take this mail. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The provider is away, busy, or does not know us just now. */
  | { readonly kind: 'unavailable'; readonly reason: string }

export type Mailer = { send(mail: Mail): Promise<SendResult> }

/** Longer than SendGrid takes to accept a mail, short enough to leave a run time for others. */
const SEND_TIMEOUT_MS = 5_000

// A malformed or oversized mail stays so; everything else (our key, our quota, their trouble) may pass.
const REFUSED_STATUSES: readonly number[] = [400, 413]

/**
 * SendGrid's v3 Mail Send through the official client.
 *
 * @param baseUrl another SendGrid than the real one (the local hub's).
 * @param from `Name <address>`.
 */
export const sendgridMailer = ({
  apiKey,
  baseUrl,
  from,
}: {
  apiKey: string
  baseUrl: string | undefined
  from: string
}): Mailer => {
  const client = new Client()
  client.setApiKey(apiKey)
  if (baseUrl !== undefined) client.setDefaultRequest('baseUrl', baseUrl)
  const service = new MailService()
  service.setClient(client)
  service.setTimeout(SEND_TIMEOUT_MS)
  return {
    async send({ deliveryId, traceId, category, to, subject, text, html, headers }) {
      try {
        await service.send({
          to,
          from,
          subject,
          text,
          html,
          headers: { ...headers },
          categories: [category],
          customArgs: { deliveryId, ...(traceId !== null && { traceId }) },
          // A rewritten link would hand its token to a third party.
          trackingSettings: {
            clickTracking: { enable: false, enableText: false },
            openTracking: { enable: false },
          },
        })
        return { kind: 'accepted' }
      } catch (error) {
        return failureOf(error)
      }
    },
  }
}

// Of the provider's error only its status is kept: the message may quote an address.
const failureOf = (error: unknown): SendResult => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const reason = `provider.${typeof code === 'number' || typeof code === 'string' ? code : 'error'}`
  const isRefused = typeof code === 'number' && REFUSED_STATUSES.includes(code)
  return { kind: isRefused ? 'refused' : 'unavailable', reason }
}
